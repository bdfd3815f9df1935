"""Thermal properties against closed formulas, the Debye model and phonopy."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from forgefield.properties import phonons, thermal_properties
from forgefield.properties.phonons import BandStructure, Phonons, PhononSpec
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.thermal_properties import TERAHERTZ, ThermalProperties, ThermalPropertiesSpec

from .spring_lattice import SpringLattice

pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")

MOLAR_GAS_CONSTANT = 8.314462618


def of_frequencies(frequencies, qpoints, weights):
    """A record of phonons with no band path."""
    bands = BandStructure(np.zeros((1, 3)), np.zeros(1), np.zeros((1, 3)), ())
    return Phonons(
        supercell=np.eye(3, dtype=np.int64),
        mesh=np.ones(3, dtype=np.int64),
        qpoints=np.asarray(qpoints),
        weights=np.asarray(weights),
        frequencies=np.asarray(frequencies),
        bands=bands,
        dos=None,
        lowest=float(np.min(frequencies)),
        imaginary=bool(np.min(frequencies) < -0.1),
    )


def test_einstein_solid_has_closed_formulas():
    found = thermal_properties.analyse(
        of_frequencies([[6.0, 6.0, 6.0]], [[0.5, 0, 0]], [1.0]), ThermalPropertiesSpec()
    )
    energy = 6.0 * TERAHERTZ
    assert pytest.approx(6.0 * 4.135667696e-3, rel=1e-7) == energy
    assert found.zero_point_energy == pytest.approx(1.5 * energy)
    assert found.temperatures[0] == 0
    assert found.free_energy[0] == found.zero_point_energy
    assert found.entropy[0] == found.heat_capacity[0] == 0
    thermal = units.kB * found.temperatures[1:]
    x = energy / thermal
    inner = 3 * energy * (0.5 + 1 / (np.exp(x) - 1))
    free = 3 * thermal * np.log(2 * np.sinh(x / 2))
    assert found.free_energy[1:] == pytest.approx(free, rel=1e-10)
    assert found.entropy[1:] == pytest.approx((inner - free) / found.temperatures[1:], rel=1e-8)
    capacity = 3 * units.kB * x**2 * np.exp(x) / (np.exp(x) - 1) ** 2
    assert found.heat_capacity[1:] == pytest.approx(capacity, rel=1e-10)


def test_debye_solid_has_its_limits():
    """Modes spread as in Debye's model: C = 12π⁴/5 k (T/θ)³ when cold, 3k when hot, zero-point energy 9/8 kθ."""
    cutoff = 8.0
    place = (np.arange(200_000) + 0.5) / 200_000
    frequencies = np.repeat(cutoff * np.cbrt(place)[:, None], 3, axis=1)
    qpoints = np.column_stack([0.5 * np.ones_like(place)] * 3)
    solid = of_frequencies(frequencies, qpoints, np.full(len(place), 1 / len(place)))
    theta = cutoff * TERAHERTZ / units.kB
    cold, hot = theta / 40, 20 * theta
    found = thermal_properties.analyse(
        solid, ThermalPropertiesSpec(highest_temperature=cold, temperature_step=cold)
    )
    assert found.zero_point_energy == pytest.approx(9 / 8 * units.kB * theta, rel=1e-4)
    assert found.heat_capacity[-1] == pytest.approx(12 * np.pi**4 / 5 * units.kB / 40**3, rel=2e-3)
    assert found.entropy[-1] == pytest.approx(found.heat_capacity[-1] / 3, rel=2e-3)
    found = thermal_properties.analyse(
        solid, ThermalPropertiesSpec(highest_temperature=hot, temperature_step=hot)
    )
    # Next term of the expansion: C = 3k (1 − (θ/T)²/20).
    assert found.heat_capacity[-1] == pytest.approx(3 * units.kB * (1 - 1 / 20 / 400), rel=1e-6)


