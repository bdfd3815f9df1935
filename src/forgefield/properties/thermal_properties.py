"""Free energy, entropy and heat capacity of the vibrations at constant volume, in the harmonic approximation.

A mode of energy ε = ħω has, with β = 1/kT,

  F = ε/2 + kT ln(1 − e^(−βε)),  S = (U − F)/T,  U = ε/2 + ε/(e^(βε) − 1),  C = k (βε/2)² / sinh²(βε/2)

(Born, Huang, Dynamical Theory of Crystal Lattices (1954), section 16). The three translations at Γ have no such values
and are left out, which matters as one q-point of the mesh does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray
from pydantic import Field

from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties import phonons
from forgefield.properties.phonons import Phonons, PhononSpec
from forgefield.properties.quantities import Planned, Quantity

TERAHERTZ = 1e12 * units._hplanck / units._e
"""Energy of a quantum of 1 THz, eV."""
ROOM_TEMPERATURE = 300.0
"""K; where single numbers are read off."""
_JOULE_PER_MOLE = units.mol / units.J
"""J/mol in an eV per atom."""


class ThermalPropertiesSpec(Spec):
    """Where thermal properties are wanted."""

    highest_temperature: float = Field(default=1000.0, gt=0)
    """K."""
    temperature_step: float = Field(default=20.0, gt=0)
    """K."""

    @property
    def temperatures(self) -> Array:
        """From 0 to the highest, K."""
        steps = max(1, round(self.highest_temperature / self.temperature_step))
        return np.linspace(0.0, self.highest_temperature, steps + 1)


@dataclass(frozen=True, slots=True)
class ThermalProperties:
    """Thermal properties of the vibrations, per atom, at the volume of the phonons.

    Attributes:
        temperatures: (T,) K, from 0.
        free_energy: (T,) eV/atom; the zero-point energy included, the energy of the crystal at rest not.
        entropy: (T,) eV/K/atom.
        heat_capacity: (T,) eV/K/atom, at constant volume.
        zero_point_energy: eV/atom.
        imaginary_share: share of the modes that are imaginary, and so missing from every sum.
        lowest: lowest frequency, THz.
    """

    temperatures: Array
    free_energy: Array
    entropy: Array
    heat_capacity: Array
    zero_point_energy: float
    imaginary_share: float
    lowest: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """Imaginary modes, which have no thermal properties."""
        if self.imaginary_share == 0:
            return ()
        return (
            f"{100 * self.imaginary_share:.2g} % of the modes are imaginary (down to {self.lowest:.2f} THz) and "
            "missing from free energy, entropy and heat capacity",
        )

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """At room temperature, in the units of calorimetry."""
        found = [Quantity("zero-point energy", 1000 * self.zero_point_energy, "meV/atom")]
        if self.temperatures[-1] >= ROOM_TEMPERATURE:
            for name, values, scale, unit in (
                ("vibrational free energy", self.free_energy, 1000.0, "meV/atom"),
                ("vibrational entropy", self.entropy, _JOULE_PER_MOLE, "J/(mol K)"),
                ("heat capacity at constant volume", self.heat_capacity, _JOULE_PER_MOLE, "J/(mol K)"),
            ):
                value = float(np.interp(ROOM_TEMPERATURE, self.temperatures, values))
                found.append(Quantity(f"{name} at {ROOM_TEMPERATURE:g} K", scale * value, unit))
        return tuple(found)


def analyse(found: Phonons, spec: ThermalPropertiesSpec) -> ThermalProperties:
    """Thermal properties from the frequencies on a mesh."""
    usable, imaginary = sort_modes(found.qpoints, found.frequencies)
    weights = np.repeat(found.weights[:, None], found.frequencies.shape[1], axis=1)
    shares, energies = weights[usable], TERAHERTZ * found.frequencies[usable]
    cell_to_atom = 3.0 / found.frequencies.shape[1]
    temperatures = spec.temperatures
    sums = np.array([_mode_values(energies, temperature) @ shares for temperature in temperatures])
    free_energy, entropy, heat_capacity = cell_to_atom * sums.T
    return ThermalProperties(
        temperatures=temperatures,
        free_energy=free_energy,
        entropy=entropy,
        heat_capacity=heat_capacity,
        zero_point_energy=float(cell_to_atom * (energies / 2 @ shares)),
        imaginary_share=float(weights[imaginary].sum() / found.frequencies.shape[1]),
        lowest=float(found.frequencies.min()),
    )


def planned(atoms: Atoms, phonon_spec: PhononSpec) -> tuple[Planned, ...]:
    """Those of the phonons."""
    return phonons.planned(atoms, phonon_spec)


def compute(
    atoms: Atoms, calculator: Calculator, spec: ThermalPropertiesSpec, phonon_spec: PhononSpec
) -> ThermalProperties:
    """Thermal properties of a crystal with any ASE calculator; where phonons are there already, `analyse` does."""
    return analyse(phonons.compute(atoms, calculator, phonon_spec), spec)


def sort_modes(qpoints: Array, frequencies: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which modes are real and which imaginary, both (Q, 3N); the three translations at Γ are neither.

    Args:
        qpoints: (Q, 3).
        frequencies: (Q, 3N), imaginary ones negative.
    """
    translations = np.zeros(frequencies.shape, dtype=bool)
    for point in np.flatnonzero(np.abs(qpoints).max(axis=1) < 1e-6):
        translations[point, np.argsort(np.abs(frequencies[point]))[:3]] = True
    real = frequencies > 0
    return real & ~translations, ~real & ~translations


def mode_heat_capacities(energies: Array, temperature: float) -> Array:
    """C of modes, eV/K.

    Args:
        energies: any shape, ħω in eV, above 0.
        temperature: K.
    """
    if temperature <= 0:
        return np.zeros_like(energies)
    half = energies / (2 * units.kB * temperature)
    # Beyond 300 the value is below any float's reach, and sinh beyond its range.
    return np.asarray(units.kB * (half / np.sinh(np.minimum(half, 300.0))) ** 2)


def _mode_values(energies: Array, temperature: float) -> Array:
    """(3, modes): F in eV, S and C in eV/K."""
    zero_point = energies / 2
    if temperature <= 0:
        return np.array([zero_point, np.zeros_like(energies), np.zeros_like(energies)])
    thermal = units.kB * temperature
    ratio = energies / thermal
    logarithm = np.log(-np.expm1(-ratio))
    occupied = np.exp(-ratio) / -np.expm1(-ratio)
    return np.array(
        [
            zero_point + thermal * logarithm,
            units.kB * (ratio * occupied - logarithm),
            mode_heat_capacities(energies, temperature),
        ]
    )
