"""The way of least energy from one minimum to another, and the barrier on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.energy_profile import EnergyProfile
from forgefield.properties.nudged_elastic_band import (
    Band,
    relax_band,
    start_path,
    steps_between,
    tangents_of,
)
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.rearrangement import relaxation_warnings
from forgefield.properties.stored_structure import StoredStructure, stored_structure
from forgefield.sampling.relaxation import Relaxed, relax

_SAME_MINIMUM = 0.1
"""Å; ends whose atoms are all closer than this are one minimum."""
_BELOW = 0.05
"""eV; images this far below both ends lie in a deeper minimum."""
_COARSE = 0.01, 0.03
"""eV, and share of the barrier, by which the curve may rise above the highest image."""
_RELAXATION_STEPS, _ITERATIONS = 20, 40
"""Guesses for a forecast."""


class MinimumEnergyPathSpec(Spec):
    """How a minimum-energy path is found."""

    images: int | None = Field(default=None, ge=1, le=101)
    """Structures between the ends; null: an odd number from 3 to 11 by `image_distance`."""
    image_distance: float = Field(default=0.5, gt=0)
    """Å; distance between neighbouring images in the space of all coordinates that decides about their number."""
    rattle: float = Field(default=0.0, ge=0, le=0.5)
    """Standard deviation of random displacements of the ends, and of the middle of the path, at the start, Å. Where
    symmetry holds a path on a ridge, so that its saddle has two unstable modes, 0.03 lets it go."""
    seed: int = 0
    """Of these displacements."""
    force_tolerance: float = Field(default=0.01, gt=0)
    """Largest force across the path on any atom of any image, eV/Å; half of it for the ends."""
    max_iterations: int = Field(default=200, ge=1)
    """Iterations after which the path is given up."""
    max_relaxation_steps: int = Field(default=300, ge=1)
    """Steps after which the relaxation of an end is given up."""


@dataclass(frozen=True, slots=True)
class MinimumEnergyPath:
    """Images from one minimum to another.

    Attributes:
        start: the first end, relaxed.
        positions: (M, N, 3) of all images, Å; the ends are relaxed.
        energy: of the first end, eV.
        profile: energies along the path.
        highest: index of the highest image, the saddle of a converged path.
        residual: largest force across the path, eV/Å.
        iterations: of the inner images, each one batch of calculations.
        converged: whether ends and path met their tolerances; otherwise the barrier is uncertain, as a rule too high.
        warnings: what makes the barrier doubtful.
    """

    start: StoredStructure
    positions: Array
    energy: float
    profile: EnergyProfile
    highest: int
    residual: float
    iterations: int
    converged: bool
    warnings: tuple[str, ...]

    @property
    def images(self) -> tuple[Atoms, ...]:
        """All structures, from the first end to the last."""
        return tuple(self.start.at(positions) for positions in self.positions)

    @property
    def saddle(self) -> Atoms:
        """The highest image."""
        return self.images[self.highest]

    @property
    def saddle_direction(self) -> Array:
        """(N, 3) unit vector along the path at the highest image."""
        return np.asarray(tangents_of(self.images, self.profile.energies)[self.highest])

    @property
    def leads_somewhere(self) -> bool:
        """Whether the ends are two minima; there is no barrier otherwise."""
        return len(self.positions) > 2

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Those of the profile; none where the ends are one minimum."""
        return self.profile.quantities if self.leads_somewhere else ()


def compute(
    initial: Atoms, final: Atoms, calculator: Calculator, spec: MinimumEnergyPathSpec
) -> MinimumEnergyPath:
    """Relax both ends in their cell, then the path between them.

    Args:
        initial: near the first minimum.
        final: near the last minimum; the same atoms in the same order and cell.
        calculator: any ASE calculator; all images of an iteration go to it at once.
        spec: settings.

    Raises:
        ForgefieldError: the structures are not of the same atoms and cell.
    """
    _require_alike(initial, final)
    rng = np.random.default_rng(spec.seed)
    ends = [
        relax(
            _rattled(end, spec, rng),
            calculator,
            spec.force_tolerance / 2,
            cell=False,
            max_steps=spec.max_relaxation_steps,
        )
        for end in (initial, final)
    ]
    warnings = [
        warning
        for end, start, name in zip(ends, (initial, final), ("first end", "last end"), strict=True)
        for warning in relaxation_warnings(name, start, end)
    ]
    first, last = ends[0].atoms, ends[1].atoms
    (way,) = steps_between([first, last])
    if np.linalg.norm(way, axis=1).max() < _SAME_MINIMUM:
        return _without_path(ends, warnings)
    images = spec.images or _image_number(float(np.linalg.norm(way)), spec.image_distance)
    start = start_path(first, last, images)
    # One displacement for all, largest in the middle: images displaced one by one would make a kinked path.
    aside = rng.normal(scale=spec.rattle, size=first.positions.shape)
    for image, share in zip(start, np.sin(np.linspace(0.0, np.pi, len(start))), strict=True):
        image.positions += share * aside
    band = relax_band(start, calculator, spec.force_tolerance, spec.max_iterations)
    return _result(band, all(end.converged for end in ends), warnings, spec)


