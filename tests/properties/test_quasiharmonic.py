"""Thermal expansion of a crystal that is known on paper, of copper against phonopy, and where it fails."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from scipy.optimize import minimize_scalar

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import phonons, quasiharmonic
from forgefield.properties.crystal import scaled_to_volume
from forgefield.properties.phonons import PhononSpec
from forgefield.properties.point import evaluate_points
from forgefield.properties.quasiharmonic import Quasiharmonic, QuasiharmonicSpec
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.thermal_properties import TERAHERTZ

from .spring_lattice import SpringLattice

pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")

CUBE = ((2, 0, 0), (0, 2, 0), (0, 0, 2))
SPRINGS = PhononSpec(supercell=CUBE, mesh=(6, 6, 6))


def spring_crystal():
    return bulk("Cu", a=(4 * SpringLattice.volume) ** (1 / 3))


def test_springs_expand_as_their_grueneisen_parameter_says():
    springs, crystal = SpringLattice(gamma=2.0), spring_crystal()
    found = quasiharmonic.compute(crystal, springs, QuasiharmonicSpec(highest_temperature=800), SPRINGS)
    assert found.temperatures[-1] == 800
    assert not found.warnings
    known = phonons.compute(crystal, springs, SPRINGS)
    inside = np.abs(known.qpoints).max(axis=1) > 1e-6
    frequencies = springs.frequencies(known.qpoints[inside], springs.volume)
    weights = 3 * known.weights[inside]

    def free_energy(volume, temperature):
        energies = TERAHERTZ * frequencies * (volume / springs.volume) ** (-springs.gamma)
        thermal = units.kB * temperature
        return springs.static_energy(volume) + weights @ (
            energies / 2 + thermal * np.log1p(-np.exp(-energies / thermal))
        )

    def volume_at(temperature):
        return minimize_scalar(
            free_energy, bounds=(15, 18), args=(temperature,), method="bounded", options={"xatol": 1e-9}
        ).x

    for temperature in (100.0, 300.0, 800.0):
        place = int(np.flatnonzero(found.temperatures == temperature)[0])
        volume = volume_at(temperature)
        assert found.volume[place] == pytest.approx(volume, rel=2e-5)
        slope = (volume_at(temperature + 5) - volume_at(temperature - 5)) / 10 / volume
        assert found.expansion[place] == pytest.approx(slope, rel=5e-3)
        step = 0.02
        curvature = (
            free_energy(volume + step, temperature)
            - 2 * free_energy(volume, temperature)
            + free_energy(volume - step, temperature)
        ) / step**2
        assert found.bulk_modulus[place] == pytest.approx(volume * curvature / units.GPa, rel=5e-3)
        # γ from α, B and C_V is the parameter that was put in.
        assert found.grueneisen[place] == pytest.approx(2.0, rel=5e-3)
    assert np.isnan(found.grueneisen[0])
    gained = found.heat_capacity - found.heat_capacity_volume
    expected = found.temperatures * found.volume * found.expansion**2 * found.bulk_modulus * units.GPa
    assert gained == pytest.approx(expected, rel=1e-9)


def test_copper_agrees_with_phonopy(emt):
    from phonopy.qha.qha import run_qha

    copper, mesh = bulk("Cu", a=3.62), PhononSpec(mesh=(9, 9, 9))
    spec = QuasiharmonicSpec(highest_temperature=600, temperature_step=10, compression=0.03, expansion=0.05)
    found = quasiharmonic.compute(copper, emt, spec, mesh)
    settled = phonons.resolve(copper, mesh)
    crystals = [
        scaled_to_volume(copper, copper.cell.volume * (1 + change))
        for change in np.linspace(-spec.compression, spec.expansion, spec.volumes)
    ]
    direct = run_qha(
        [
            phonons.solve(crystal, settled, evaluate_points(phonons.plan(crystal, settled), emt))
            for crystal in crystals
        ],
        temperatures=spec.temperatures,
        internal_energies=[point.energy for point in evaluate_points(crystals, emt)],
        mesh=(9, 9, 9),
        eos="birch_murnaghan",
        exclude_gamma_acoustic=True,
    )
    count = min(len(direct.equilibrium_volumes), len(found.volume))
    assert count > 40
    # It takes α by differences in temperature.
    middle = slice(5, count - 2)
    assert found.volume[:count] == pytest.approx(direct.equilibrium_volumes[:count], rel=1e-4)
    assert found.expansion[middle] == pytest.approx(direct.thermal_expansion[middle], rel=0.01)
    assert found.bulk_modulus[:count] * units.GPa == pytest.approx(direct.bulk_moduli[:count], rel=5e-3)
    assert found.grueneisen[middle] == pytest.approx(direct.gruneisen_parameters[middle], rel=0.02)
    named = {quantity.name: quantity.value for quantity in found.quantities}
    # Measured: 49.5 of the volume; effective-medium theory is somewhat softer.
    assert 45 < named["thermal expansion of the volume at 300 K"] < 75
    assert named["volume, change by zero-point motion"] > 0
    assert to_json(from_json(Quasiharmonic, to_json(found))) == to_json(found)


def test_a_range_too_narrow_ends_the_curve():
    found = quasiharmonic.compute(
        spring_crystal(), SpringLattice(), QuasiharmonicSpec(expansion=0.015, compression=0.03), SPRINGS
    )
    assert 100 < found.temperatures[-1] < 1000
    assert "no volume of lowest free energy within 15.52–16.24 Å³/atom above" in found.warnings[0]
    assert found.warnings[0].endswith(f"{found.temperatures[-1]:g} K: values end there")
    assert found.volume[-1] < found.volumes[-1]


class Softening(SpringLattice):
    """Springs that push beyond some volume."""

    def spring(self, volume):
        return super().spring(volume) if volume < 16.6 else -0.1


def test_unstable_volumes_are_left_out_and_named():
    spec = QuasiharmonicSpec(highest_temperature=300, volumes=8, compression=0.03, expansion=0.05)
    found = quasiharmonic.compute(spring_crystal(), Softening(), spec, SPRINGS)
    assert len(found.volumes) == 6
    assert found.unstable_volumes == pytest.approx((16.617, 16.8), abs=1e-3)
    assert found.warnings[0] == "left out for imaginary modes: 16.62, 16.80 Å³/atom"
    whole = quasiharmonic.compute(spring_crystal(), SpringLattice(), spec, SPRINGS)
    assert found.volume == pytest.approx(whole.volume, rel=1e-4)


def test_too_few_stable_volumes_are_refused():
    with pytest.raises(
        ForgefieldError,
        match=r"Cu has imaginary modes at 2 of 6 volumes \(16\.80, 17\.12 Å³/atom\), which leaves 4 of the 5 that",
    ):
        quasiharmonic.compute(spring_crystal(), Softening(), QuasiharmonicSpec(), SPRINGS)


class Pushed(SpringLattice):
    """Ions that are not at rest."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.results["forces"] = self.results["forces"] + 0.03


def test_ions_that_are_not_at_rest_give_a_warning():
    spec = QuasiharmonicSpec(highest_temperature=300)
    found = quasiharmonic.compute(spring_crystal(), Pushed(), spec, SPRINGS)
    assert found.warnings == ("forces up to 0.030 eV/Å on ions whose fractional positions were kept",)


def test_forecast_counts_volumes():
    planned = quasiharmonic.planned(bulk("Si"), QuasiharmonicSpec(), PhononSpec())
    assert [(len(each.atoms), each.calculations) for each in planned] == [(2, 6), (16, 6)]
    assert len(quasiharmonic.plan(bulk("Si"), QuasiharmonicSpec(), PhononSpec())) == 12


def test_evaluations_must_fit_the_plan(emt):
    with pytest.raises(
        ForgefieldError, match="7 evaluations for the quasi-harmonic approximation do not belong to 6"
    ):
        quasiharmonic.analyse(
            bulk("Cu"), QuasiharmonicSpec(), PhononSpec(), evaluate_points([bulk("Cu")] * 7, emt)
        )
