"""Mode Grüneisen parameters γ = −∂ ln ω / ∂ ln V, from phonons at three volumes.

They come from the change of the dynamical matrix between the outer volumes in the modes of the middle one,
γ = −V/(2ω²) ⟨e| ∂D/∂V |e⟩, so that branches need not be followed where they cross. Their mean with the modes' heat
capacities as weights is the macroscopic parameter (Wallace, Thermodynamics of Crystals (1972), section 18). The cell's
shape and the fractional positions are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.records import Array
from forgefield.properties import phonons
from forgefield.properties.crystal import bare_crystal, scaled_to_volume
from forgefield.properties.phonons import PhononSpec
from forgefield.properties.point import PointValues, evaluate_points, evaluations_in_parts
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.thermal_properties import (
    ROOM_TEMPERATURE,
    TERAHERTZ,
    ThermalPropertiesSpec,
    mode_heat_capacities,
    sort_modes,
)


class GrueneisenSpec(ThermalPropertiesSpec):
    """How the volume is changed, and at which temperatures the mean is wanted."""

    volume_change: float = Field(default=0.01, gt=0, le=0.1)
    """Relative change of volume, both ways."""


@dataclass(frozen=True, slots=True)
class Grueneisen:
    """Mode Grüneisen parameters on a mesh.

    Attributes:
        volumes: (3,) Å³/atom.
        qpoints: (Q, 3) irreducible points of the mesh, in reciprocal vectors of the primitive cell.
        weights: (Q,) share of each point; they sum to 1.
        frequencies: (Q, 3N) at the middle volume, THz, ascending at each point; imaginary ones negative.
        parameters: (Q, 3N) γ of each mode; nan for translations at Γ and imaginary modes.
        temperatures: (T,) K, from 0.
        mean: (T,) with the heat capacities as weights; nan at 0 K.
        high_temperature_mean: with equal weights.
        imaginary_volumes: those of the three at which the crystal has imaginary modes, Å³/atom.
    """

    volumes: Array
    qpoints: Array
    weights: Array
    frequencies: Array
    parameters: Array
    temperatures: Array
    mean: Array
    high_temperature_mean: float
    imaginary_volumes: tuple[float, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Imaginary modes."""
        if not self.imaginary_volumes:
            return ()
        listed = ", ".join(f"{volume:.2f}" for volume in self.imaginary_volumes)
        return (f"imaginary modes at {listed} Å³/atom: they are missing from the mean Grüneisen parameter",)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Means and extremes."""
        found = []
        if self.temperatures[-1] >= ROOM_TEMPERATURE:
            middle = float(np.interp(ROOM_TEMPERATURE, self.temperatures, self.mean))
            found.append(Quantity(f"mean Grüneisen parameter at {ROOM_TEMPERATURE:g} K", middle, ""))
        return (
            *found,
            Quantity("mean Grüneisen parameter at high temperature", self.high_temperature_mean, ""),
            Quantity("lowest mode Grüneisen parameter", float(np.nanmin(self.parameters)), ""),
            Quantity("highest mode Grüneisen parameter", float(np.nanmax(self.parameters)), ""),
        )


def plan(atoms: Atoms, spec: GrueneisenSpec, phonon_spec: PhononSpec) -> list[Atoms]:
    """Displaced supercells at the smaller volume, the crystal's own and the larger one."""
    settled = phonons.resolve(atoms, phonon_spec)
    return [structure for crystal in _crystals(atoms, spec) for structure in phonons.plan(crystal, settled)]


def analyse(
    atoms: Atoms, spec: GrueneisenSpec, phonon_spec: PhononSpec, evaluations: Sequence[PointValues]
) -> Grueneisen:
    """Grüneisen parameters from the evaluations of :func:`plan`."""
    from phonopy.api_gruneisen import PhonopyGruneisen

    settled = phonons.resolve(atoms, phonon_spec).model_copy(update={"dos_points": 0})
    crystals = _crystals(atoms, spec)
    parts = evaluations_in_parts(evaluations, len(crystals), "Grüneisen parameters")
    solved = [phonons.solve(crystal, settled, part) for crystal, part in zip(crystals, parts, strict=True)]
    found = [phonons.phonons_of(phonopy, settled) for phonopy in solved]
    derivative = PhonopyGruneisen(solved[1], solved[2], solved[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        derivative.set_mesh(settled.mesh or (1, 1, 1), is_gamma_center=True)
    qpoints, counts, frequencies, _, parameters = derivative.get_mesh()
    real, _ = sort_modes(np.asarray(qpoints), np.asarray(frequencies))
    usable = np.where(real, parameters, np.nan)
    weights = np.asarray(counts, dtype=np.float64) / np.sum(counts)
    shares = np.repeat(weights[:, None], frequencies.shape[1], axis=1)[real]
    volumes = np.array([crystal.cell.volume / len(crystal) for crystal in crystals])
    return Grueneisen(
        volumes=volumes,
        qpoints=np.array(qpoints, dtype=np.float64),
        weights=weights,
        frequencies=np.array(frequencies, dtype=np.float64),
        parameters=usable,
        temperatures=spec.temperatures,
        mean=_means(TERAHERTZ * frequencies[real], parameters[real], shares, spec.temperatures),
        high_temperature_mean=float(parameters[real] @ shares / shares.sum()),
        imaginary_volumes=tuple(
            float(volume) for volume, each in zip(volumes, found, strict=True) if each.imaginary
        ),
    )


def compute(
    atoms: Atoms, calculator: Calculator, spec: GrueneisenSpec, phonon_spec: PhononSpec
) -> Grueneisen:
    """Grüneisen parameters of a crystal with any ASE calculator."""
    return analyse(atoms, spec, phonon_spec, evaluate_points(plan(atoms, spec, phonon_spec), calculator))


def planned(atoms: Atoms, phonon_spec: PhononSpec) -> tuple[Planned, ...]:
    """The displaced supercells at three volumes."""
    return tuple(Planned(each.atoms, 3 * each.calculations) for each in phonons.planned(atoms, phonon_spec))


def _crystals(atoms: Atoms, spec: GrueneisenSpec) -> list[Atoms]:
    volume = bare_crystal(atoms).cell.volume
    return [scaled_to_volume(atoms, volume * (1 + change * spec.volume_change)) for change in (-1, 0, 1)]


def _means(energies: Array, parameters: Array, shares: Array, temperatures: Array) -> Array:
    """Σ C γ / Σ C at each temperature; nan where no mode is excited."""
    means = np.full(len(temperatures), np.nan)
    for place, temperature in enumerate(temperatures):
        capacities = shares * mode_heat_capacities(energies, float(temperature))
        if capacities.sum() > 0:
            means[place] = parameters @ capacities / capacities.sum()
    return means
