"""Force constants of third order through phono3py, which chooses the fewest displacements by symmetry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.properties.crystal import SYMMETRY_TOLERANCE
from forgefield.properties.force_constants import SupercellMatrix, crystal_of, phonopy_cell, primitive_matrix

if TYPE_CHECKING:
    from phono3py import Phono3py


def prepare_phono3py(
    atoms: Atoms,
    supercell: SupercellMatrix,
    harmonic_supercell: SupercellMatrix | None,
    displacement: float,
    pair_cutoff: float | None,
) -> Phono3py:
    """A phono3py object with its displacements made.

    Args:
        atoms: the crystal.
        supercell: of the third order; rows are its vectors in units of the cell's.
        harmonic_supercell: of the second order; None: the same, and no calculations of its own.
        displacement: Å.
        pair_cutoff: Å; pairs of atoms farther apart are not displaced together. None: all pairs.

    Raises:
        ForgefieldError: phono3py is not installed.
    """
    try:
        from phono3py import Phono3py
    except ImportError as error:
        raise ForgefieldError(
            "the thermal conductivity of a crystal needs phono3py, which is not installed",
            "pip install 'forgefield[transport]'",
        ) from error

    cell = phonopy_cell(atoms)
    phono3py = Phono3py(
        cell,
        supercell_matrix=np.array(supercell).T,
        primitive_matrix=primitive_matrix(cell),
        phonon_supercell_matrix=None if harmonic_supercell is None else np.array(harmonic_supercell).T,
        symprec=SYMMETRY_TOLERANCE,
    )
    phono3py.generate_displacements(distance=displacement, cutoff_pair_distance=pair_cutoff)
    return phono3py


def displaced_in_pairs(phono3py: Phono3py, atoms: Atoms) -> list[Atoms]:
    """The displaced supercells of the third order, then those of the second where it has its own."""
    cells = [cell for cell in phono3py.supercells_with_displacements if cell is not None]
    if phono3py.phonon_supercell_matrix is not None:
        cells += phono3py.phonon_supercells_with_displacements
    return [crystal_of(cell, atoms) for cell in cells]


def solve_third_order(phono3py: Phono3py, forces: Sequence[Array]) -> None:
    """Put the force constants of both orders in place, with translations at zero cost.

    Args:
        phono3py: prepared.
        forces: in each of :func:`displaced_in_pairs`.
    """
    supercells = phono3py.supercells_with_displacements
    places = [place for place, cell in enumerate(supercells) if cell is not None]
    # Pairs beyond the cutoff were not computed; phono3py knows them and does not read their forces.
    third = np.zeros((len(supercells), len(phono3py.supercell), 3))
    third[places] = forces[: len(places)]
    phono3py.forces = third
    phono3py.produce_fc3()
    phono3py.symmetrize_fc3()
    if phono3py.phonon_supercell_matrix is not None:
        phono3py.phonon_forces = np.array(forces[len(places) :])
        phono3py.produce_fc2()
    phono3py.symmetrize_fc2()
