"""Settings of the training engine."""

from __future__ import annotations

from pydantic import Field

from forgefield.atoms.spec import Spec


class TrainingSpec(Spec):
    """How a potential is fitted to labels. The defaults suit 10–1000 small structures."""

    epochs: int = Field(default=200, ge=1)
    """Passes over the training data."""
    batch_atoms: int = Field(default=32, ge=1)
    """Atoms in one mini-batch, about."""
    learning_rate: float = Field(default=0.003, gt=0)
    """First step size of the optimiser; it falls to a thousandth along a cosine."""
    energy_tolerance: float = Field(default=0.002, gt=0)
    """Energy error that counts as much as the other tolerances, eV/atom."""
    force_tolerance: float = Field(default=0.03, gt=0)
    """Force error that counts as much as the other tolerances, eV/Å."""
    stress_tolerance: float = Field(default=0.004, gt=0)
    """Virial error (stress times volume) that counts as much as the other tolerances, eV/atom."""
    relative_tolerance: float = Field(default=0.02, ge=0)
    """Tolerances grow by this share of a structure's own force, virial and energy above the lowest."""
    weight_decay: float = Field(default=1e-6, ge=0)
    """Pull of the weights towards zero."""
    averaging: float = Field(default=0.99, ge=0, lt=1)
    """Decay of the exponential moving average of the weights, per step; 0 switches it off."""
    validation_fraction: float = Field(default=0.1, gt=0, lt=0.5)
    """Share of trajectories that are held back to choose the best epoch and to calibrate uncertainty."""
    bootstrap: float = Field(default=0.5, ge=0, le=1)
    """How differently committee members weigh each structure: 0 equal, 1 full bootstrap."""
