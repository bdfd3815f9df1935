"""What the symmetry of a crystal does to its strains, stresses and stiffness, in Voigt notation.

Voigt order xx yy zz yz xz xy. Strains carry the engineering shear γ = 2ε, stresses do not.
"""

from __future__ import annotations

import numpy as np

from forgefield.atoms.records import Array
from forgefield.properties.crystal import CrystalSymmetry

_I = np.array([0, 1, 2, 1, 0, 0])
_J = np.array([0, 1, 2, 2, 2, 1])
_SHEAR = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])

# Rotations found within a tolerance on positions are off by some 1e-4; what symmetry really relates or
# separates differs by far more than this.
_NOISE = 1e-2

# The order in which elastic constants are named: diagonal and normal ones first.
_COMPONENTS = (
    [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2), (3, 3), (4, 4), (5, 5)]
    + [(i, j) for i in range(3) for j in range(3, 6)]
    + [(3, 4), (3, 5), (4, 5)]
)


def strain_tensor(strain: Array) -> Array:
    """Symmetric (3, 3) tensor of a Voigt strain (6,) with engineering shear."""
    tensor = np.empty((3, 3))
    tensor[_I, _J] = tensor[_J, _I] = strain / _SHEAR
    return tensor


def stress_rotations(rotations: Array) -> Array:
    """(G, 6, 6) matrices M with σ′ = M σ for Cartesian rotations (G, 3, 3) (Bond's matrices)."""
    matrices = np.empty((len(rotations), 6, 6))
    for column in range(6):
        unit = np.zeros((3, 3))
        unit[_I[column], _J[column]] = unit[_J[column], _I[column]] = 1.0
        rotated = rotations @ unit @ rotations.transpose(0, 2, 1)
        matrices[:, :, column] = rotated[:, _I, _J]
    return matrices


def strain_rotations(rotations: Array) -> Array:
    """(G, 6, 6) matrices N with e′ = N e for Voigt strains with engineering shear."""
    return _SHEAR[None, :, None] * stress_rotations(rotations) / _SHEAR[None, None, :]


def rotate_stiffness(stiffness: Array, rotation: Array) -> Array:
    """Stiffness (6, 6) in axes turned by ``rotation`` (3, 3)."""
    matrix = stress_rotations(rotation[None])[0]
    return np.asarray(matrix @ stiffness @ matrix.T)


def smallest_strain_set(symmetry: CrystalSymmetry) -> tuple[int, ...]:
    """The fewest single Voigt strains whose symmetric images span all strains.

    The response to a strain outside that span would stay unknown, and one inside follows by symmetry, so
    the condition is necessary and sufficient for the stiffness and for the internal-strain tensor.
    """
    images = strain_rotations(symmetry.rotations)
    chosen: list[int] = []
    span = np.zeros((6, 0))
    while (rank := _rank(span)) < 6:
        gains = [_rank(np.column_stack([span, images[:, :, j].T])) - rank for j in range(6)]
        best = int(np.argmax(gains))
        chosen.append(best)
        span = np.column_stack([span, images[:, :, best].T])
    return tuple(chosen)


def reversing_operation(symmetry: CrystalSymmetry, strain: Array) -> int | None:
    """An operation that turns a Voigt strain into its opposite, or None."""
    images = strain_rotations(symmetry.rotations) @ strain
    errors = np.abs(images + strain).max(axis=1)
    best = int(errors.argmin())
    return best if errors[best] < _NOISE * np.abs(strain).max() else None


def internal_strain_terms(symmetry: CrystalSymmetry) -> int:
    """Number of independent components of the internal-strain tensor; 0: no ion moves under strain.

    Counts invariants by characters: (1/G) Σ_g (fixed atoms − 1) · tr R · ½[(tr R)² + tr R²]; the −1 takes
    away the rigid translation.
    """
    traces = np.trace(symmetry.rotations, axis1=1, axis2=2)
    squares = np.trace(symmetry.rotations @ symmetry.rotations, axis1=1, axis2=2)
    fixed = (symmetry.permutations == np.arange(symmetry.permutations.shape[1])).sum(axis=1)
    return round(float(np.mean((fixed - 1) * traces * (traces**2 + squares) / 2)))


def independent_constants(symmetry: CrystalSymmetry) -> tuple[tuple[int, int], ...]:
    """Indices of elastic constants of which all others are linear combinations, such as 11, 12, 44."""
    rotations = np.unique(np.round(symmetry.rotations, 8), axis=0)
    matrices = stress_rotations(rotations)
    averages = []
    for i, j in _COMPONENTS:
        unit = np.zeros((6, 6))
        unit[i, j] = unit[j, i] = 1.0
        average = np.mean(matrices @ unit @ matrices.transpose(0, 2, 1), axis=0)
        averages.append([average[component] for component in _COMPONENTS])
    rows = np.array(averages).T
    chosen: list[int] = []
    for row in range(len(rows)):
        if _rank(rows[[*chosen, row]]) > len(chosen):
            chosen.append(row)
    return tuple(_COMPONENTS[row] for row in chosen)


def _rank(matrix: Array) -> int:
    return int(np.linalg.matrix_rank(matrix, rtol=_NOISE)) if matrix.size else 0
