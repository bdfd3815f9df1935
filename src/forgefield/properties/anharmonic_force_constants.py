"""Force constants of third order through phono3py.

From displacements of single atoms and pairs, the fewest by symmetry; or from a few supercells in which all atoms are
displaced at random, by regression onto all force constants that symmetry allows (symfc: Seko & Togo, Phys. Rev. B 110,
214302 (2024)), which takes a fifth of the calculations and averages the noise of their forces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.properties.crystal import SYMMETRY_TOLERANCE
from forgefield.properties.force_constants import SupercellMatrix, crystal_of, phonopy_cell, primitive_matrix

if TYPE_CHECKING:
    from phono3py import Phono3py

Snapshots = int | Literal["auto"] | None
_SEED = 1
"""All methods see the same displacements, so that what they leave out is the same."""


def prepare_phono3py(
    atoms: Atoms,
    supercell: SupercellMatrix,
    harmonic_supercell: SupercellMatrix | None,
    displacement: float,
    random_displacements: Snapshots = None,
) -> Phono3py:
    """A phono3py object with its displacements made.

    Args:
        atoms: the crystal.
        supercell: of the third order; rows are its vectors in units of the cell's.
        harmonic_supercell: of the second order; None: the same, and no calculations of its own.
        displacement: Å.
        random_displacements: how many supercells with all atoms displaced; None: single atoms and pairs.

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
    if harmonic_supercell is not None:
        phono3py.generate_fc2_displacements(distance=displacement)
    phono3py.generate_displacements(
        distance=displacement,
        number_of_snapshots=random_displacements,
        random_seed=_SEED,
    )
    return phono3py


def displaced_cells(phono3py: Phono3py, atoms: Atoms) -> list[Atoms]:
    """The displaced supercells of the third order, then those of the second where it has its own."""
    cells = list(phono3py.supercells_with_displacements)
    if phono3py.phonon_supercell_matrix is not None:
        cells += phono3py.phonon_supercells_with_displacements
    return [crystal_of(cell, atoms) for cell in cells]


def solve_third_order(phono3py: Phono3py, forces: Sequence[Array]) -> None:
    """Put the force constants of both orders in place, with translations at zero cost.

    Args:
        phono3py: prepared.
        forces: in each of :func:`displaced_cells`.
    """
    third = len(phono3py.supercells_with_displacements)
    phono3py.forces = np.array(forces[:third])
    if "displacements" in phono3py.dataset:
        phono3py.produce_fc3(fc_calculator="symfc")
    else:
        phono3py.produce_fc3()
        phono3py.symmetrize_fc3()
    if phono3py.phonon_supercell_matrix is not None:
        phono3py.phonon_forces = np.array(forces[third:])
        phono3py.produce_fc2()
    phono3py.symmetrize_fc2()
