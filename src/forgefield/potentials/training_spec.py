"""Settings of the training engine."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from forgefield.atoms.spec import Spec


class TrainingSpec(Spec):
    """How a potential is fitted to labels. The defaults suit 10–1000 small structures."""

    epochs: int | None = Field(default=None, ge=1)
    """Passes over the training data; null: as many as make 15 000 steps, at least 50 and at most 400."""
    batch_atoms: int | None = Field(default=None, ge=1)
    """Atoms in one mini-batch, about; null: a hundredth of the data, at least 32 and at most 128."""
    optimizer: Literal["soap", "adamw", "adam", "kalman"] = "soap"
    """Optimiser; soap needs several times fewer steps than adam, kalman (small networks only) fewer still."""
    learning_rate: float = Field(default=0.004, gt=0)
    """Largest step size of the optimiser."""
    schedule: Literal["cosine", "exponential", "step", "constant"] = "cosine"
    """How the step size falls to a thousandth (step: to a hundredth, in two steps; constant: not at all)."""
    warm_up: int = Field(default=20, ge=1)
    """Optimiser steps over which the step size rises to its largest."""
    max_seconds: float | None = Field(default=None, gt=0)
    """Wall time by which training ends, its schedule shortened accordingly; null: no limit."""
    patience: int | None = Field(default=None, ge=1)
    """Validations without a better one after which training ends early (there are some forty); null: never."""
    energy_tolerance: float = Field(default=0.002, gt=0)
    """Energy error that counts as much as the other tolerances, eV/atom."""
    force_tolerance: float = Field(default=0.015, gt=0)
    """Force error that counts as much as the other tolerances, eV/Å."""
    stress_tolerance: float = Field(default=0.004, gt=0)
    """Virial error (stress times volume) that counts as much as the other tolerances, eV/atom."""
    relative_tolerance: float = Field(default=0.02, ge=0)
    """Tolerances grow by this share of a structure's own force, virial and energy above the lowest."""
    energy_weight: float = Field(default=1.0, ge=0)
    """Weight of energies in the loss; 0 switches them off."""
    force_weight: float = Field(default=1.0, ge=0)
    """Weight of forces in the loss; 0 switches them off."""
    stress_weight: float = Field(default=1.0, ge=0)
    """Weight of stresses in the loss; 0 switches them off."""
    weight_decay: float = Field(default=0.03, ge=0)
    """Pull of the weights towards zero, per step and step size; it keeps large networks from learning noise. Of soap
    and adamw."""
    exact_last_layer: bool = True
    """Solve the last layer exactly after training, where the family can and the validation data agree."""
    gradient_clip: float = Field(default=100.0, gt=0)
    """Longest gradient that is followed in full."""
    averaging: float = Field(default=0.99, ge=0, lt=1)
    """Decay of the exponential moving average of the weights, per step; 0 switches it off."""
    validation_fraction: float = Field(default=0.1, gt=0, lt=0.5)
    """Share of trajectories that are held back to choose the best epoch and to calibrate uncertainty."""
    bootstrap: float = Field(default=0.5, ge=0, le=1)
    """How differently committee members weigh each structure: 0 equal, 1 full bootstrap."""
    cache_megabytes: float = Field(default=1000.0, ge=0)
    """Memory for descriptors and neighbours that are kept from epoch to epoch; the rest is computed anew."""

    @property
    def loss_weights(self) -> tuple[float, float, float]:
        """Weights of energies, forces and stresses."""
        return self.energy_weight, self.force_weight, self.stress_weight
