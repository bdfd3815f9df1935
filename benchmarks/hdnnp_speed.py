"""Time of an energy, force and stress evaluation of two published potentials, neighbour list included.

Run with ``python benchmarks/hdnnp_speed.py [folder of the n2p2 data]``. n2p2's own times were taken with version 2.3,
compiled with -O3 -march=native, on one such core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numba
from timing import DATA, microseconds

from forgefield.potentials.hdnnp.definition import ATOMIC_UNITS, EV_ANGSTROM
from forgefield.potentials.hdnnp.n2p2_data import read_data
from forgefield.potentials.hdnnp.potential import HdnnpPotential

CASES = {"H2O_RPBE-D3": (ATOMIC_UNITS, 283.0), "Cu2S_PBE": (EV_ANGSTROM, 267.0)}


def measure(folder: Path, name: str, threads: int) -> tuple[int, float]:
    """Number of atoms, and the median time per atom in µs."""
    units, _ = CASES[name]
    potential = HdnnpPotential.from_n2p2(folder / name, units)
    (atoms,) = read_data(folder / name / "input.data", units)
    numba.set_num_threads(threads)
    return len(atoms), microseconds(lambda: potential.evaluate(atoms), len(atoms))


def main() -> None:
    """Print one line per potential."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA / "n2p2"
    several = numba.config.NUMBA_NUM_THREADS
    print(
        f"{'potential':14s} {'atoms':>6s} {'µs/atom':>8s} {'n2p2':>6s} {'ratio':>6s} {'threads':>8s} {'speedup':>8s}"
    )
    for name, (_, published) in CASES.items():
        atoms, alone = measure(folder, name, 1)
        _, together = measure(folder, name, several)
        print(
            f"{name:14s} {atoms:6d} {alone:8.1f} {published:6.0f} {published / alone:6.1f} {several:8d} "
            f"{alone / together:8.2f}"
        )


if __name__ == "__main__":
    main()
