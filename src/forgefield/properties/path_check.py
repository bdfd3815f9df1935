"""What another calculator, such as DFT, says about a finished path without moving it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.calculators.calculator import Calculator

from forgefield.properties.energy_profile import EnergyProfile
from forgefield.properties.minimum_energy_path import MinimumEnergyPath
from forgefield.properties.nudged_elastic_band import tangents_of
from forgefield.properties.point import evaluate_points, require_points
from forgefield.properties.quantities import Planned, Quantity

_ASIDE = 0.3
"""eV/Å; forces across a path beyond which it is not the calculator's own."""


@dataclass(frozen=True, slots=True)
class PathCheck:
    """What another calculator says about the images of a finished path, without moving them.

    Attributes:
        profile: its energies along the path.
        residual: its largest force across the path, eV/Å: how far its own path may be.
    """

    profile: EnergyProfile
    residual: float

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Barriers along the given path."""
        return self.profile.quantities

    @property
    def warnings(self) -> tuple[str, ...]:
        """Whether its own path may lie elsewhere."""
        if self.residual <= _ASIDE:
            return ()
        return (
            f"forces across the path are up to {self.residual:.2f} eV/Å: this calculator's own path, "
            "and its barrier, may differ",
        )


def check_path(path: MinimumEnergyPath, calculator: Calculator) -> PathCheck:
    """Single points on all images, in one batch."""
    images = path.images
    points = evaluate_points(images, calculator)
    require_points(points, images, "the path")
    energies = np.array([point.energy for point in points])
    forces = np.array([point.forces for point in points])
    tangents = tangents_of(images, path.profile.energies)
    along = np.einsum("kij,kij->k", forces, tangents)
    across = forces - along[:, None, None] * tangents
    return PathCheck(
        profile=EnergyProfile(path.profile.lengths, energies - energies[0], -along),
        residual=float(np.linalg.norm(across, axis=2).max()),
    )


def planned_check(path: MinimumEnergyPath) -> tuple[Planned, ...]:
    """Forecast of :func:`check_path`."""
    return (Planned(path.saddle, len(path.positions)),)
