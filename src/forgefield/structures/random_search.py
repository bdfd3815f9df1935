"""Random crystals with a random space group."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from ase import Atoms
from ase.build import niggli_reduce

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import shortest_distance
from forgefield.atoms.primitive_cell import primitive_cell

# Attempts for each structure that is wanted. About one in four succeeds, and one takes some 10 ms.
_ATTEMPTS = 60


def random_crystals(
    element: str,
    count: int,
    n_atoms: tuple[int, int],
    volumes: tuple[float, float],
    minimum_distance: float,
    rng: np.random.Generator,
) -> list[Atoms]:
    """Crystals of random space group, number of atoms, lattice and positions, made by PyXtal.

    PyXtal: Fredericks et al., Comput. Phys. Commun. 261, 107810 (2021). The crystals are scaled to a volume
    drawn from ``volumes`` and given in their reduced primitive cell. Their number falls short of ``count``
    when the attempts (60 for each) are used up, as happens for distances that hardly fit the volume.

    Args:
        element: symbol.
        count: how many to make.
        n_atoms: smallest and largest number of atoms in the primitive cell.
        volumes: smallest and largest volume, Å³/atom.
        minimum_distance: crystals with closer atoms are thrown away, Å.
        rng: source of randomness; the same state gives the same crystals.

    Raises:
        ForgefieldError: PyXtal is not installed, or not one crystal passed.
    """
    if count == 0:
        return []
    found: list[Atoms] = []
    for crystal in attempted_crystals({element: 1}, n_atoms, _ATTEMPTS * count, rng):
        volume = rng.uniform(*volumes) * len(crystal)
        crystal.set_cell(
            crystal.cell.array * (volume / crystal.get_volume()) ** (1.0 / 3.0), scale_atoms=True
        )
        primitive = reduced_primitive(crystal)
        if not n_atoms[0] <= len(primitive) <= n_atoms[1]:
            continue
        if shortest_distance(primitive, minimum_distance) < minimum_distance:
            continue
        found.append(primitive)
        if len(found) == count:
            return found
    if not found:
        raise ForgefieldError(
            f"none of {_ATTEMPTS * count} random crystals of {element} with {n_atoms[0]} to {n_atoms[1]} "
            f"atoms at {volumes[0]:.1f} to {volumes[1]:.1f} Å³/atom keeps its atoms {minimum_distance:.2f} Å "
            "apart",
            "lower structures.min_distance_ratio, widen structures.random.atoms, or set "
            "structures.random.count to 0",
        )
    return found


def attempted_crystals(
    formula: Mapping[str, int],
    units: tuple[int, int],
    attempts: int,
    rng: np.random.Generator,
    distances: Sequence[tuple[str, str, float]] = (),
) -> Iterator[Atoms]:
    """Valid crystals of random space group among ``attempts`` tries of PyXtal, of its size, in conventional cells.

    Args:
        formula: how many of each element a unit has.
        units: smallest and largest number of units in the conventional cell.
        attempts: how often to try.
        rng: source of randomness.
        distances: shortest distances of two elements, Å; for pairs that are not named, half the sum of covalent radii.

    Raises:
        ForgefieldError: PyXtal is not installed.
    """
    try:
        from pyxtal.crystal import random_crystal
        from pyxtal.msg import Comp_CompatibilityError, VolumeError
        from pyxtal.tolerance import Tol_matrix
    except ImportError as error:
        raise ForgefieldError(
            "random structures need pyxtal, which is not installed",
            "pip install 'forgefield[structures]', or set structures.random.count to 0",
        ) from error
    tolerances = Tol_matrix(*distances, prototype="atomic")
    for _ in range(attempts):
        group, n = int(rng.integers(1, 231)), int(rng.integers(units[0], units[1] + 1))
        numbers = [n * count for count in formula.values()]
        try:
            with warnings.catch_warnings():
                # The lattice is scaled afterwards, so a volume that PyXtal had to raise is no news.
                warnings.filterwarnings("ignore", message="Warning: increase the volume")
                crystal = random_crystal(3, group, list(formula), numbers, tm=tolerances, random_state=rng)
        except (Comp_CompatibilityError, VolumeError):
            # The space group has no sites for these numbers of atoms, or no lattice of that volume.
            continue
        if not crystal.valid:
            continue
        positions = [site.coords + np.zeros((site.multiplicity, 3)) for site in crystal.atom_sites]
        yield Atoms(
            [site.specie for site, block in zip(crystal.atom_sites, positions, strict=True) for _ in block],
            scaled_positions=np.vstack(positions),
            cell=crystal.lattice.matrix,
            pbc=True,
        )


def reduced_primitive(crystal: Atoms) -> Atoms:
    """The Niggli cell of a crystal's primitive cell, all atoms in it."""
    primitive = primitive_cell(crystal, tolerance=1e-3)
    niggli_reduce(primitive)
    primitive.wrap()
    return primitive
