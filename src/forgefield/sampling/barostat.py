"""Stochastic cell rescaling: constant pressure without momenta of the cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from scipy.linalg import expm

from forgefield.atoms.records import Array
from forgefield.potentials.contract import Potential

# Reached by a potential that has gone astray, not by physics; keeps a cell from collapsing in one step.
_LARGEST_STRAIN = 0.3


@dataclass(frozen=True, slots=True)
class Barostat:
    """A barostat, in ASE units.

    Attributes:
        pressure: P0, eV/Å³.
        bulk_modulus: 1/β, eV/Å³; a rough value, since only β/τ enters and only the pace depends on it.
        relaxation_time: τ, ASE time units.
        isotropic: move the volume alone.
        axis: Cartesian axis along which alone the cell is stretched, if one is given.
    """

    pressure: float
    bulk_modulus: float
    relaxation_time: float
    isotropic: bool
    axis: int | None = None


def internal_pressure(momenta: Array, masses: Array, stress: Array, volume: float) -> Array:
    """Instantaneous internal pressure tensor Σ p⊗p/m / V − σ.

    Args:
        momenta: (N, 3), ASE units.
        masses: (N,), u.
        stress: (6,) Voigt, eV/Å³, ASE's sign.
        volume: Å³.

    Returns:
        (3, 3), eV/Å³, positive under compression.
    """
    xx, yy, zz, yz, xz, xy = stress
    virial = -np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return (momenta.T / masses) @ momenta / volume + virial


def estimated_bulk_modulus(potential: Potential, atoms: Atoms, strain: float = 0.01) -> float:
    """Bulk modulus of a structure with its atoms in their places, GPa, between 1 and 1000: the pace of a barostat.

    Args:
        potential: gives the stress.
        atoms: periodic in three directions.
        strain: relative change of lengths, both ways.
    """
    tensions = []
    for length in (1.0 - strain, 1.0 + strain):
        strained = Atoms(
            atoms.numbers, length * atoms.positions, cell=length * atoms.cell.array, pbc=atoms.pbc
        )
        tensions.append(float(potential.evaluate(strained).stress[:3].mean()))
    return float(np.clip((tensions[1] - tensions[0]) / (6.0 * strain) / units.GPa, 1.0, 1000.0))


def strain_step(
    barostat: Barostat, pressure: Array, volume: float, thermal_energy: float, timestep: float, noise: Array
) -> Array:
    """Deformation F of one time step: cell vectors a → F a, positions r → F r, momenta p → F⁻¹ p.

    Isotropic, with ε = ln V (Bernetti & Bussi, J. Chem. Phys. 153, 114107 (2020)):

      dε = −(β/τ)(P0 − P) dt + √(2 kT β / (V τ)) dW,      F = exp(ε/3)

    Along one axis a alone the same holds with P_aa in the place of P, and F_aa = exp(ε).
    The free cell is its tensor form (Del Tatto, Raiteri, Bernetti & Bussi, Appl. Sci. 12, 1139 (2022)), here
    as a product of exponentials, F = exp(A):

      A = −(β/3τ)(P0 − P) dt + √(2 kT β / (3 V τ)) dW

    It samples V exp[−(U + K + P0 V)/kT] with respect to the invariant measure of the cell matrices; the
    drift kT/V that this density brings cancels against the one from the volume dependence of the noise.
    What A turns (its noise is not symmetric) is taken out by polar decomposition: energies do not change
    under rotation, so the ensemble stays the same and the cell keeps its orientation.

    Args:
        barostat: P0, β, τ.
        pressure: (3, 3) instantaneous internal pressure P, eV/Å³.
        volume: V, Å³.
        thermal_energy: kT, eV.
        timestep: dt, ASE units.
        noise: (3, 3) standard normal numbers; the isotropic form and that along an axis use the first alone.

    Returns:
        (3, 3) symmetric, positive definite.
    """
    pace = timestep / (barostat.bulk_modulus * barostat.relaxation_time)
    if barostat.isotropic or barostat.axis is not None:
        stretched = [0, 1, 2] if barostat.axis is None else [barostat.axis]
        beyond = float(np.diag(pressure)[stretched].mean()) - barostat.pressure
        growth = pace * beyond + np.sqrt(2.0 * thermal_energy * pace / volume) * noise[0, 0]
        lengths = np.ones(3)
        lengths[stretched] = np.exp(np.clip(growth / len(stretched), -_LARGEST_STRAIN, _LARGEST_STRAIN))
        return np.diag(lengths)
    excess = pressure - barostat.pressure * np.eye(3)
    generator = pace * excess / 3.0 + np.sqrt(2.0 * thermal_energy * pace / (3.0 * volume)) * noise
    generator *= _LARGEST_STRAIN / max(float(np.linalg.norm(generator)), _LARGEST_STRAIN)
    deformation = expm(generator)
    squares, axes = np.linalg.eigh(deformation.T @ deformation)
    return (axes * np.sqrt(squares)) @ axes.T
