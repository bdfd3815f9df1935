"""Thermal expansion in the quasi-harmonic approximation: harmonic phonons at several volumes.

At each temperature the free energy F(V, T) = E(V) + F_vib(V, T) is a Birch–Murnaghan curve, whose minimum and curvature
are the volume and the isothermal bulk modulus B at zero pressure. The rest follows without differences in temperature:

  α = (∂S/∂V)_T / B,  C_P = C_V + T V α² B,  γ = V α B / C_V

(Wallace, Thermodynamics of Crystals (1972), sections 1–2); S and C_V are cubic in V^(−⅔) as F is. α is that of the
volume. The cell's shape and the fractional positions are kept: where ions may move, forces on them give a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.properties import equation_of_state, phonons, thermal_properties
from forgefield.properties.crystal import bare_crystal, scaled_to_volume
from forgefield.properties.phonons import PhononSpec
from forgefield.properties.point import PointValues, evaluate_points, evaluations_in_parts, require_points
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.thermal_properties import (
    ROOM_TEMPERATURE,
    ThermalProperties,
    ThermalPropertiesSpec,
)

_FEWEST_VOLUMES = 5


class QuasiharmonicSpec(ThermalPropertiesSpec):
    """At which volumes and temperatures."""

    compression: float = Field(default=0.03, ge=0, le=0.2)
    """Smallest volume: relative change."""
    expansion: float = Field(default=0.07, gt=0, le=0.3)
    """Largest volume: relative change; the crystal's volume must stay below it up to the highest temperature."""
    volumes: int = Field(default=6, ge=_FEWEST_VOLUMES)
    """Number of volumes, evenly spaced; at each, phonons are computed."""
    largest_force: float = Field(default=0.01, gt=0)
    """eV/Å; forces on the ions at rest beyond it, at any volume, give a warning."""


@dataclass(frozen=True, slots=True)
class Quasiharmonic:
    """A crystal at zero pressure against temperature; extensive values per atom.

    Attributes:
        volumes: (n,) used, Å³/atom.
        static_energies: (n,) of the crystal at rest, eV/atom.
        unstable_volumes: left out for imaginary modes, Å³/atom.
        temperatures: (T,) K, up to where the volume leaves the range.
        free_energy: (T,) Gibbs free energy, eV/atom.
        volume: (T,) Å³/atom.
        bulk_modulus: (T,) isothermal, GPa.
        expansion: (T,) of the volume, 1/K.
        heat_capacity_volume: (T,) at constant volume, eV/K/atom.
        heat_capacity: (T,) at constant pressure, eV/K/atom.
        static_volume: without vibrations, Å³/atom.
        highest_wanted: temperature up to which values were wanted, K.
        residual_force: largest force on an ion at rest, eV/Å.
        largest_force: above which the positions are not those of the crystal, eV/Å.
    """

    volumes: Array
    static_energies: Array
    unstable_volumes: tuple[float, ...]
    temperatures: Array
    free_energy: Array
    volume: Array
    bulk_modulus: Array
    expansion: Array
    heat_capacity_volume: Array
    heat_capacity: Array
    static_volume: float
    highest_wanted: float
    residual_force: float
    largest_force: float

    @property
    def grueneisen(self) -> Array:
        """(T,) thermodynamic Grüneisen parameter; nan where the heat capacity is zero."""
        product = self.volume * self.expansion * self.bulk_modulus * units.GPa
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(
                np.where(self.heat_capacity_volume > 0, product / self.heat_capacity_volume, np.nan)
            )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Volumes left out, a range too narrow, ions that are not at rest."""
        found = []
        if self.unstable_volumes:
            listed = ", ".join(f"{volume:.2f}" for volume in self.unstable_volumes)
            found.append(f"left out for imaginary modes: {listed} Å³/atom")
        if self.temperatures[-1] < self.highest_wanted - 1e-9:
            found.append(
                f"no volume of lowest free energy within {self.volumes[0]:.2f}–{self.volumes[-1]:.2f} Å³/atom above "
                f"{self.temperatures[-1]:g} K: values end there"
            )
        if self.residual_force > self.largest_force:
            found.append(
                f"forces up to {self.residual_force:.3f} eV/Å on ions whose fractional positions were kept"
            )
        return tuple(found)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The shift by zero-point motion, and values at room temperature."""
        shift = 100 * (float(self.volume[0]) / self.static_volume - 1)
        found = [Quantity("volume, change by zero-point motion", shift, "%")]
        if self.temperatures[-1] >= ROOM_TEMPERATURE:
            for name, values, scale, unit in (
                ("volume", self.volume, 1.0, "Å³/atom"),
                ("thermal expansion of the volume", self.expansion, 1e6, "10⁻⁶/K"),
                ("isothermal bulk modulus", self.bulk_modulus, 1.0, "GPa"),
                ("heat capacity at constant pressure", self.heat_capacity, units.mol / units.J, "J/(mol K)"),
                ("thermodynamic Grüneisen parameter", self.grueneisen, 1.0, ""),
            ):
                value = float(np.interp(ROOM_TEMPERATURE, self.temperatures, values))
                found.append(Quantity(f"{name} at {ROOM_TEMPERATURE:g} K", scale * value, unit))
        return tuple(found)


def plan(atoms: Atoms, spec: QuasiharmonicSpec, phonon_spec: PhononSpec) -> list[Atoms]:
    """For each volume, in growing order: the crystal, then its displaced supercells.

    Args:
        atoms: the crystal at its volume of lowest energy.
        spec: volumes.
        phonon_spec: supercell and displacement; settled at the volume given.
    """
    settled = phonons.resolve(atoms, phonon_spec)
    return [
        structure
        for crystal in _crystals(atoms, spec)
        for structure in [crystal, *phonons.plan(crystal, settled)]
    ]


