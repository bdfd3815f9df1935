"""CP2K: Gaussian and plane waves, GTH pseudopotentials and MOLOPT basis sets of its data folder.

Facts found by running version 2023.1:

- Grids of the Monkhorst–Pack scheme with even numbers miss Γ; the MACDONALD scheme adds a shift in units of the
  reciprocal cell, so 1/(2n) for even n and 0 for odd n is the Γ-centred mesh.
- The plane-wave cutoff is that of the density: four times the recipe's cutoff, as in a code in plane waves.
- The temperature of the electrons needs its unit written as ``[K]``.
- The total energy holds the entropy: it is the free energy that forces and stress are derivatives of.
- The density that a spin-polarised cycle starts from is scaled to the multiplicity, whatever the atoms' moments; with
  smearing the moment is free from then on.
- An unconverged cycle is a line in the output and nothing else; from 2024 on it ends the program.
"""

from __future__ import annotations

import contextlib
import shlex
import tempfile
import warnings
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.cp2k import CP2K
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import kB
from pydantic import JsonValue

from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.engines.conditions import (
    check_functional,
    check_names,
    lacks_room,
    shared_parameters,
    with_moments,
)
from forgefield.reference.engines.cp2k_input import input_template, refuse_owned
from forgefield.reference.engines.cp2k_sets import find_entry
from forgefield.reference.engines.engine import Attempt, NotConvergedError, Parameters, SinglePoint
from forgefield.reference.engines.program import Program, ProgramFailedError
from forgefield.reference.engines.pseudopotential_files import PseudopotentialFolder
from forgefield.reference.engines.single_point import single_point
from forgefield.reference.k_points import k_points
from forgefield.reference.spec import ReferenceSpec

_FUNCTIONALS = ("LDA", "PBE", "BLYP")  # those with GTH pseudopotentials in CP2K's own files
_DEFAULTS = {
    "basis_set": "DZVP-MOLOPT-SR-GTH",
    "basis_set_file": "BASIS_MOLOPT",
    "potential_file": "GTH_POTENTIALS",
}
_OWNED = {
    "cutoff": "cutoff",
    "kpts": "k_spacing",
    "xc": "xc",
    "uks": "spin",
    "multiplicity": "spin",
}
_TIMES = 4.0
_CUTOFF = 2000.0  # eV; 588 Ry for the density, enough for GTH pseudopotentials of main-group elements
_STEPS = 100
_USUAL = "/usr/share/cp2k"


