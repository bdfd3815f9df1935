"""What is odd about labelled structures: duplicates, outliers, units that cannot be."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from forgefield.atoms.contacts import closest_contact
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Array
from forgefield.potentials.training_set import TrainingSet

_CONTACTS = 200
_STEPS = 400
_STEP = 0.3
"""Å; frames that differ by less are close enough for forces to tell the change of energy."""
_RATIOS = {
    27.211: "energies in hartree beside forces in eV/Å (multiply energies by 27.2114)",
    0.52918: "forces in eV/bohr (multiply forces by 1.8897)",
    1.8897: "positions in bohr beside forces in eV/Å (multiply positions by 0.529177)",
    1 / 51.422: "forces in hartree/bohr beside energies in eV (multiply forces by 51.4221)",
    -1.0: "gradients, not forces (change their sign)",
}
"""Change of energy that forces predict over the one that energies show, when units do not fit together."""


def without_duplicates(data: TrainingSet) -> tuple[TrainingSet, list[str]]:
    """The set with each structure once, and a sentence on what was left out."""
    first: dict[str, int] = {}
    repeated = contradicting = 0
    for index in range(len(data)):
        other = first.setdefault(structure_key(data.atoms(index)), index)
        if other != index:
            repeated += 1
            apart = abs(data.energies[other] - data.energies[index])
            contradicting += bool(apart > 1e-3 * data.sizes[index])
    if not repeated:
        return data, []
    warning = f"{repeated} structures occur more than once; the first of each is used"
    if contradicting:
        warning += f" ({contradicting} of them have energies that differ by more than 1 meV/atom)"
    return data.subset(np.array(sorted(first.values()))), [warning]


def find_oddities(data: TrainingSet) -> list[str]:
    """One sentence for each thing about the data that is probably wrong; nothing is changed."""
    return [*_outlying_forces(data), *_outlying_energies(data), *_odd_lengths(data), *_odd_units(data)]


def _outlying_forces(data: TrainingSet) -> list[str]:
    lengths = np.linalg.norm(data.forces, axis=1)
    limit = max(20.0, 5 * float(np.quantile(lengths, 0.95)))
    atoms = np.flatnonzero(lengths > limit)
    if not len(atoms):
        return []
    structures = np.unique(np.searchsorted(data.offsets, atoms, side="right") - 1)
    return [
        f"{_named(structures)} {'has' if len(structures) == 1 else 'have'} forces above {limit:.0f} eV/Å "
        f"(largest {lengths.max():.0f}); such structures pull the fit away from the others"
    ]


def _outlying_energies(data: TrainingSet) -> list[str]:
    elements, per_atom = np.unique(data.numbers), data.energies / data.sizes
    structure = np.repeat(np.arange(len(data)), data.sizes)
    shares = np.zeros((len(data), len(elements)))
    np.add.at(shares, (structure, np.searchsorted(elements, data.numbers)), 1.0)
    shares /= data.sizes[:, None]
    bound = data.sizes > 1
    if bound.sum() < 10:
        return []
    fitted = np.linalg.lstsq(shares[bound], per_atom[bound], rcond=None)[0]
    rest = per_atom - shares @ fitted
    low, middle, high = np.quantile(rest[bound], [0.05, 0.5, 0.95])
    limit = max(2.0, 10 * float(high - low))
    odd = np.flatnonzero(bound & (np.abs(rest - middle) > limit))
    if not len(odd):
        return []
    return [
        f"{_named(odd)} lie{'s' if len(odd) == 1 else ''} more than {limit:.1f} eV/atom from the energy that "
        "the composition suggests; check that all labels come from one kind of calculation"
    ]


def _odd_lengths(data: TrainingSet) -> list[str]:
    some = np.unique(np.linspace(0, len(data) - 1, min(len(data), _CONTACTS)).astype(int))
    ratios = [closest_contact(data.atoms(i), search=2.6).ratio for i in some if data.sizes[i] > 1]
    ratios = [each for each in ratios if np.isfinite(each)]
    if len(ratios) < 3:
        return []
    typical = float(np.median(ratios))
    if typical > 1.5:
        return [
            f"neighbours are typically {typical:.2f} times as far apart as covalent radii suggest; positions "
            "look like bohr (multiply positions and cells by 0.529177)"
        ]
    if typical < 0.6:
        return [
            f"neighbours are typically {typical:.2f} times as far apart as covalent radii suggest; positions "
            "look too small (nanometres, or fractional coordinates)"
        ]
    return []


def _odd_units(data: TrainingSet) -> list[str]:
    """Compare changes of energy between close frames with what forces predict."""
    predicted, actual = _changes(data)
    if len(predicted) < 5 or not np.any(actual):
        return []
    ratio = float(np.median(predicted / np.where(actual == 0, np.nan, actual)))
    spread = float(np.corrcoef(predicted, actual)[0, 1]) if np.ptp(predicted) > 0 else 0.0
    if abs(spread) < 0.9:
        return []
    for expected, meaning in _RATIOS.items():
        if 0.85 < ratio / expected < 1.15:
            return [
                f"forces and energies of consecutive frames do not fit together; this looks like {meaning}"
            ]
    return []


def _changes(data: TrainingSet) -> tuple[Array, Array]:
    pairs: list[tuple[float, float]] = []
    for index in range(len(data) - 1):
        here, there = _atoms_of(data, index), _atoms_of(data, index + 1)
        same = data.sizes[index] == data.sizes[index + 1] and np.allclose(
            data.cells[index], data.cells[index + 1]
        )
        if not same or not (data.numbers[here] == data.numbers[there]).all():
            continue
        step = data.positions[there] - data.positions[here]
        if not 1e-4 < np.abs(step).max() < _STEP:
            continue
        mean = (data.forces[there] + data.forces[here]) / 2
        pairs.append((-float((mean * step).sum()), float(data.energies[index + 1] - data.energies[index])))
        if len(pairs) == _STEPS:
            break
    table = np.array(pairs).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _atoms_of(data: TrainingSet, index: int) -> slice:
    return slice(int(data.offsets[index]), int(data.offsets[index + 1]))


def _named(structures: NDArray[np.int64]) -> str:
    """Such as ``structure 3`` or ``5 structures (3, 7, 9, …)``, counted from 0."""
    if len(structures) == 1:
        return f"structure {structures[0]}"
    some = ", ".join(str(each) for each in structures[:5])
    return f"{len(structures)} structures ({some}{', …' if len(structures) > 5 else ''})"


def cutoff_with(neighbours: int, data: TrainingSet) -> float:
    """Radius, Å, of a sphere with so many atoms at the data's median density, at least 4.5 and at most 7.

    Without a structure that is periodic in three directions it is 6.
    """
    volumes = np.abs(np.linalg.det(data.cells))[data.periodic.all(axis=1)]
    if not len(volumes):
        return 6.0
    per_atom = float(np.median(volumes / data.sizes[data.periodic.all(axis=1)]))
    radius = (neighbours * per_atom * 3 / (4 * np.pi)) ** (1 / 3)
    return round(float(np.clip(radius, 4.5, 7.0)), 1)


def species_of(data: TrainingSet) -> tuple[str, ...]:
    """Chemical symbols in the data, by atomic number."""
    return tuple(chemical_symbols[number] for number in np.unique(data.numbers))