def analyse(
    atoms: Atoms, spec: QuasiharmonicSpec, phonon_spec: PhononSpec, evaluations: Sequence[PointValues]
) -> Quasiharmonic:
    """Thermal expansion from the evaluations of :func:`plan`.

    Raises:
        ForgefieldError: too few volumes without imaginary modes, or no volume of lowest free energy at 0 K.
    """
    # Neither density of states nor a fine path is looked at; the path finds imaginary modes.
    settled = phonons.resolve(atoms, phonon_spec).model_copy(update={"dos_points": 0})
    crystals = _crystals(atoms, spec)
    parts = evaluations_in_parts(evaluations, len(crystals), "the quasi-harmonic approximation")
    kept: list[tuple[float, float, ThermalProperties]] = []
    unstable = []
    for crystal, (static, *moved) in zip(crystals, parts, strict=True):
        require_points([static], [crystal], "the quasi-harmonic approximation")
        found = phonons.analyse(crystal, settled, moved)
        volume = crystal.cell.volume / len(crystal)
        if found.imaginary:
            unstable.append(float(volume))
            continue
        vibrations = thermal_properties.analyse(found, spec)
        kept.append((float(volume), static.energy / len(crystal), vibrations))
    if len(kept) < _FEWEST_VOLUMES:
        raise ForgefieldError(
            f"{atoms.get_chemical_formula()} has imaginary modes at {len(unstable)} of {len(crystals)} volumes "
            f"({', '.join(f'{volume:.2f}' for volume in unstable)} Å³/atom), which leaves {len(kept)} of the "
            f"{_FEWEST_VOLUMES} that a fit needs",
            "choose another range of volumes or more of them, a larger supercell, or a crystal that is stable",
        )
    force = max(float(np.abs(part[0].forces).max()) for part in parts)
    return _minimise(atoms.get_chemical_formula(), spec, kept, tuple(unstable), force)


def compute(
    atoms: Atoms, calculator: Calculator, spec: QuasiharmonicSpec, phonon_spec: PhononSpec
) -> Quasiharmonic:
    """Thermal expansion of a crystal at its volume of lowest energy with any ASE calculator."""
    return analyse(atoms, spec, phonon_spec, evaluate_points(plan(atoms, spec, phonon_spec), calculator))


def planned(atoms: Atoms, spec: QuasiharmonicSpec, phonon_spec: PhononSpec) -> tuple[Planned, ...]:
    """The crystal and its displaced supercells, at each volume."""
    crystal, displaced = plan(atoms, spec, phonon_spec)[:2]
    each = phonons.planned(atoms, phonon_spec)[0].calculations
    return Planned(crystal, spec.volumes), Planned(displaced, spec.volumes * each)


def _crystals(atoms: Atoms, spec: QuasiharmonicSpec) -> list[Atoms]:
    volume = bare_crystal(atoms).cell.volume
    changes = np.linspace(-spec.compression, spec.expansion, spec.volumes)
    return [scaled_to_volume(atoms, volume * (1 + change)) for change in changes]


def _minimise(
    name: str,
    spec: QuasiharmonicSpec,
    kept: Sequence[tuple[float, float, ThermalProperties]],
    unstable: tuple[float, ...],
    force: float,
) -> Quasiharmonic:
    """The minimum of F(V) at each temperature, up to where there is none."""
    volumes, energies = np.array([each[0] for each in kept]), np.array([each[1] for each in kept])
    static = equation_of_state.fit(volumes, energies, name)
    rows: list[tuple[float, ...]] = []
    for index, temperature in enumerate(spec.temperatures):
        free = energies + [each[2].free_energy[index] for each in kept]
        try:
            eos = equation_of_state.fit(volumes, free, f"{name} at {temperature:g} K")
        except ForgefieldError:
            if not rows:
                raise
            break
        stiffness = eos.bulk_modulus * units.GPa
        slope = _cubic(volumes, [each[2].entropy[index] for each in kept], eos.volume)[1]
        capacity = _cubic(volumes, [each[2].heat_capacity[index] for each in kept], eos.volume)[0]
        expansion = slope / stiffness
        added = temperature * eos.volume * expansion**2 * stiffness
        rows.append(
            (temperature, eos.energy, eos.volume, eos.bulk_modulus, expansion, capacity, capacity + added)
        )
    temperatures, free_energy, volume, modulus, expansions, at_volume, at_pressure = np.array(rows).T
    return Quasiharmonic(
        volumes=volumes,
        static_energies=energies,
        unstable_volumes=unstable,
        temperatures=temperatures,
        free_energy=free_energy,
        volume=volume,
        bulk_modulus=modulus,
        expansion=expansions,
        heat_capacity_volume=at_volume,
        heat_capacity=at_pressure,
        static_volume=static.volume,
        highest_wanted=spec.highest_temperature,
        residual_force=force,
        largest_force=spec.largest_force,
    )


def _cubic(volumes: Array, values: Sequence[float], volume: float) -> tuple[float, float]:
    """Value and derivative in V of the cubic in x = V^(−⅔) through values at some volumes."""
    middle = volumes.mean()
    curve = np.polynomial.Polynomial.fit((volumes / middle) ** (-2 / 3), np.asarray(values), 3)
    x = (volume / middle) ** (-2 / 3)
    return float(curve(x)), float(curve.deriv()(x) * -2 / 3 * x / volume)