class Cp2kEngine:
    """Gaussian and plane waves, Γ-centred k-points of one density, Fermi–Dirac smearing.

    Args:
        command: command line that starts CP2K; else ``FORGEFIELD_CP2K_COMMAND``, else ``cp2k``.
        pseudopotentials: CP2K's data folder; else ``CP2K_DATA_DIR``, else Debian's.
    """

    def __init__(self, command: str | None = None, pseudopotentials: str | None = None) -> None:
        self.program = Program("cp2k", "cp2k", command)
        usual = _USUAL if Path(_USUAL).is_dir() else None
        self.folder = PseudopotentialFolder("cp2k", "CP2K_DATA_DIR", pseudopotentials, usual)

    def version(self) -> str:
        """Version that CP2K prints.

        Raises:
            ForgefieldError: CP2K is not installed.
        """
        return self.program.version(["--version"], r"CP2K version\s+(\S+)")

    def resolve(self, spec: ReferenceSpec, species: tuple[str, ...]) -> dict[str, JsonValue]:
        """Settings for these species, with the basis sets and pseudopotentials looked up."""
        extra = dict(spec.parameters)
        check_names(extra, {*_DEFAULTS, "inp", "charge", "max_scf"}, _OWNED, "CP2K")
        check_functional(spec.xc, _FUNCTIONALS, "cp2k")
        inp = str(extra.get("inp", ""))
        refuse_owned(inp)
        names = _DEFAULTS | {key: str(extra[key]) for key in _DEFAULTS if key in extra}
        potential = f"GTH-{'PADE' if spec.xc == 'LDA' else spec.xc}"
        folder = self.folder.find()
        entries: dict[str, JsonValue] = {}
        for symbol in species:
            entries[symbol] = {
                "basis": find_entry(folder / names["basis_set_file"], symbol, names["basis_set"]).fingerprint,
                "potential": find_entry(folder / names["potential_file"], symbol, potential).fingerprint,
            }
        return {
            **shared_parameters(spec, _CUTOFF if isinstance(spec.cutoff, str) else spec.cutoff),
            **names,
            "pseudo_potential": potential,
            "entries": entries,
            "maxiter": extra.get("max_scf") or _STEPS,
            "charge": extra.get("charge", 0),
            "inp": inp,
        }

    def unsuitable(self, atoms: Atoms, parameters: Parameters) -> str | None:
        """A box is needed; CP2K starts moments by element, not by atom."""
        reason = lacks_room(atoms)
        if reason is None and parameters["spin"]:
            structure = with_moments(atoms, spin=True)
            pairs = set(zip(structure.symbols, structure.get_initial_magnetic_moments(), strict=True))
            if len(pairs) > len(set(structure.symbols)):
                return "atoms of one element start with different moments, which engine cp2k cannot do"
        return reason

    def attempts(self, parameters: Parameters) -> tuple[Attempt, ...]:
        """More steps and smaller density updates: a longer way to the same numbers."""
        steps = int(str(parameters["maxiter"]))
        return (
            Attempt(f"usual mixing, {steps} steps", {}),
            Attempt(f"mixing 0.1, {2 * steps} steps", {"alpha": 0.1, "maxiter": 2 * steps}),
            Attempt(
                f"mixing 0.02 over 16 densities, {4 * steps} steps",
                {"alpha": 0.02, "buffer": 16, "maxiter": 4 * steps},
            ),
        )

    def prepare(self) -> None:
        """Nothing is slow to import."""

    def run(self, atoms: Atoms, parameters: Parameters, attempt: Attempt) -> SinglePoint:
        """One self-consistent calculation from superposed atomic densities, in a folder of its own."""
        self.program.words()
        with tempfile.TemporaryDirectory(prefix="forgefield-") as name:
            command = f"cd {shlex.quote(name)} && OMP_NUM_THREADS=1 exec {self.program.line} --shell"
            structure = with_moments(atoms, bool(parameters["spin"]))
            # Along axes without periodicity the box is repeated, with vacuum in between.
            structure.pbc = True
            calculator = CP2K(
                label="cp2k", command=command, **self.arguments(structure, atoms, parameters, attempt)
            )
            try:
                point = single_point(structure, calculator)
            except Exception as error:
                # A CP2K that stops leaves its reasons in its output, and an assertion of the adapter.
                _check_converged(Path(name))
                raise ProgramFailedError("cp2k", "an error", _abort(Path(name))) from error
            finally:
                with warnings.catch_warnings(), contextlib.suppress(Exception):
                    warnings.simplefilter("ignore")
                    calculator.close()
            _check_converged(Path(name))
        results: dict[str, Any] = {"energy": point.energy, "free_energy": point.energy}
        results["forces"] = point.forces
        if point.stress is not None:
            results["stress"] = point.stress
        return single_point(atoms, SinglePointCalculator(atoms, **results))

    def arguments(
        self, structure: Atoms, atoms: Atoms, parameters: Parameters, attempt: Attempt
    ) -> dict[str, Any]:
        """Arguments of ASE's calculator.

        Args:
            structure: what is computed, with moments.
            atoms: the same with its own periodicity, which decides the k-points.
            parameters: of the recipe.
            attempt: rung of the ladder.
        """
        valence = {symbol: self._valence(symbol, parameters) for symbol in dict.fromkeys(structure.symbols)}
        moments = structure.get_initial_magnetic_moments()
        electrons = sum(valence[symbol] for symbol in structure.symbols) - int(str(parameters["charge"]))
        inp = input_template(
            mesh=k_points(atoms, parameters),
            temperature=float(str(parameters["smearing"])) / kB,
            moments=dict(zip(structure.symbols, moments, strict=True)) if parameters["spin"] else {},
            alpha=float(str(attempt.settings.get("alpha", 0.4))),
            buffer=int(str(attempt.settings.get("buffer", 8))),
            further=str(parameters["inp"]),
        )
        return {
            "xc": parameters["xc"],
            "cutoff": _TIMES * float(str(parameters["cutoff"])),
            "basis_set": parameters["basis_set"],
            "basis_set_file": str(self.folder.find() / str(parameters["basis_set_file"])),
            "potential_file": str(self.folder.find() / str(parameters["potential_file"])),
            "pseudo_potential": parameters["pseudo_potential"],
            "uks": bool(parameters["spin"]),
            "multiplicity": _multiplicity(electrons, float(moments.sum())) if parameters["spin"] else None,
            "charge": parameters["charge"],
            "max_scf": int(str(attempt.settings.get("maxiter", parameters["maxiter"]))),
            "print_level": "MEDIUM",
            "inp": inp,
        }

    def _valence(self, symbol: str, parameters: Parameters) -> int:
        """Valence electrons of an element, whose sets must be those that the recipe was made with."""
        entries: Any = parameters["entries"]
        for kind, file, name in (
            ("basis", "basis_set_file", "basis_set"),
            ("potential", "potential_file", "pseudo_potential"),
        ):
            path = self.folder.find() / str(parameters[file])
            entry = find_entry(path, symbol, str(parameters[name]))
            if entry.fingerprint != entries[symbol][kind]:
                raise ForgefieldError(
                    f"{parameters[name]} of {symbol} in {path} is not the one that the recipe was made with",
                    "bring the file back, or begin a new run",
                )
        return entry.valence


def _multiplicity(electrons: int, moment: float) -> int:
    """One more than the unpaired electrons nearest to a total moment, μB, that so many electrons can have."""
    unpaired = min(round(abs(moment)), electrons)
    if (electrons - unpaired) % 2:
        unpaired += 1 if unpaired < electrons else -1
    return unpaired + 1


def _output(folder: Path) -> str:
    path = folder / "cp2k.out"
    return path.read_text(errors="replace") if path.is_file() else ""


def _check_converged(folder: Path) -> None:
    if "SCF run NOT converged" in _output(folder):
        raise NotConvergedError("cp2k: SCF run NOT converged")


def _abort(folder: Path) -> str:
    """What stands in the frame with which CP2K stops."""
    text = _output(folder)
    start = text.find("[ABORT]")
    words = (line.strip(" *\\/_|O").strip() for line in text[start:].splitlines()[1:8]) if start >= 0 else ()
    return " ".join(word for word in words if word) or text
