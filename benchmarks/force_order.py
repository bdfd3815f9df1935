"""Labels with the forces in another order: python benchmarks/force_order.py [SET ...] [--seeds N]

Of structures drawn from a set of DFT labels, none, a twentieth or a fifth get their forces in another order: sorted by
element, or at random. Labels come one by one and are compared with near structures (`Agreement`), as in a run; what
gets through is then judged by all the others together (`find_misordered`). Counted are those that either finds, and
sound ones that either refuses. FORGEFIELD_DATA names the folder of reference data.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from timing import DATA

from forgefield.atoms.formats import read_structures
from forgefield.atoms.records import Labels
from forgefield.dataset.agreement import Agreement
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.force_order import find_misordered
from forgefield.potentials.training_set import labels_of

EXAMPLES = Path(__file__).parent.parent / "examples"
SETS = {
    "silicon (GPAW)": [EXAMPLES / "silicon" / f"seed-{seed}.xyz" for seed in (1, 2, 3)],
    "titania (GPAW)": [EXAMPLES / "tio2" / "tio2.xyz"],
    "Si": [DATA / "mlearn" / "Si_train.xyz"],
    "Cu": [DATA / "mlearn" / "Cu_train.xyz"],
    "Mo": [DATA / "mlearn" / "Mo_train.xyz"],
    "TiO2": [DATA / "aenet_TiO2" / "TiO2_1000of7815.xyz"],
    "InP": [DATA / "InP" / "InP_JPCA2020.xyz.gz"],
}
CASES = ((20, 0.0), (40, 0.0), (150, 0.0), (20, 0.05), (40, 0.05), (150, 0.05), (40, 0.2), (150, 0.2))
"""Structures, and the share with forces in another order."""
FORCES = 0.05
"""eV/Å; structures with a smaller root mean square of forces are left as they are."""


def drawn(examples: Sequence[Example], count: int, rng: np.random.Generator) -> list[Example]:
    """So many structures, in the order of the file."""
    return [examples[i] for i in sorted(rng.permutation(len(examples))[:count].tolist())]


def misordered(example: Example, rng: np.random.Generator) -> Example:
    """The structure with its forces in another order."""
    numbers, forces = example.atoms.numbers, example.labels.forces
    order = np.argsort(numbers, kind="stable")
    if rng.random() < 0.5 or (order == np.arange(len(numbers))).all():
        order = rng.permutation(len(numbers))
    return replace(example, labels=replace(example.labels, forces=forces[order]))


def tried(examples: Sequence[Example], share: float, rng: np.random.Generator) -> tuple[int, ...]:
    """Misordered ones: how many, found by energies, by forces; sound ones: how many, refused by either."""
    may = [i for i, each in enumerate(examples) if np.sqrt((each.labels.forces**2).mean()) > FORCES]
    given = list(examples)
    for i in rng.permutation(may)[: max(1, round(share * len(may)))] if share else []:
        given[i] = misordered(given[i], rng)
    changed = [np.abs(a.labels.forces - b.labels.forces).max() for a, b in zip(examples, given, strict=True)]
    wrong = {i for i, change in enumerate(changed) if change > 0.01}
    agreement, through, by_energies = Agreement(), [], set[int]()
    for i, each in enumerate(given):
        if agreement.contradiction(each.atoms, each.labels):
            by_energies.add(i)
        else:
            agreement.remember(each.atoms, each.labels)
            through.append(i)
    species = sorted({symbol for each in given for symbol in each.atoms.get_chemical_symbols()})
    by_forces = {through[n] for n in find_misordered([given[i] for i in through], species)}
    refused = (by_energies | by_forces) - wrong
    return len(wrong), len(wrong & by_energies), len(wrong & by_forces), len(given) - len(wrong), len(refused)


def read(paths: Sequence[Path]) -> list[Example]:
    """All labelled structures of some files."""
    examples = []
    for path in paths:
        for atoms in read_structures(path):
            if (labels := labels_of(atoms)) is not None:
                examples.append(Example(atoms, Labels(*labels, "a file", "r", 0.0)))
    return examples


def main() -> None:
    """Every set, and all of them together."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--seeds", type=int, default=2)
    chosen = parser.parse_args()
    totals: dict[float, np.ndarray] = {}
    print("set, structures, share: misordered / found by energies / by forces; sound / refused; seconds")
    for name in chosen.sets or SETS:
        examples = read(SETS[name])
        for count, share in CASES:
            for seed in range(chosen.seeds):
                rng = np.random.default_rng([seed, count, int(100 * share)])
                begun = time.perf_counter()
                counts = tried(drawn(examples, count, rng), share, rng)
                totals[share] = totals.get(share, 0) + np.array(counts)
                wrong, energies, forces, sound, refused = counts
                print(
                    f"{name}, {count}, {share}: {wrong} / {energies} / {forces}; {sound} / {refused}; "
                    f"{time.perf_counter() - begun:.1f} s",
                    flush=True,
                )
    for share, total in totals.items():
        wrong, energies, forces, sound, refused = total.tolist()
        print(
            f"all, {share}: {energies + forces} of {wrong} found ({energies} by energies), {refused} of {sound} refused"
        )


if __name__ == "__main__":
    main()
