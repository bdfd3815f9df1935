"""Finite displacements and force constants through phonopy, which chooses the fewest by symmetry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from forgefield.atoms.records import Array
from forgefield.properties.crystal import SYMMETRY_TOLERANCE

if TYPE_CHECKING:
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

SupercellMatrix = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]


def prepare_phonopy(
    atoms: Atoms, supercell: SupercellMatrix, displacement: float, primitive: bool
) -> Phonopy:
    """A phonopy object with its displacements made.

    Args:
        atoms: the crystal.
        supercell: rows are the supercell's vectors in units of the cell's.
        displacement: Å.
        primitive: fold to the primitive cell; else the cell given is the one whose vibrations are meant.
    """
    from phonopy import Phonopy

    cell = phonopy_cell(atoms)
    phonopy = Phonopy(
        cell,
        # phonopy's supercell matrix has the vectors in columns.
        supercell_matrix=np.array(supercell).T,
        primitive_matrix=primitive_matrix(cell) if primitive else np.eye(3),
        symprec=SYMMETRY_TOLERANCE,
    )
    phonopy.generate_displacements(distance=displacement)
    return phonopy


def phonopy_cell(atoms: Atoms) -> PhonopyAtoms:
    """A crystal as phonopy and phono3py take it."""
    from phonopy.structure.atoms import PhonopyAtoms

    moments = atoms.get_initial_magnetic_moments() if atoms.has("initial_magmoms") else None
    return PhonopyAtoms(
        numbers=atoms.numbers,
        masses=atoms.get_masses(),
        magnetic_moments=moments,
        positions=atoms.positions,
        cell=atoms.cell.array,
    )


def primitive_matrix(cell: PhonopyAtoms) -> Array:
    """The primitive vectors (columns) in units of the cell's.

    A cell that is primitive already keeps its own vectors, so that fractional q-points stay the user's.
    The matrix is given in numbers because phonopy warns when it changes the cell by itself.
    """
    from phonopy.structure.cells import guess_primitive_matrix

    guess = np.asarray(guess_primitive_matrix(cell, symprec=SYMMETRY_TOLERANCE), dtype=np.float64)
    return guess if abs(np.linalg.det(guess)) < 1 - 1e-3 else np.eye(3)


def displaced_supercells(
    atoms: Atoms, supercell: SupercellMatrix, displacement: float, primitive: bool = False
) -> list[Atoms]:
    """The displaced structures of :func:`prepare_phonopy`."""
    return displaced_structures(prepare_phonopy(atoms, supercell, displacement, primitive), atoms)


def displaced_structures(phonopy: Phonopy, atoms: Atoms) -> list[Atoms]:
    """The displaced structures of a phonopy object prepared for ``atoms``."""
    return [crystal_of(cell, atoms) for cell in phonopy.supercells_with_displacements or []]


def crystal_of(cell: PhonopyAtoms, atoms: Atoms) -> Atoms:
    """A cell of phonopy's as structure, with masses of its own where ``atoms`` have."""
    structure = Atoms(numbers=cell.numbers, positions=cell.positions, cell=cell.cell, pbc=True)
    if atoms.has("masses"):
        structure.set_masses(cell.masses)
    if cell.magnetic_moments is not None:
        structure.set_initial_magnetic_moments(cell.magnetic_moments)
    return structure


def solve_force_constants(phonopy: Phonopy, forces: Sequence[Array]) -> None:
    """Put the force constants of a prepared phonopy object in place, with translations at zero cost."""
    phonopy.forces = np.array(forces)
    phonopy.produce_force_constants()
    phonopy.symmetrize_force_constants()


def gamma_force_constants(atoms: Atoms, displacement: float, forces: Sequence[Array]) -> Array:
    """Force constants (3N, 3N) at Γ of the cell itself, eV/Å².

    Args:
        atoms: the crystal.
        displacement: Å, as in :func:`displaced_supercells`.
        forces: (N, 3) in each structure of :func:`displaced_supercells` with the cell itself as supercell.
    """
    phonopy = prepare_phonopy(atoms, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), displacement, primitive=False)
    solve_force_constants(phonopy, forces)
    n_atoms = len(atoms)
    blocks = np.asarray(phonopy.force_constants)
    return np.asarray(blocks.transpose(0, 2, 1, 3).reshape(3 * n_atoms, 3 * n_atoms))
