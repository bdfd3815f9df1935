"""Settings of Bayesian potentials."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from forgefield.atoms.spec import Spec


class BayesianSpec(Spec):
    """Regression on 2- and 3-body features, solved in closed form, with the variance of every prediction."""

    cutoff: float = Field(default=5.5, gt=1.0, le=12.0)
    """Cutoff radius, Å."""
    n_radial: int = Field(default=8, ge=2, le=20)
    """Chebyshev radial functions per neighbour species."""
    l_max: int = Field(default=4, ge=0, le=6)
    """Highest degree of the spherical harmonics."""
    self_term: bool = False
    """Whether 3-body features keep the terms in which both neighbours are the same atom."""
    kernel: Literal["linear", "polynomial"] = "linear"
    """Energies linear in the features (fast), or a power of the similarity to reference environments (accurate)."""
    power: int = Field(default=3, ge=1, le=8)
    """Power of the similarity; of the polynomial kernel."""
    references: int = Field(default=400, ge=1, le=5000)
    """Most reference environments of an element; of the polynomial kernel."""
    energy_ratio: float | None = Field(default=0.03, gt=0)
    """Largest noise of energies, eV/atom, for each eV/Å of the forces' noise; null: whatever is most probable."""
    virial_ratio: float | None = Field(default=1.0, gt=0)
    """Largest noise of virials, eV/atom, for each eV/Å of the forces' noise; null: whatever is most probable."""
    energy_floor: float = Field(default=1e-4, gt=0)
    """Smallest noise of energies, eV/atom."""
    force_floor: float = Field(default=1e-3, gt=0)
    """Smallest noise of forces, eV/Å."""
    virial_floor: float = Field(default=1e-4, gt=0)
    """Smallest noise of virials (stress times volume), eV/atom."""
