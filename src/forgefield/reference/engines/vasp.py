"""VASP with the user's own licence, program and library of POTCAR files.

Written after VASP's manual and tested against files, not against the program:

- Forces and stress belong to the free energy (``e_fr_energy``), not to the energy extrapolated to zero smearing.
- VASP numbers atoms by POTCAR; atoms are sorted by element for it and its results are sorted back.
- For stress VASP's manual advises a cutoff of 1.3 ENMAX; ``cutoff: auto`` takes that.
- OUTCAR says whether the last cycle reached EDIFF; the exit status says nothing.
- Custodian's handlers of errors are not used: most of what they change (k-points, PREC, LREAL, ISMEAR, SYMPREC) changes
  what is computed, so that labels would not belong together. What does not, is on the ladder: safer minimisers,
  smaller updates, no symmetry.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from ase.io.vasp import write_vasp
from pydantic import JsonValue

from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.engines.conditions import (
    check_functional,
    check_names,
    lacks_room,
    shared_parameters,
    with_moments,
)
from forgefield.reference.engines.engine import Attempt, NotConvergedError, Parameters, SinglePoint
from forgefield.reference.engines.potcar import find_potcar, read_potcar_header
from forgefield.reference.engines.program import Program, ProgramFailedError
from forgefield.reference.engines.pseudopotential_files import (
    PseudopotentialFolder,
    fingerprint,
    settled_cutoff,
)
from forgefield.reference.engines.single_point import single_point
from forgefield.reference.k_points import k_points
from forgefield.reference.spec import ReferenceSpec

_GGA = {"LDA": None, "PBE": "PE", "PBEsol": "PS", "revPBE": "RE", "RPBE": "RP", "AM05": "AM"}
_OWNED = {
    "encut": "cutoff",
    "kspacing": "k_spacing",
    "kgamma": "k_spacing",
    "kpts": "k_spacing",
    "gamma": "k_spacing",
    "reciprocal": "k_spacing",
    "gga": "xc",
    "metagga": "xc",
    "xc": "xc",
    "pp": "xc",
    "ismear": "smearing",
    "sigma": "smearing",
    "ispin": "spin",
    "magmom": "spin",
}
_REFUSED = frozenset({"nsw", "ibrion", "isif", "istart", "icharg", "pstress"})
_STEPS = 100
_MARGIN = 1.3
_REACHED = "aborting loop because EDIFF is reached"


class VaspEngine:
    """Plane-wave PAW calculations, Γ-centred k-points of one density, Fermi–Dirac smearing.

    Args:
        command: command line that starts VASP; else ``FORGEFIELD_VASP_COMMAND``, else ``vasp_std``.
        pseudopotentials: library of POTCAR files; else ``VASP_PP_PATH``.
    """

    def __init__(self, command: str | None = None, pseudopotentials: str | None = None) -> None:
        self.program = Program("vasp", "vasp_std", command)
        self.folder = PseudopotentialFolder("vasp", "VASP_PP_PATH", pseudopotentials)

    def version(self) -> str:
        """Version in the line that VASP prints after it has read INCAR.

        Raises:
            ForgefieldError: VASP is not installed.
        """
        return self.program.version([], r"\bvasp\.(\d\S*)", {"INCAR": "SYSTEM = version\n"})

    def resolve(self, spec: ReferenceSpec, species: tuple[str, ...]) -> dict[str, JsonValue]:
        """INCAR's settings for these species; ``cutoff: auto`` becomes 1.3 times the largest ENMAX."""
        extra = {name.lower(): value for name, value in spec.parameters.items()}
        setups = extra.pop("setups", None)
        check_names(extra, _incar_names() - _REFUSED - set(_OWNED), _OWNED, "VASP")
        check_functional(spec.xc, tuple(_GGA), "vasp")
        folder = self.folder.find()
        sets = {
            symbol: str(setups[symbol]) if isinstance(setups, dict) and symbol in setups else symbol
            for symbol in species
        }
        family = "LDA" if spec.xc == "LDA" else "PBE"
        paths = {symbol: find_potcar(folder, name, family) for symbol, name in sets.items()}
        advised = {path: _MARGIN * read_potcar_header(path).cutoff for path in paths.values()}
        files: dict[str, JsonValue] = {
            symbol: {"set": sets[symbol], "family": family, "hash": fingerprint(path)}
            for symbol, path in paths.items()
        }
        return {
            **shared_parameters(spec, settled_cutoff(spec.cutoff, advised)),
            "pseudopotentials": files,
            "maxiter": extra.pop("nelm", None) or _STEPS,
            "extra": extra,
        }

    def unsuitable(self, atoms: Atoms, parameters: Parameters) -> str | None:
        """A box is needed, with vacuum inside it along axes that are not periodic."""
        return lacks_room(atoms)

    def attempts(self, parameters: Parameters) -> tuple[Attempt, ...]:
        """More steps, safer minimisers and smaller density updates: a longer way to the same numbers."""
        steps = int(str(parameters["maxiter"]))
        return (
            Attempt(f"usual mixing, {steps} steps", {}),
            Attempt(
                f"Davidson's diagonalisation, mixing 0.1, {2 * steps} steps",
                {
                    "algo": "Normal",
                    "amix": 0.1,
                    "bmix": 1.0,
                    "amix_mag": 0.4,
                    "bmix_mag": 1.0,
                    "nelm": 2 * steps,
                },
            ),
            Attempt(
                f"mixing 0.02 with long waves damped, no symmetry, {4 * steps} steps",
                {
                    "algo": "Normal",
                    "amix": 0.02,
                    "bmix": 3.0,
                    "amix_mag": 0.08,
                    "bmix_mag": 3.0,
                    "isym": 0,
                    "nelm": 4 * steps,
                },
            ),
        )

    def prepare(self) -> None:
        """Nothing is slow to import."""

    def run(self, atoms: Atoms, parameters: Parameters, attempt: Attempt) -> SinglePoint:
        """One self-consistent calculation from superposed atomic densities, in a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="forgefield-") as name:
            folder = Path(name)
            self.write(atoms, parameters, attempt, folder)
            text = self.program.run([], folder)
            if not (folder / "vasprun.xml").is_file():
                raise ProgramFailedError("VASP", "no vasprun.xml", text)
            return read_results(atoms, folder)

    def write(self, atoms: Atoms, parameters: Parameters, attempt: Attempt, folder: Path) -> None:
        """Write INCAR, KPOINTS, POSCAR and POTCAR."""
        order = sorting(atoms)
        structure = with_moments(atoms, bool(parameters["spin"]))[order]
        structure.set_constraint()
        extra: Any = parameters["extra"]
        gga = _GGA[str(parameters["xc"])]
        settings: dict[str, Any] = {
            "encut": parameters["cutoff"],
            "prec": "Accurate",
            "ediff": 1e-6,
            "nelm": parameters["maxiter"],
            "ismear": -1,
            "sigma": parameters["smearing"],
            "lreal": False,
            "lasph": True,
            "lwave": False,
            "lcharg": False,
            "ispin": 2 if parameters["spin"] else 1,
            **({"gga": gga} if gga else {}),
            **({"magmom": structure.get_initial_magnetic_moments().tolist()} if parameters["spin"] else {}),
            **extra,
            **attempt.settings,
            "ibrion": -1,
            "nsw": 0,
            "isif": 2,
        }
        incar = "".join(f"{name.upper()} = {_written(value)}\n" for name, value in settings.items())
        (folder / "INCAR").write_text(incar)
        mesh = k_points(atoms, parameters)
        style = "Gamma" if mesh.kind == "gamma" else "Monkhorst-Pack"
        (folder / "KPOINTS").write_text(f"{mesh.kind}\n0\n{style}\n{' '.join(map(str, mesh.size))}\n0 0 0\n")
        write_vasp(folder / "POSCAR", structure, direct=True, vasp5=True)
        library = self.folder.find()
        records: Any = parameters["pseudopotentials"]
        with (folder / "POTCAR").open("wb") as potcar:
            for symbol in dict.fromkeys(structure.symbols):
                record = records[symbol]
                path = find_potcar(library, record["set"], record["family"])
                if fingerprint(path) != record["hash"]:
                    raise ForgefieldError(
                        f"{path} is not the POTCAR that the recipe was made with ({record['hash']})",
                        "bring the file back, or begin a new run",
                    )
                potcar.write(path.read_bytes())


def _incar_names() -> set[str]:
    """INCAR's tags, in lower case."""
    from ase.calculators.vasp import create_input  # imports matplotlib

    lists = (
        create_input.float_keys,
        create_input.exp_keys,
        create_input.string_keys,
        create_input.int_keys,
        create_input.bool_keys,
        create_input.list_int_keys,
        create_input.list_bool_keys,
        create_input.list_float_keys,
        create_input.special_keys,
    )
    return {name for names in lists for name in names}


