"""Quantum ESPRESSO (``pw.x``) with pseudopotentials of the user's own.

Facts found by running version 6.7:

- The energy that pw.x marks with ``!`` is the free energy F = E − TS; forces and stress are its derivatives.
- The error of the energy that ``conv_thr`` limits is quadratic in the error of the density, that of the forces
  is linear: 1e-10 Ry per atom fixes forces in rattled silicon to 1e-4 eV/Å.
- The functional is the one that the pseudopotentials were made with.
- ``starting_magnetization`` is a fraction of the valence electrons, not a moment.
- A cycle that does not converge ends with exit status 2; one that breaks off names the routine.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from ase.io.espresso import Namelist
from ase.io.espresso_namelist.keys import ALL_KEYS
from ase.units import Ry
from pydantic import JsonValue

from forgefield.reference.engines.conditions import (
    check_functional,
    check_names,
    lacks_room,
    number_of_bands,
    shared_parameters,
    with_moments,
)
from forgefield.reference.engines.engine import Attempt, NotConvergedError, Parameters, SinglePoint
from forgefield.reference.engines.program import Program, ProgramFailedError
from forgefield.reference.engines.pseudopotential_files import (
    PseudopotentialFolder,
    recalled,
    recorded,
    settled_cutoff,
)
from forgefield.reference.engines.single_point import single_point
from forgefield.reference.engines.upf import FUNCTIONALS, read_upf_header
from forgefield.reference.k_points import k_points
from forgefield.reference.spec import ReferenceSpec

INPUT = "espresso.pwi"
"""Name of the input file."""

_OWNED = {
    "ecutwfc": "cutoff",
    "kpts": "k_spacing",
    "kspacing": "k_spacing",
    "koffset": "k_spacing",
    "input_dft": "xc",
    "occupations": "smearing",
    "smearing": "smearing",
    "degauss": "smearing",
    "nspin": "spin",
    "starting_magnetization": "spin",
}
_REFUSED = frozenset(
    {
        "calculation",
        "restart_mode",
        "outdir",
        "wfcdir",
        "prefix",
        "pseudo_dir",
        "tstress",
        "tprnfor",
        "ibrav",
        "celldm",
        "a",
        "b",
        "c",
        "nat",
        "ntyp",
        "max_seconds",
        "disk_io",
    }
)
_STEPS = 100
_CONVERGENCE = 1e-10  # Ry per atom
_VERSION = r"Program PWSCF\s+v\.\s*(\S+)"
_NOT_CONVERGED = ("convergence NOT achieved", "eigenvectors failed to converge", "too many bands are not")


class EspressoEngine:
    """Plane waves and pseudopotentials, Γ-centred k-points of one density, Fermi–Dirac smearing.

    Args:
        command: command line that starts pw.x; else ``FORGEFIELD_ESPRESSO_COMMAND``, else ``pw.x``.
        pseudopotentials: folder of UPF files; else ``ESPRESSO_PSEUDO``.
    """

    def __init__(self, command: str | None = None, pseudopotentials: str | None = None) -> None:
        self.program = Program("espresso", "pw.x", command)
        self.folder = PseudopotentialFolder("espresso", "ESPRESSO_PSEUDO", pseudopotentials)

    def version(self) -> str:
        """Version that pw.x prints.

        Raises:
            ForgefieldError: pw.x is not installed.
        """
        return self.program.version([], _VERSION)

    def resolve(self, spec: ReferenceSpec, species: tuple[str, ...]) -> dict[str, JsonValue]:
        """Settings for these species; ``cutoff: auto`` becomes the largest that a pseudopotential suggests."""
        extra = {name.lower(): value for name, value in spec.parameters.items()}
        named = extra.pop("pseudopotentials", None)
        known = {key for section in ALL_KEYS["pw"].values() for key in section} - _REFUSED - set(_OWNED)
        check_names([name.split("(")[0] for name in extra], known, _OWNED, "pw.x")
        check_functional(spec.xc, FUNCTIONALS, "espresso")
        paths = {
            symbol: self.folder.choose(
                symbol, spec.xc, named, [".upf"], lambda path: read_upf_header(path).xc
            )
            for symbol in species
        }
        headers = {symbol: read_upf_header(path) for symbol, path in paths.items()}
        suggested = {paths[symbol]: header.cutoff * Ry for symbol, header in headers.items()}
        cutoff = settled_cutoff(spec.cutoff, suggested)
        # Augmentation charges are harder than products of wave functions.
        times = 4.0 if all(header.norm_conserving for header in headers.values()) else 8.0
        density_cutoff = max(header.density_cutoff for header in headers.values()) * Ry
        return {
            **shared_parameters(spec, cutoff),
            "density_cutoff": max(times * cutoff, density_cutoff),
            "pseudopotentials": recorded(paths),
            "valence": {symbol: header.valence for symbol, header in headers.items()},
            "convergence": _CONVERGENCE,
            "maxiter": extra.pop("electron_maxstep", None) or _STEPS,
            "extra": extra,
        }

    def unsuitable(self, atoms: Atoms, parameters: Parameters) -> str | None:
        """A box is needed, with vacuum inside it along axes that are not periodic."""
        return lacks_room(atoms)

    def attempts(self, parameters: Parameters) -> tuple[Attempt, ...]:
        """More steps and smaller density updates: a longer way to the same numbers."""
        steps = int(str(parameters["maxiter"]))
        return (
            Attempt(f"usual mixing, {steps} steps", {}),
            Attempt(f"mixing 0.2, {2 * steps} steps", {"mixing_beta": 0.2, "electron_maxstep": 2 * steps}),
            Attempt(
                f"mixing 0.05 over 12 densities with local screening, {4 * steps} steps",
                {
                    "mixing_beta": 0.05,
                    "mixing_ndim": 12,
                    "mixing_mode": "local-TF",
                    "electron_maxstep": 4 * steps,
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
            try:
                text = self.program.run(["-in", INPUT], folder)
            except ProgramFailedError as error:
                # pw.x ends with status 2 where self-consistency fails.
                _check_converged(error.text)
                raise
            _check_converged(text)
            (folder / "espresso.pwo").write_text(text)
            return read_output(atoms, folder / "espresso.pwo")

    def write(self, atoms: Atoms, parameters: Parameters, attempt: Attempt, folder: Path) -> None:
        """Write the input file."""
        paths = recalled(self.folder.find(), parameters["pseudopotentials"])
        structure = with_moments(atoms, bool(parameters["spin"]))
        structure.set_constraint()
        valence: Any = parameters["valence"]
        electrons = np.array([float(valence[symbol]) for symbol in structure.symbols])
        moments = structure.get_initial_magnetic_moments()
        if parameters["spin"]:
            structure.set_initial_magnetic_moments((moments / electrons).clip(-1.0, 1.0))
        extra: Any = parameters["extra"]
        settings: dict[str, Any] = {
            "calculation": "scf",
            "pseudo_dir": str(next(iter(paths.values())).parent.absolute()),
            "outdir": "./",
            "disk_io": "none",
            "tstress": True,
            "tprnfor": True,
            "ecutwfc": float(str(parameters["cutoff"])) / Ry,
            "ecutrho": float(str(parameters["density_cutoff"])) / Ry,
            "occupations": "smearing",
            "smearing": "fermi-dirac",
            "degauss": float(str(parameters["smearing"])) / Ry,
            "nspin": 2 if parameters["spin"] else 1,
            "nbnd": number_of_bands(electrons.sum(), np.abs(moments).sum()),
            "conv_thr": float(str(parameters["convergence"])) * len(atoms),
            "electron_maxstep": parameters["maxiter"],
            **extra,
            **attempt.settings,
        }
        mesh = k_points(atoms, parameters)
        nested = Namelist(settings)
        nested.to_nested("pw")
        write(
            folder / INPUT,
            structure,
            format="espresso-in",
            input_data=nested,
            pseudopotentials={symbol: path.name for symbol, path in paths.items()},
            kpts=mesh.size,
            koffset=tuple(int(2 * shift) for shift in mesh.shifts),
        )


def read_output(atoms: Atoms, path: Path) -> SinglePoint:
    """Labels from the output of pw.x.

    Args:
        atoms: the structure that it computed.
        path: what it printed.

    Raises:
        NotConvergedError: it says that self-consistency was not reached.
    """
    _check_converged(path.read_text(errors="replace"))
    results = read(path, format="espresso-out").calc.results
    return single_point(
        atoms,
        SinglePointCalculator(
            atoms,
            energy=results["energy"],
            free_energy=results["free_energy"],
            forces=results["forces"],
            **({"stress": results["stress"]} if results.get("stress") is not None else {}),
        ),
    )


def _check_converged(text: str) -> None:
    for sign in _NOT_CONVERGED:
        if sign in text:
            line = next(line for line in text.splitlines() if sign in line)
            raise NotConvergedError(f"pw.x: {line.strip()}")
