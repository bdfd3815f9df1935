"""Speed of the symmetry functions of two published n2p2 potentials: µs per atom of `values` and of `pull`.

`pull` computes the values as well, as a simulation does. Median of seven runs for one thread and for two. Set
FORGEFIELD_DATA to a folder with n2p2/H2O_RPBE-D3 and n2p2/Cu2S_PBE (input.nn and input.data of each).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from ase import Atoms

from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction
from forgefield.descriptors.symmetry_functions.descriptor import SymmetryFunctions

REPEATS = 7
SYSTEMS = {"H2O_RPBE-D3": (("H", "O"), 0.5291772109), "Cu2S_PBE": (("S", "Cu"), 1.0)}


def load(folder: Path, species: tuple[str, ...], length: float) -> tuple[SymmetryFunctions, Atoms]:
    """The symmetry functions of types 2, 3 and 9 and the first structure of a folder; length: Å of its unit."""
    lines = [line.split("#")[0].split() for line in (folder / "input.nn").read_text().splitlines()]
    cutoff = next(words for words in lines if words and words[0] == "cutoff_type")
    functions = []
    for _, centre, kind, *words in (w for w in lines if w and w[0] == "symfunction_short"):
        if kind == "2":
            eta, shift, reach = map(float, words[1:4])
            functions.append(SymmetryFunction(2, centre, (words[0],), reach, eta, shift))
        else:
            eta, lambda_, zeta, reach, shift = map(float, [*words[2:], "0"][:5])
            pair = (words[0], words[1])
            functions.append(SymmetryFunction(int(kind), centre, pair, reach, eta, shift, lambda_, zeta))
    rows = [line.split() for line in (folder / "input.data").read_text().splitlines()]
    cell = [np.array(row[1:4], dtype=float) * length for row in rows if row[0] == "lattice"]
    positions = [np.array(row[1:4], dtype=float) * length for row in rows if row[0] == "atom"]
    atoms = Atoms([row[4] for row in rows if row[0] == "atom"], positions, cell=cell, pbc=True)
    return SymmetryFunctions(species, functions, CutoffFunction(int(cutoff[1])), length), atoms


def median_seconds(task: Callable[[], object]) -> float:
    """Median of several runs after one that is not counted."""
    task()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        task()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    root = Path(os.environ.get("FORGEFIELD_DATA", "../shared/data")) / "n2p2"
    print(f"{'system':>12} {'atoms':>6} {'threads':>8} {'values':>8} {'pull':>8}   µs/atom")
    for name, (species, length) in SYSTEMS.items():
        functions, atoms = load(root / name, species, length)
        pairs, index = functions.neighbours(atoms), functions.species_index(atoms)
        cotangent = np.ones((len(atoms), functions.width))
        for threads in range(1, min(2, numba.config.NUMBA_NUM_THREADS) + 1):
            numba.set_num_threads(threads)
            values = median_seconds(lambda: functions.values(pairs, index))  # noqa: B023
            pull = median_seconds(lambda: functions.pull(pairs, index, cotangent))  # noqa: B023
            scale = 1e6 / len(atoms)
            print(f"{name:>12} {len(atoms):6d} {threads:8d} {values * scale:8.1f} {pull * scale:8.1f}")


if __name__ == "__main__":
    main()