def sorting(atoms: Atoms) -> np.ndarray:
    """Indices that bring atoms of one element together, otherwise in their order."""
    return np.argsort(np.array(atoms.get_chemical_symbols()), kind="stable")


def read_results(atoms: Atoms, folder: Path) -> SinglePoint:
    """Labels from ``vasprun.xml`` and ``OUTCAR``.

    Args:
        atoms: the structure in its own order.
        folder: where VASP ran.

    Raises:
        NotConvergedError: the last cycle did not reach EDIFF.
    """
    outcar = (folder / "OUTCAR").read_text(errors="replace")
    endings = [line for line in outcar.splitlines() if "aborting loop" in line]
    if not endings or _REACHED not in endings[-1]:
        said = endings[-1].strip(" -") if endings else "OUTCAR says nowhere that EDIFF was reached"
        raise NotConvergedError(f"vasp: {said}")
    results = read(folder / "vasprun.xml", format="vasp-xml", index=-1).calc.results
    forces = np.empty((len(atoms), 3))
    forces[sorting(atoms)] = results["forces"]
    given = {key: results[key] for key in ("energy", "free_energy", "stress") if results.get(key) is not None}
    return single_point(atoms, SinglePointCalculator(atoms, forces=forces, **given))


def _written(value: object) -> str:
    if isinstance(value, bool):
        return ".TRUE." if value else ".FALSE."
    if isinstance(value, list | tuple):
        return " ".join(_written(one) for one in value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
