"""Who looks along the way of a hop whether it can still be trusted."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.conditions import Stop
from forgefield.sampling.energy_surface import EnergySurface, Point
from forgefield.sampling.minima_hopping_state import MinimaHoppingSettings


class HopWatch:
    """Finds numbers that are not finite at every point, and a geometry or an uncertainty out of bounds at every so
    many, and remembers the last sound structure.

    Args:
        settings: of the walk.

    Attributes:
        sound: the last structure whose geometry was within bounds; None before the first look.
    """

    def __init__(self, settings: MinimaHoppingSettings) -> None:
        self.sound: Atoms | None = None
        self._settings = settings
        self._points = 0

    def __call__(self, surface: EnergySurface, point: Point) -> Stop | None:
        """Why to stop at this point, if there is a reason.

        Raises:
            ForgefieldError: the guard bounds the uncertainty, but the potential has none.
        """
        if not np.isfinite(point.energy + point.forces @ point.forces):
            return Stop("overheated", "energy or forces are no longer finite")
        self._points += 1
        return None if self._points % self._settings.spec.judge_every else self.judged(surface, point)

    def judged(self, surface: EnergySurface, point: Point) -> Stop | None:
        """The same, with a look at geometry and uncertainty in any case."""
        guard = self._settings.guard
        atoms = surface.structure(point.x)
        if (problem := guard.geometry_problem(atoms)) is not None:
            return problem
        self.sound = atoms
        if np.isinf(guard.stop_above):
            return None
        uncertainty = surface.force_uncertainty(point)
        if uncertainty is None:
            raise ForgefieldError(
                f"{self._settings.name}: the potential gives no uncertainty of its forces, so no hop can be stopped at "
                f"{guard.stop_above:.3f} eV/Å",
                "choose a family that does, such as bayesian, or a committee",
            )
        # Written so that an uncertainty that is not a number stops too.
        if guard.scale * uncertainty <= guard.stop_above:
            return None
        reason = f"force uncertainty {guard.scale * uncertainty:.3f} eV/Å exceeds {guard.stop_above:.3f}"
        return Stop("uncertain", reason)