def image_count(initial: Atoms, final: Atoms, spec: MinimumEnergyPathSpec) -> int:
    """How many images there will be between two ends."""
    _require_alike(initial, final)
    length = float(np.linalg.norm(steps_between([initial, final])))
    return spec.images or _image_number(length, spec.image_distance)


def planned(initial: Atoms, final: Atoms, spec: MinimumEnergyPathSpec) -> tuple[Planned, ...]:
    """Forecast: two relaxations and some forty iterations of all images."""
    images = image_count(initial, final, spec)
    iterations = min(_ITERATIONS, spec.max_iterations)
    steps = min(_RELAXATION_STEPS, spec.max_relaxation_steps)
    return (Planned(initial, 2 * steps + images * iterations),)


def _require_alike(initial: Atoms, final: Atoms) -> None:
    same = len(initial) == len(final) and np.array_equal(initial.numbers, final.numbers)
    if not same or not np.allclose(initial.cell.array, final.cell.array) or (initial.pbc != final.pbc).any():
        raise ForgefieldError(
            f"a path cannot lead from {initial.get_chemical_formula()} to {final.get_chemical_formula()} "
            "with other atoms, another order of them or another cell",
            "give both ends with the same atoms in the same order and the same cell",
        )


def _rattled(atoms: Atoms, spec: MinimumEnergyPathSpec, rng: np.random.Generator) -> Atoms:
    rattled = atoms.copy()
    rattled.positions += rng.normal(scale=spec.rattle, size=rattled.positions.shape)
    return rattled


def _image_number(length: float, distance: float) -> int:
    """Odd, so that the middle of a symmetric path is an image."""
    return int(np.clip(2 * round((length / distance - 1) / 2) + 1, 3, 11))


def _without_path(ends: list[Relaxed], warnings: list[str]) -> MinimumEnergyPath:
    first, last = ends[0].atoms, ends[1].atoms
    length = float(np.linalg.norm(steps_between([first, last])))
    energies = np.array([0.0, ends[1].energy - ends[0].energy])
    profile = EnergyProfile(np.array([0.0, max(length, 1e-6)]), energies, np.zeros(2))
    return _path(
        [first, last],
        ends[0].energy,
        profile,
        residual=max(end.max_force for end in ends),
        iterations=0,
        converged=False,
        warnings=(*warnings, "both ends relax into the same minimum: there is no path and no barrier"),
    )


def _result(
    band: Band, ends_converged: bool, warnings: list[str], spec: MinimumEnergyPathSpec
) -> MinimumEnergyPath:
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps_between(band.images), axis=(1, 2)))])
    slopes = -np.einsum("kij,kij->k", band.forces, band.tangents)
    profile = EnergyProfile(lengths, band.energies - band.energies[0], slopes)
    return _path(
        band.images,
        float(band.energies[0]),
        profile,
        residual=band.residual,
        iterations=band.iterations,
        converged=band.converged and ends_converged,
        warnings=(*warnings, *_path_warnings(band, profile, spec)),
    )


def _path_warnings(band: Band, profile: EnergyProfile, spec: MinimumEnergyPathSpec) -> list[str]:
    found = []
    if not band.converged:
        found.append(
            f"the path has not converged: forces across it are up to {band.residual:.3g} eV/Å after "
            f"{band.iterations} iterations ({spec.force_tolerance:g} asked for); the barrier of "
            f"{profile.forward:.3f} eV is uncertain and as a rule too high"
        )
    if band.climbing is None:
        found.append("no image lies above both ends: there is no barrier between them, or images are too few")
    lowest = float(profile.energies.min() - min(0.0, profile.energies[-1]))
    if lowest < -_BELOW:
        found.append(
            f"the path falls {-lowest:.2f} eV below both ends: they are not the lowest minima of their sites"
        )
    summit = float(profile.energies.max())
    if profile.forward - summit > _COARSE[0] + _COARSE[1] * summit:
        found.append(
            f"the curve rises to {profile.forward:.3f} eV between images, the highest of which is at "
            f"{summit:.3f} eV: take more images"
        )
    found += [
        f"the path passes a minimum at {length:.2f} Å and {energy:.3f} eV: it is more than one hop, "
        "and its barrier that of the highest"
        for length, energy in profile.intermediate_minima()
    ]
    return found


def _path(
    images: Sequence[Atoms],
    energy: float,
    profile: EnergyProfile,
    residual: float,
    iterations: int,
    converged: bool,
    warnings: tuple[str, ...],
) -> MinimumEnergyPath:
    return MinimumEnergyPath(
        start=stored_structure(images[0]),
        positions=np.array([image.positions for image in images]),
        energy=energy,
        profile=profile,
        highest=int(profile.energies.argmax()),
        residual=residual,
        iterations=iterations,
        converged=converged,
        warnings=warnings,
    )
