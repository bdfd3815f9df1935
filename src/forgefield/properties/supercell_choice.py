"""The smallest supercell in which periodic images are far enough apart."""

from __future__ import annotations

import math
from itertools import product
from typing import Protocol

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.geometry import minkowski_reduce

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.sublattices import Matrix, sublattices
from forgefield.properties.crystal import RELAXED_TOLERANCE, symmetry_dataset
from forgefield.properties.force_constants import SupercellMatrix

_MAX_REPEAT = 12
_MOST_SUBLATTICE_CELLS = 12
_ROUNDING = 1e-6


class WantsSupercell(Protocol):
    """Settings that may name a supercell."""

    @property
    def supercell(self) -> SupercellMatrix | None: ...
    @property
    def minimum_length(self) -> float: ...
    @property
    def max_atoms(self) -> int: ...


def wanted_supercell(atoms: Atoms, spec: WantsSupercell) -> SupercellMatrix:
    """The supercell that settings name, or the smallest that is long enough.

    Raises:
        ForgefieldError: as `choose_supercell`.
    """
    return spec.supercell or choose_supercell(atoms, spec.minimum_length, spec.max_atoms)


def repeated(atoms: Atoms, spec: WantsSupercell) -> Atoms:
    """A crystal in that supercell.

    Raises:
        ForgefieldError: as `choose_supercell`.
    """
    return make_supercell(atoms, np.array(wanted_supercell(atoms, spec)))


def choose_supercell(atoms: Atoms, minimum_length: float, max_atoms: int) -> SupercellMatrix:
    """The fewest cells whose shortest lattice vector reaches ``minimum_length``, with the crystal's symmetry.

    Repetitions of the cell that treat vectors of equal length alike, and, up to twelve cells, every sublattice that
    the crystal's rotations carry into itself: rutile's √2 × √2 × 2 has half the atoms of 2 × 2 × 2.

    Args:
        atoms: the crystal.
        minimum_length: Å.
        max_atoms: largest supercell allowed.

    Returns:
        The supercell's vectors (rows) in units of the cell's.

    Raises:
        ForgefieldError: it would take more than ``max_atoms`` atoms.
    """
    most = max_atoms // len(atoms)
    repetition = _smallest_repetition(atoms, minimum_length, most)
    if repetition is not None:
        most = round(np.prod(np.diag(repetition))) - 1
    found = _smallest_sublattice(atoms, minimum_length, most)
    found = repetition if found is None else found
    if found is None:
        raise ForgefieldError(
            f"no supercell of {atoms.get_chemical_formula()} with at most {max_atoms} atoms keeps periodic "
            f"images {minimum_length:g} Å apart",
            "lower minimum_length, raise max_atoms or give the supercell",
        )
    a, b, c = ((int(row[0]), int(row[1]), int(row[2])) for row in found)
    return (a, b, c)


def _smallest_repetition(atoms: Atoms, minimum_length: float, most: int) -> Matrix | None:
    classes = np.unique(np.round(atoms.cell.lengths(), 3), return_inverse=True)[1]
    repeats = product(range(1, _MAX_REPEAT + 1), repeat=int(classes.max()) + 1)
    counts = sorted(
        (np.array(each)[classes] for each in repeats), key=lambda count: (int(np.prod(count)), tuple(count))
    )
    allowed = (np.diag(count) for count in counts if np.prod(count) <= most)
    return next(
        (matrix for matrix in allowed if _shortest(atoms, matrix) >= minimum_length - _ROUNDING), None
    )


def _smallest_sublattice(atoms: Atoms, minimum_length: float, most: int) -> Matrix | None:
    # No lattice of this shortest vector is denser than face-centred cubic.
    fewest = max(1, math.ceil(minimum_length**3 / (math.sqrt(2) * atoms.cell.volume) - _ROUNDING))
    if fewest > min(most, _MOST_SUBLATTICE_CELLS):
        return None
    rotations = np.unique(symmetry_dataset(atoms, RELAXED_TOLERANCE).rotations, axis=0)
    for index in range(fewest, min(most, _MOST_SUBLATTICE_CELLS) + 1):
        symmetric = [matrix for matrix in sublattices(index) if _invariant(matrix, rotations)]
        longest = max(symmetric, key=lambda matrix: round(_shortest(atoms, matrix), 3), default=None)
        if longest is not None and _shortest(atoms, longest) >= minimum_length - _ROUNDING:
            _, reduction = minkowski_reduce(longest @ atoms.cell.array)
            reduced = reduction @ longest
            return reduced if np.linalg.det(reduced) > 0 else -reduced
    return None


def _invariant(matrix: Matrix, rotations: Matrix) -> bool:
    # A rotation W acts on columns of fractional coordinates, so on the matrix's rows as Wᵀ.
    images = matrix @ rotations.transpose(0, 2, 1) @ np.linalg.inv(matrix)
    return bool(np.allclose(images, np.round(images), atol=1e-6))


def _shortest(atoms: Atoms, matrix: Matrix) -> float:
    reduced, _ = minkowski_reduce(matrix @ atoms.cell.array)
    return float(np.linalg.norm(reduced, axis=1).min())
