"""The crystal under study and its symmetry operations in Cartesian axes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array

SYMMETRY_TOLERANCE = 1e-4
"""Å; one tolerance for every property, so that all of them see the same symmetry."""
RELAXED_TOLERANCE = 1e-2
"""Å; for planes, sites and conventional cells, of which a crystal that was relaxed has the ideal one's."""


@dataclass(frozen=True, slots=True)
class CrystalSymmetry:
    """Symmetry operations x → R x + t of a crystal.

    Attributes:
        rotations: (G, 3, 3) Cartesian rotation matrices R.
        permutations: (G, N) int64; operation g carries atom i to where atom ``permutations[g, i]`` stands.
        to_standard_axes: (3, 3) rotation from the Cartesian axes to those of the conventional cell.
        space_group: international number.
    """

    rotations: Array
    permutations: NDArray[np.int64]
    to_standard_axes: Array
    space_group: int

    @property
    def is_cubic(self) -> bool:
        """Whether the crystal system is cubic."""
        return self.space_group >= 195


def bare_crystal(atoms: Atoms) -> Atoms:
    """A copy with nothing but species, positions, cell and magnetic moments.

    Raises:
        ForgefieldError: the structure is empty or not periodic in three directions.
    """
    if len(atoms) == 0 or not atoms.pbc.all() or abs(atoms.cell.volume) < 1e-6:
        raise ForgefieldError(
            f"{atoms.get_chemical_formula() or 'an empty structure'} with periodicity {atoms.pbc.tolist()} "
            f"and cell volume {abs(atoms.cell.volume):.3g} Å³ is not a crystal",
            "give a structure that is periodic in three directions",
        )
    crystal = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell.array, pbc=True)
    if atoms.has("masses"):
        crystal.set_masses(atoms.get_masses())
    if atoms.has("initial_magmoms"):
        crystal.set_initial_magnetic_moments(atoms.get_initial_magnetic_moments())
    return crystal


def scaled_to_volume(atoms: Atoms, volume: float) -> Atoms:
    """The crystal at another volume (Å³ of the whole cell), fractional positions unchanged."""
    crystal = bare_crystal(atoms)
    crystal.set_cell(crystal.cell.array * (volume / crystal.cell.volume) ** (1 / 3), scale_atoms=True)
    return crystal


def spglib_cell(atoms: Atoms) -> tuple[Array, Array, NDArray[np.int64]]:
    """Cell, fractional positions and kinds; atoms of unlike magnetic moment or mass are of unlike kind."""
    moments = atoms.get_initial_magnetic_moments().reshape(len(atoms), -1)
    kinds = np.column_stack([atoms.numbers, np.round(atoms.get_masses(), 4), np.round(moments, 3)])
    numbers = np.unique(kinds, axis=0, return_inverse=True)[1].reshape(-1) + 1
    return atoms.cell.array, atoms.get_scaled_positions(), numbers.astype(np.int64)


def find_symmetry(atoms: Atoms, tolerance: float = SYMMETRY_TOLERANCE) -> CrystalSymmetry:
    """All symmetry operations of a crystal, pure translations included.

    Raises:
        ForgefieldError: no operations found, as happens when atoms coincide.
    """
    cell, fractional, numbers = spglib_cell(atoms)
    dataset = symmetry_dataset(atoms, tolerance)
    columns = cell.T
    inverse = np.linalg.inv(columns)
    rotations = np.array([columns @ w @ inverse for w in dataset.rotations])
    permutations = np.empty((len(rotations), len(atoms)), dtype=np.int64)
    for g, (w, t) in enumerate(zip(dataset.rotations, dataset.translations, strict=True)):
        difference = (fractional @ w.T + t)[:, None, :] - fractional[None, :, :]
        difference -= np.round(difference)
        distance = np.linalg.norm(difference @ cell, axis=2)
        distance[numbers[:, None] != numbers[None, :]] = np.inf
        permutations[g] = distance.argmin(axis=1)
    # R comes out of fractional coordinates with their rounding; make it orthogonal to the last digit.
    left, _, right = np.linalg.svd(rotations)
    return CrystalSymmetry(
        rotations=left @ right,
        permutations=permutations,
        to_standard_axes=np.array(dataset.std_rotation_matrix, dtype=np.float64),
        space_group=int(dataset.number),
    )


def conventional_cell(atoms: Atoms, tolerance: float = SYMMETRY_TOLERANCE) -> Array:
    """(3, 3) vectors (rows) of the conventional cell, Å, along the same directions in space as the structure's own.

    Raises:
        ForgefieldError: no symmetry operations found.
    """
    # spglib: (a b c) of the standard cell = (a b c) P⁻¹, vectors as columns.
    transformation = np.asarray(symmetry_dataset(atoms, tolerance).transformation_matrix)
    return np.asarray(np.linalg.inv(transformation).T @ atoms.cell.array, dtype=np.float64)


def symmetry_dataset(atoms: Atoms, tolerance: float = SYMMETRY_TOLERANCE) -> Any:
    """What spglib knows of a crystal: operations, space group, standard cell.

    Raises:
        ForgefieldError: it finds no operations.
    """
    import spglib

    try:
        with warnings.catch_warnings():
            # spglib 2.8 announces a change of its error handling at every call; both ways are handled here.
            warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
            dataset = spglib.get_symmetry_dataset(spglib_cell(atoms), symprec=tolerance)
    except spglib.SpglibError as error:
        raise _without_symmetry(atoms, str(error)) from error
    if dataset is None:
        raise _without_symmetry(atoms, "no operation found")
    return dataset


def _without_symmetry(atoms: Atoms, cause: str) -> ForgefieldError:
    return ForgefieldError(
        f"the symmetry of {atoms.get_chemical_formula()} could not be found ({cause})",
        "look for atoms that coincide or for a flat cell",
    )
