"""Root mean square errors of energies, forces and stresses, summed up batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from forgefield.potentials.training_data import Prediction, Targets


@dataclass(frozen=True)
class FitErrors:
    """Root mean square errors of the committee's mean; None where there is nothing to compare.

    Attributes:
        energy: eV/atom.
        force: eV/Å.
        stress: eV/Å³.
    """

    energy: float | None
    force: float
    stress: float | None


class ErrorSums:
    """Squared errors so far.

    Args:
        stored: `sums` of an earlier object, to go on from.
    """

    def __init__(self, stored: list[float] | None = None) -> None:
        self.sums = list(stored) if stored else [0.0] * 6

    @torch.no_grad()
    def add(self, prediction: Prediction, targets: Targets) -> None:
        """Count a batch in."""
        energy = (prediction.energies.mean(0) - targets.energies) / targets.sizes
        force = prediction.forces.mean(0) - targets.forces
        known = torch.isfinite(targets.virials[:, 0]) & (targets.volumes > 1e-8)
        stress = (prediction.virials.mean(0) - targets.virials)[known] / targets.volumes[known, None]
        for place, error in enumerate((energy, force, stress)):
            flat = error.numpy().ravel()
            self.sums[2 * place] += float(flat @ flat)
            self.sums[2 * place + 1] += len(flat)

    def errors(self) -> FitErrors:
        """Root mean squares of what was counted."""
        means = [
            float(np.sqrt(self.sums[k] / self.sums[k + 1])) if self.sums[k + 1] else None for k in (0, 2, 4)
        ]
        return FitErrors(means[0], means[1] if means[1] is not None else 0.0, means[2])