def test_spring_lattice_has_its_frequencies_and_their_sums():
    crystal = bulk("Cu", a=(4 * SpringLattice.volume) ** (1 / 3))
    springs = SpringLattice()
    spec = PhononSpec(supercell=((3, 0, 0), (0, 3, 0), (0, 0, 3)), mesh=(9, 9, 9))
    found = phonons.compute(crystal, springs, spec)
    expected = springs.frequencies(found.qpoints, springs.volume)
    # At the points of the supercell; nearest neighbours alone are exact in between too.
    assert found.frequencies == pytest.approx(np.repeat(expected[:, None], 3, axis=1), abs=1e-5)
    result = thermal_properties.analyse(found, ThermalPropertiesSpec())
    inside = expected > 1e-3
    assert result.zero_point_energy == pytest.approx(
        1.5 * TERAHERTZ * expected[inside] @ found.weights[inside], rel=1e-6
    )


def test_thermal_properties_agree_with_phonopy(stillinger_weber, sw_silicon):
    settled = phonons.resolve(sw_silicon, PhononSpec(mesh=(6, 6, 6), dos_points=0))
    points = phonons.evaluate_points(phonons.plan(sw_silicon, settled), stillinger_weber)
    phonopy = phonons.solve(sw_silicon, settled, points)
    found = thermal_properties.analyse(phonons.analyse(sw_silicon, settled, points), ThermalPropertiesSpec())
    phonopy.run_mesh((6, 6, 6), is_gamma_center=True)
    # Γ's translations, some 1e-4 THz of noise, are left out there by this cutoff.
    direct = phonopy.run_thermal_properties(temperatures=found.temperatures, cutoff_frequency=0.01)
    # The two packages' constants of nature differ by some 1e-6.
    joule = units.J / units.mol
    assert 2 * found.free_energy == pytest.approx(direct.free_energy * 1000 * joule, abs=3e-6)
    assert 2 * found.entropy == pytest.approx(direct.entropy * joule, rel=1e-5, abs=1e-12)
    assert 2 * found.heat_capacity == pytest.approx(direct.heat_capacity * joule, rel=1e-5, abs=1e-12)


def test_quantities_are_those_of_calorimetry(emt):
    found = thermal_properties.compute(bulk("Cu", a=3.59), emt, ThermalPropertiesSpec(), PhononSpec())
    named = {quantity.name: quantity for quantity in found.quantities}
    capacity = named["heat capacity at constant volume at 300 K"]
    assert capacity.unit == "J/(mol K)"
    # Of Debye temperatures between 300 and 350 K, copper's.
    assert 0.92 * 3 * MOLAR_GAS_CONSTANT < capacity.value < 0.96 * 3 * MOLAR_GAS_CONSTANT
    assert named["zero-point energy"].value == pytest.approx(1000 * found.zero_point_energy)
    assert not found.warnings
    assert to_json(from_json(ThermalProperties, to_json(found))) == to_json(found)
    assert thermal_properties.planned(bulk("Cu"), PhononSpec())[0].calculations == 1


def test_a_range_below_room_temperature_says_less(emt):
    spec = ThermalPropertiesSpec(highest_temperature=200)
    found = thermal_properties.compute(bulk("Al"), emt, spec, PhononSpec())
    assert [quantity.name for quantity in found.quantities] == ["zero-point energy"]


def test_imaginary_modes_are_missing_and_said_to_be(emt):
    unstable = phonons.compute(bulk("Cu", "bcc", a=2.87), emt, PhononSpec())
    found = thermal_properties.analyse(unstable, ThermalPropertiesSpec())
    assert 0 < found.imaginary_share < 0.3
    (warning,) = found.warnings
    assert "modes are imaginary (down to -" in warning
    assert "missing from free energy, entropy and heat capacity" in warning
    hot = found.heat_capacity[-1] / (3 * units.kB)
    assert hot < 1 - found.imaginary_share
    assert "imaginary modes, down to -" in unstable.warnings[0]
