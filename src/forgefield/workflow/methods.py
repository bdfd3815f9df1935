"""From what a user names to a method of a validation: a potential, somebody's calculator, or the reference."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.json_files import read_json
from forgefield.potentials.registry import load
from forgefield.reference.engines.ase_calculator import AseCalculatorEngine
from forgefield.reference.spec import ASE_PREFIX, ReferenceSpec
from forgefield.workflow.folder import RunFolder, StepName
from forgefield.workflow.labelling import Labeller
from forgefield.workflow.reference_calculator import ReferenceCalculator, ReferenceDesk
from forgefield.workflow.spec import RunSpec
from forgefield.workflow.validation import Method

_STEP = StepName(0, "targets")


def direct_method(name: str) -> Method:
    """A potential, or a calculator that is fast enough to be asked directly.

    Args:
        name: path of a potential or run folder, or ``ase:`` and the import path of a calculator.

    Raises:
        ForgefieldError: there is none.
    """
    if name.startswith(ASE_PREFIX):
        engine = AseCalculatorEngine(name.removeprefix(ASE_PREFIX))
        engine.prepare()
        title, key = name.rpartition(".")[2], f"{name} {engine.version()}"
        return Method(title, key, lambda purpose: engine.calculator({}))
    potential = load(Path(name))
    return Method(name, _hash_of(Path(name)), lambda purpose: potential.calculator(), potential.species)


def check_species(method: Method, name: str, structures: Iterable[Atoms]) -> None:
    """Refuse structures of elements that a method does not know.

    Raises:
        ForgefieldError: there are such.
    """
    foreign = sorted({symbol for atoms in structures for symbol in atoms.symbols} - set(method.species))
    if method.species and foreign:
        raise ForgefieldError(
            f"{name} knows {', '.join(method.species)}, but the structures contain {', '.join(foreign)}",
            "leave those structures out, or train a potential for all of these elements",
        )


def reference_method(labeller: Labeller, guide: Method) -> Method:
    """The reference, whose calculations are kept and counted.

    Args:
        labeller: makes them.
        guide: a cheap method that resembles it, on which relaxations begin.
    """
    desk = ReferenceDesk(labeller, _STEP)
    recipe = labeller.recipe
    title = recipe.engine.rpartition(".")[2] if recipe.engine.startswith(ASE_PREFIX) else recipe.label
    if xc := recipe.parameters.get("xc"):
        title = f"DFT ({xc}, {recipe.engine})"

    def calculator(purpose: str) -> ReferenceCalculator:
        return ReferenceCalculator(desk, purpose, guide.calculator(purpose))

    key = f"{recipe.label} {recipe.key}"
    return Method(title, key, calculator, left=labeller.left(), side_by_side=True)


def reference_of_run(path: Path) -> ReferenceSpec | None:
    """How the reference of a run is computed; None if there is no run."""
    settings = RunFolder(path).spec
    if not settings.exists():
        return None
    return RunSpec.model_validate(read_json(settings)).reference


def _hash_of(path: Path) -> str:
    """Of all that a potential consists of."""
    if path.name == "potential.json":
        path = path.parent
    inner = path / "potential"
    path = inner if (inner / "potential.json").exists() else path
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
