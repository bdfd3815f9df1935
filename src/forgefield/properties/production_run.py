"""The part of a trajectory that statistics are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forgefield.properties.equilibration import Equilibration, find_equilibration
from forgefield.properties.trajectory import RecordedTrajectory


@dataclass(frozen=True, slots=True)
class ProductionRun:
    """The equilibrated part of a trajectory, which statistics are made of.

    Attributes:
        trajectory: frames since the end of equilibration.
        equilibration: how that was found; None if there was nothing to find it from.
    """

    trajectory: RecordedTrajectory
    equilibration: Equilibration | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the run doubtful."""
        if self.equilibration is None:
            return ("the frames have no energies, from which the end of equilibration could be found",)
        return self.equilibration.warnings


def equilibrated_part(trajectory: RecordedTrajectory) -> ProductionRun:
    """Discard the frames before equilibrium of potential energy and, where the cell moves, of the volume.

    Raises:
        ForgefieldError: fewer than 20 frames with energies, or energies that are not finite.
    """
    if trajectory.energies is None:
        return ProductionRun(trajectory, None)
    observables = [trajectory.energies]
    if not trajectory.constant_cell:
        observables.append(trajectory.volumes)
    found = find_equilibration(np.column_stack(observables))
    return ProductionRun(trajectory.frames(slice(found.start, None)), found)
