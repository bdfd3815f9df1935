"""The elastic tensor with relaxed ions, from clamped strains and one set of displacements.

Instead of relaxing the ions in every strained cell, their motion is eliminated from the harmonic energy
(Wu, Vanderbilt, Hamann, Phys. Rev. B 72, 035105 (2005)):

  C = C̄ − Λᵀ Φ⁻¹ Λ / V

C̄ (6, 6): stress against strain with clamped ions → ``clamped``;
Λ (3N, 6): forces on the clamped ions against strain → ``internal_strain``;
Φ (3N, 3N): force constants at Γ, rigid translations taken out → ``force_constants``.

Strains are taken both ways, which cancels the second order; where a symmetry operation turns a strain into
its opposite, one way is computed and the other follows. Symmetry also supplies the strains left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import CrystalSymmetry, bare_crystal, find_symmetry
from forgefield.properties.force_constants import displaced_supercells, gamma_force_constants
from forgefield.properties.point import PointValues, evaluate_points, require_points
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.tensor_symmetry import (
    independent_constants,
    internal_strain_terms,
    reversing_operation,
    rotate_stiffness,
    smallest_strain_set,
    strain_rotations,
    strain_tensor,
    stress_rotations,
)

_ONE_CELL = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


class ElasticitySpec(Spec):
    """How the elastic tensor is measured."""

    strain: float = Field(default=0.01, gt=0, le=0.05)
    """Voigt strain, applied both ways (a shear of 0.01 is γ = 2ε = 0.01)."""
    displacement: float = Field(default=0.02, gt=0, le=0.2)
    """Displacement of one atom for the force constants, Å."""


@dataclass(frozen=True, slots=True)
class ElasticConstant:
    """One independent elastic constant.

    Attributes:
        name: such as ``C44``.
        value: with relaxed ions, GPa.
        clamped: with ions at fixed fractional positions, GPa.
    """

    name: str
    value: float
    clamped: float


@dataclass(frozen=True, slots=True)
class Elasticity:
    """Elastic tensor of a crystal and what follows from it.

    Axes are those of the conventional cell for a cubic crystal, else the Cartesian axes of the structure.

    Attributes:
        stiffness: (6, 6) with relaxed ions, GPa; Voigt order xx yy zz yz xz xy, engineering shear.
        clamped_stiffness: (6, 6) with ions at fixed fractional positions, GPa.
        constants: the independent ones (C11, C12, C44 for a cubic crystal).
        bulk_voigt, bulk_reuss, shear_voigt, shear_reuss: bounds of the polycrystal, GPa.
        space_group: international number.
        stable: Born: the stiffness is positive definite, and so are the force constants of the ions.
    """

    stiffness: Array
    clamped_stiffness: Array
    constants: tuple[ElasticConstant, ...]
    bulk_voigt: float
    bulk_reuss: float
    shear_voigt: float
    shear_reuss: float
    space_group: int
    stable: bool

    @property
    def bulk_modulus(self) -> float:
        """Hill's mean of Voigt and Reuss, GPa."""
        return (self.bulk_voigt + self.bulk_reuss) / 2

    @property
    def shear_modulus(self) -> float:
        """Hill's mean of Voigt and Reuss, GPa."""
        return (self.shear_voigt + self.shear_reuss) / 2

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The independent constants, then Hill's moduli of the polycrystal."""
        bulk, shear = self.bulk_modulus, self.shear_modulus
        return (
            *(Quantity(constant.name, constant.value, "GPa") for constant in self.constants),
            Quantity("bulk modulus from elastic constants", bulk, "GPa"),
            Quantity("shear modulus", shear, "GPa"),
            Quantity("Young's modulus", 9 * bulk * shear / (3 * bulk + shear), "GPa"),
            Quantity("Poisson's ratio", (3 * bulk - 2 * shear) / (6 * bulk + 2 * shear), ""),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Whether the crystal gives way to a strain, or its ions to a displacement."""
        if self.stable:
            return ()
        softest = float(np.linalg.eigvalsh(self.stiffness)[0])
        if softest > 0:
            return ("the crystal is not stable: its ions gain energy by moving off their places",)
        return (f"the crystal is not stable: a strain has a stiffness of {softest:.3g} GPa",)


def plan(atoms: Atoms, spec: ElasticitySpec) -> list[Atoms]:
    """Strained cells, then cells with one atom displaced (none where symmetry holds every ion in place).

    Args:
        atoms: the crystal at zero stress.
        spec: amplitudes.
    """
    crystal = bare_crystal(atoms)
    symmetry = find_symmetry(crystal)
    strained = [_strained(crystal, strain) for strain in _strains(symmetry, spec)]
    return strained + _displaced(crystal, symmetry, spec)


def analyse(atoms: Atoms, spec: ElasticitySpec, evaluations: Sequence[PointValues]) -> Elasticity:
    """Elastic tensor from the evaluations of :func:`plan`, which must have stresses.

    Raises:
        ForgefieldError: evaluations do not fit the plan, are not finite or have no stress.
    """
    crystal = bare_crystal(atoms)
    symmetry = find_symmetry(crystal)
    strains = _strains(symmetry, spec)
    displaced = _displaced(crystal, symmetry, spec)
    points, moved = evaluations[: len(strains)], evaluations[len(strains) :]
    require_points(points, [crystal] * len(strains), "elasticity", stress=True)
    require_points(moved, displaced, "elasticity (displaced atoms)")
    clamped, internal_strain = _linear_response(symmetry, strains, points)
    relaxed, ions_stable = clamped, True
    if displaced:
        constants = gamma_force_constants(crystal, spec.displacement, [point.forces for point in moved])
        softening, ions_stable = _ionic_softening(constants, internal_strain)
        relaxed = clamped - softening / crystal.cell.volume
    return _result(symmetry, relaxed / units.GPa, clamped / units.GPa, ions_stable)


def compute(atoms: Atoms, calculator: Calculator, spec: ElasticitySpec) -> Elasticity:
    """Elastic tensor of a crystal at zero stress with any ASE calculator that has stress."""
    return analyse(atoms, spec, evaluate_points(plan(atoms, spec), calculator))


def planned(atoms: Atoms, spec: ElasticitySpec) -> tuple[Planned, ...]:
    """Strained cells and cells with one atom displaced."""
    return (Planned(bare_crystal(atoms), len(plan(atoms, spec))),)


def _strains(symmetry: CrystalSymmetry, spec: ElasticitySpec) -> list[Array]:
    """Voigt strains to compute; the opposite follows directly after each where symmetry does not give it."""
    strains = []
    for component in smallest_strain_set(symmetry):
        strain = np.zeros(6)
        strain[component] = spec.strain
        strains.append(strain)
        if reversing_operation(symmetry, strain) is None:
            strains.append(-strain)
    return strains


def _strained(crystal: Atoms, strain: Array) -> Atoms:
    strained = crystal.copy()
    strained.set_cell(crystal.cell.array @ (np.eye(3) + strain_tensor(strain)), scale_atoms=True)
    return strained


def _displaced(crystal: Atoms, symmetry: CrystalSymmetry, spec: ElasticitySpec) -> list[Atoms]:
    if internal_strain_terms(symmetry) == 0:
        return []
    return displaced_supercells(crystal, _ONE_CELL, spec.displacement)


def _linear_response(
    symmetry: CrystalSymmetry, strains: Sequence[Array], points: Sequence[PointValues]
) -> tuple[Array, Array]:
    """Clamped stiffness (6, 6) in eV/Å³ and internal-strain tensor (3N, 6) in eV/Å.

    Every symmetric image of every measurement is one equation, so the least-squares answer has the crystal's
    symmetry.
    """
    n_atoms = symmetry.permutations.shape[1]
    strain_images, stress_images = strain_rotations(symmetry.rotations), stress_rotations(symmetry.rotations)
    applied: list[Array] = []
    stresses: list[Array] = []
    forces: list[Array] = []
    for index, strain in enumerate(strains):
        previous = strains[index - 1] if index else None
        if previous is not None and np.array_equal(strain, -previous):
            continue
        stress, force = np.asarray(points[index].stress), points[index].forces
        reversal = reversing_operation(symmetry, strain)
        if reversal is None:
            opposite_stress, opposite_force = np.asarray(points[index + 1].stress), points[index + 1].forces
        else:
            opposite_stress = stress_images[reversal] @ stress
            opposite_force = _image_of_forces(symmetry, reversal, force)
        odd_stress, odd_force = (stress - opposite_stress) / 2, (force - opposite_force) / 2
        odd_force = odd_force - odd_force.mean(axis=0)
        applied.extend(strain_images @ strain)
        stresses.extend(stress_images @ odd_stress)
        forces.extend(
            _image_of_forces(symmetry, g, odd_force).ravel() for g in range(len(symmetry.rotations))
        )
    responses = np.column_stack([np.array(stresses), np.array(forces)])
    solution = np.asarray(np.linalg.lstsq(np.array(applied), responses, rcond=None)[0].T, dtype=np.float64)
    stiffness, internal_strain = solution[:6], solution[6:].reshape(3 * n_atoms, 6)
    return np.asarray((stiffness + stiffness.T) / 2), internal_strain


def _image_of_forces(symmetry: CrystalSymmetry, operation: int, forces: Array) -> Array:
    image = np.empty_like(forces)
    image[symmetry.permutations[operation]] = forces @ symmetry.rotations[operation].T
    return image


def _ionic_softening(force_constants: Array, internal_strain: Array) -> tuple[Array, bool]:
    """Λᵀ Φ⁺ Λ (6, 6) in eV, and whether all ionic modes are stable.

    Rigid translations, which cost no energy, are taken out before the inversion instead of by a threshold.
    """
    n_atoms = len(force_constants) // 3
    translations = np.tile(np.eye(3), (n_atoms, 1)) / np.sqrt(n_atoms)
    basis = scipy.linalg.null_space(translations.T)
    eigenvalues, vectors = np.linalg.eigh(basis.T @ force_constants @ basis)
    threshold = 1e-6 * np.abs(eigenvalues).max()
    kept = np.abs(eigenvalues) > threshold
    projected = vectors[:, kept].T @ basis.T @ internal_strain
    return projected.T @ (projected / eigenvalues[kept, None]), bool((eigenvalues > threshold).all())


def _result(symmetry: CrystalSymmetry, relaxed: Array, clamped: Array, ions_stable: bool) -> Elasticity:
    constants = independent_constants(symmetry)
    if symmetry.is_cubic:
        relaxed, clamped = (rotate_stiffness(c, symmetry.to_standard_axes) for c in (relaxed, clamped))
        constants = ((0, 0), (0, 1), (3, 3))
    compliance = np.asarray(np.linalg.pinv(relaxed), dtype=np.float64)
    c_normal, c_cross, c_shear = _voigt_sums(relaxed)
    s_normal, s_cross, s_shear = _voigt_sums(compliance)
    return Elasticity(
        stiffness=relaxed,
        clamped_stiffness=clamped,
        constants=tuple(
            ElasticConstant(f"C{i + 1}{j + 1}", float(relaxed[i, j]), float(clamped[i, j]))
            for i, j in constants
        ),
        bulk_voigt=(c_normal + 2 * c_cross) / 9,
        bulk_reuss=1 / (s_normal + 2 * s_cross),
        shear_voigt=(c_normal - c_cross + 3 * c_shear) / 15,
        shear_reuss=15 / (4 * s_normal - 4 * s_cross + 3 * s_shear),
        space_group=symmetry.space_group,
        stable=ions_stable and bool((np.linalg.eigvalsh(relaxed) > 0).all()),
    )


def _voigt_sums(tensor: Array) -> tuple[float, float, float]:
    """Sums of the normal, cross and shear components (Hill, Proc. Phys. Soc. A 65, 349 (1952))."""
    return (
        float(np.trace(tensor[:3, :3])),
        float(tensor[0, 1] + tensor[0, 2] + tensor[1, 2]),
        float(np.trace(tensor[3:, 3:])),
    )
