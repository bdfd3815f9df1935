"""What a reference calculation costs beyond the engine's own work: GPAW in a warm worker beside GPAW in this process.

python benchmarks/warm_workers.py [--repeats 7]

Rattled cells of two silicon atoms, the same ones for both, in turn. The first calculation of a worker, which starts
Python and imports the engine, is told apart.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from ase import Atoms
from ase.build import bulk

from forgefield.atoms.records import Labels
from forgefield.reference.calculate import calculate
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ReferenceSpec
from forgefield.reference.worker import calculate_within_limit


def cell(number: int) -> Atoms:
    """Two atoms, a little off their places."""
    atoms = bulk("Si")
    atoms.rattle(0.05, seed=number)
    return atoms


def main() -> None:
    """Both ways, structure by structure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    recipe = resolve_recipe(ReferenceSpec(engine="gpaw", cutoff=250, k_spacing=0.8), ["Si"])
    differences, here, there = [], [], []
    for number in range(arguments.repeats + 1):
        began = time.perf_counter()
        alone = calculate(cell(number), recipe)
        between = time.perf_counter()
        served = calculate_within_limit(cell(number), recipe)
        ended = time.perf_counter()
        assert isinstance(alone, Labels)
        assert isinstance(served, Labels)
        if number == 0:
            print(f"first calculation: {between - began:.2f} s here, {ended - between:.2f} s in a new worker")
            continue
        here.append(between - began)
        there.append(ended - between)
        differences.append(there[-1] - here[-1])
    print(
        f"median of {arguments.repeats}: {median(here):.2f} s here, {median(there):.2f} s in a warm worker, "
        f"{median(differences):+.3f} s apart"
    )


if __name__ == "__main__":
    main()
