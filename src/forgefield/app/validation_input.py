"""What the command validate is given: settings, structures and methods by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from ase import Atoms
from pydantic import ValidationError

from forgefield.app.commands_evaluate import reference_values
from forgefield.app.training_files import gather_settings
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import read_structures
from forgefield.atoms.spec import Spec, settings_error
from forgefield.dataset.known_labels import read_known_labels
from forgefield.dataset.store import Dataset
from forgefield.properties.comparison import LimitsSpec
from forgefield.properties.errors import ErrorStatistics, prediction_errors
from forgefield.properties.examination import Property
from forgefield.properties.examination_spec import ExaminationSpec
from forgefield.properties.point import evaluate_points
from forgefield.reference.ledger import Ledger
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ASE_PREFIX, ENGINE_SETTINGS, ReferenceSpec
from forgefield.structures.prototypes import prototype, prototype_names
from forgefield.workflow.folder import write_atomically
from forgefield.workflow.labelling import Labeller
from forgefield.workflow.methods import check_species, direct_method, reference_method, reference_of_run
from forgefield.workflow.progress import Progress
from forgefield.workflow.reference_trajectory import ReferenceTrajectory
from forgefield.workflow.spec import BudgetSpec
from forgefield.workflow.validation import Method
from forgefield.workflow.validation_folder import MOTION, ValidationFolder


class ValidationSettings(Spec):
    """What --settings and --set may say."""

    reference: ReferenceSpec | None = None
    """Reference calculations; null: those of the run that the potential comes from, else the engine's defaults."""
    properties: ExaminationSpec = ExaminationSpec()
    """How properties are computed."""
    agreement: LimitsSpec = LimitsSpec()
    """What counts as agreement."""
    budget: BudgetSpec = BudgetSpec()
    """What the reference may cost."""


def read_settings(file: Path | None, assignments: Sequence[str], budget: int | None) -> ValidationSettings:
    """Settings of a file, over them assignments, over them an option.

    Raises:
        ForgefieldError: something is wrong with them.
    """
    content = gather_settings(file, assignments, {"budget.calculations": budget})
    try:
        return ValidationSettings.model_validate(content)
    except ValidationError as error:
        raise settings_error(error, "", ValidationSettings) from None


def named_structures(names: Sequence[str], method: Method) -> dict[str, Atoms]:
    """Structures by name: every frame of a file, or a prototype of the potential's only element.

    Raises:
        ForgefieldError: no such file or prototype.
    """
    found: dict[str, Atoms] = {}
    for name in names:
        if Path(name).exists():
            frames = read_structures(Path(name))
            for number, atoms in enumerate(frames):
                title = Path(name).stem + (f"-{number + 1}" if len(frames) > 1 else "")
                found[title] = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        elif name not in prototype_names():
            raise ForgefieldError(
                f"there is no structure file {name}",
                f"check the path, or name a prototype of an element: {', '.join(prototype_names())}",
            )
        elif len(method.species) != 1:
            raise ForgefieldError(
                f"prototype {name} needs to know the element, and the potential has "
                + (", ".join(method.species) or "no list of elements"),
                "give a structure file",
            )
        else:
            found[name] = prototype(method.species[0], name)
    return found


def trajectories_named(
    names: Sequence[str], structures: Iterable[str], properties: Sequence[Property]
) -> list[ReferenceTrajectory]:
    """What ``STRUCTURE=FILE:FS`` names, such as ``rutile=aimd.traj:10``.

    Raises:
        ForgefieldError: no such structure or file, a structure twice, no interval, or motion is not examined.
    """
    if names and MOTION not in [each.name for each in properties]:
        raise ForgefieldError(
            f"--trajectory {names[0]} has nothing to be laid beside", f"add {MOTION} to --properties"
        )
    known = list(structures)
    found: list[ReferenceTrajectory] = []
    for name in names:
        parts = re.fullmatch(r"([^=]+)=(.+):(\d+\.?\d*|\.\d+)", name)
        if parts is None or not float(parts[3]) > 0:
            raise ForgefieldError(
                f"--trajectory {name} is not STRUCTURE=FILE:FS",
                "name the structure, the file and the time between its frames in fs, such as rutile=aimd.traj:10",
            )
        structure, path = parts[1], Path(parts[2])
        if structure not in known or structure in [each.structure for each in found]:
            again = "twice" if structure in known else "and there is no such structure"
            raise ForgefieldError(
                f"--trajectory {name}: {structure} {again}", f"choose from {', '.join(known)}"
            )
        if not path.is_file():
            raise ForgefieldError(f"--trajectory {name}: there is no file {path}", "check the path")
        found.append(ReferenceTrajectory(structure, path, float(parts[3])))
    return found


def default_folder(potential: str) -> Path:
    """Where a validation of a potential goes: ``si-run/potential`` → ``si-run-validation``."""
    if potential.startswith(ASE_PREFIX):
        return Path(f"{potential.rpartition('.')[2].lower()}-validation")
    path = Path(potential).absolute()
    path = path.parent if path.name in ("potential", "potential.json") else path
    return path.with_name(f"{path.stem if path.is_file() else path.name}-validation")


def is_data(against: str | None) -> bool:
    """Whether this names labelled structures instead of a method."""
    path = Path(against or "")
    return path.is_file() and path.suffix != ".txt" and path.name != "potential.json"


def errors_on_data(method: Method, path: Path) -> ErrorStatistics:
    """Errors of a method on labelled structures.

    Raises:
        ForgefieldError: none of them has labels, or an element is foreign to the method.
    """
    labelled = [(atoms, values) for atoms in read_structures(path) if (values := reference_values(atoms))]
    if not labelled:
        raise ForgefieldError(
            f"none of the structures in {path} has energy and forces",
            "give extended XYZ with energy= on the comment line and a forces:R:3 column",
        )
    check_species(method, "the potential", [atoms for atoms, _ in labelled])
    predicted = evaluate_points([atoms for atoms, _ in labelled], method.calculator("data"))
    return prediction_errors(predicted, [values for _, values in labelled])


def reference_named(
    against: str,
    potential: str,
    guide: Method,
    settings: ValidationSettings,
    structures: Mapping[str, Atoms],
    folder: ValidationFolder,
    executor: Executor,
    progress: Progress,
    labels: Sequence[Path] = (),
) -> Method:
    """What a potential is laid beside: an engine, or another potential.

    An engine's settings are those given, or those of the run that the potential comes from, or its defaults. What the
    files of ``labels`` hold is not computed again.

    Raises:
        ForgefieldError: neither.
    """
    engines = [each for each in ENGINE_SETTINGS if each != "ase"]
    if against not in engines and not against.startswith(ASE_PREFIX):
        if not Path(against).exists():
            raise ForgefieldError(
                f"--against {against} is neither an engine nor a potential",
                f"choose from {', '.join(engines)}, ase:<module>.<callable>, or give a path",
            )
        return direct_method(against)
    of_run = None if potential.startswith(ASE_PREFIX) else reference_of_run(Path(potential))
    spec = settings.reference or of_run
    if spec is None or spec.engine != against:
        spec = ReferenceSpec(engine=against)
    species = sorted({symbol for atoms in structures.values() for symbol in atoms.symbols})
    recipe = resolve_recipe(spec, species)
    write_atomically(folder.recipe, recipe.model_dump_json(indent=2) + "\n")
    labeller = Labeller(
        Dataset(folder.dataset),
        Ledger(folder.ledger),
        recipe,
        executor,
        settings.budget.calculations,
        progress,
        read_known_labels(labels, recipe.key, recipe.label),
    )
    return reference_method(labeller, guide)
