"""The electric field of long waves in a polar crystal, which splits longitudinal from transverse modes at Γ.

Supercells with finite displacements do not feel it. It follows from Born's effective charges and the dielectric tensor
(Gonze, Lee, Phys. Rev. B 55, 10355 (1997)), which a calculation of the electrons' response gives; potentials of short
range have neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import units

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import SYMMETRY_TOLERANCE

if TYPE_CHECKING:
    from phono3py import Phono3py
    from phonopy import Phonopy

Tensor = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


class PolarSpec(Spec):
    """Response of the electrons."""

    born_charges: tuple[Tensor, ...]
    """Born's effective charge of each atom of the cell, in elementary charges: row, direction of the field; column, of
    the force. They are made to have the crystal's symmetry and to sum to zero."""
    dielectric: Tensor
    """Dielectric tensor at high frequency, with the ions at rest; in units of the vacuum's."""


def set_polar(phonons: Phonopy | Phono3py, polar: PolarSpec) -> None:
    """Let dynamical matrices have their non-analytical term.

    Args:
        phonons: prepared with its cells.
        polar: response, atoms in the order of the cell that `phonons` was made from.

    Raises:
        ForgefieldError: not one charge for each atom, or a dielectric tensor that is not one.
    """
    from phonopy.structure.symmetry import symmetrize_borns_and_epsilon

    cell = phonons.unitcell
    charges, dielectric = np.array(polar.born_charges), np.array(polar.dielectric)
    if len(charges) != len(cell):
        raise ForgefieldError(
            f"{len(charges)} Born charges were given for a cell of {len(cell)} atoms",
            "give one tensor for each atom of the structure, in its order",
        )
    if not np.allclose(dielectric, dielectric.T, atol=1e-2) or np.linalg.eigvalsh(dielectric).min() < 1:
        raise ForgefieldError(
            f"{polar.dielectric} is no dielectric tensor: it must be symmetric with eigenvalues above 1",
            "give that of high frequency in units of the vacuum's",
        )
    charges, dielectric = symmetrize_borns_and_epsilon(
        charges - charges.mean(axis=0),
        dielectric,
        cell,
        primitive_matrix=phonons.primitive_matrix,
        supercell_matrix=phonons.supercell_matrix,
        symprec=SYMMETRY_TOLERANCE,
    )
    # e²/4πε₀ in eV Å.
    coulomb = units.Hartree * units.Bohr
    phonons.nac_params = {"born": charges, "dielectric": dielectric, "factor": coulomb}
