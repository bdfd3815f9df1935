"""Vinet's form beside Birch–Murnaghan's, and what makes a curve doubtful."""

import json

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.eos import EquationOfState as AseEquationOfState

from forgefield.properties import equation_of_state
from forgefield.properties.equation_of_state import EquationOfState, EquationOfStateSpec
from forgefield.properties.point import PointValues
from forgefield.properties.quantities import calculations_in_all
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.vinet import VinetCurve, fit_vinet

SPEC = EquationOfStateSpec()


def curve_of(energy_of, spec=SPEC, volume=20.0):
    """The result for given energies per atom of a crystal of two atoms."""
    atoms = equation_of_state.scaled_to_volume(bulk("Si"), 2 * volume)
    points = [
        PointValues(2 * float(energy_of(s.cell.volume / 2)), np.zeros((2, 3)), None)
        for s in equation_of_state.plan(atoms, spec)
    ]
    return equation_of_state.analyse(atoms, spec, points)


def test_vinet_recovers_the_parameters_of_its_own_formula():
    exact = VinetCurve(20.0, -5.0, 90.0, 4.5, 0.0)
    volumes = np.linspace(17, 23, 9)
    fitted = fit_vinet(volumes, exact.energy_at(volumes), VinetCurve(19.8, -5.1, 70.0, 3.5, 0.0))
    assert fitted.volume == pytest.approx(20.0, rel=1e-7)
    assert fitted.energy == pytest.approx(-5.0, abs=1e-9)
    assert fitted.bulk_modulus == pytest.approx(90.0, rel=1e-6)
    assert fitted.bulk_modulus_derivative == pytest.approx(4.5, rel=1e-5)


def test_vinet_pressure_is_the_published_one():
    """P = 3 B₀ (1 − η)/η² exp[ξ(1 − η)], from which the energy is integrated."""
    curve = VinetCurve(20.0, -5.0, 90.0, 4.5, 0.0)
    volume, step = 18.0, 1e-4
    above, below = curve.energy_at(np.array([volume + step, volume - step]))
    eta = (volume / 20) ** (1 / 3)
    pressure = 3 * 90 * (1 - eta) / eta**2 * np.exp(1.5 * 3.5 * (1 - eta))
    assert -(above - below) / (2 * step) / units.GPa == pytest.approx(pressure, rel=1e-6)


@pytest.mark.parametrize("symbol", ["Cu", "Al"])
def test_vinet_agrees_with_ase_fit_and_both_forms_with_each_other(emt, symbol):
    eos = equation_of_state.compute(bulk(symbol), emt, SPEC)
    (vinet,) = eos.vinet
    volume, energy, modulus = AseEquationOfState(eos.volumes, eos.energies, "vinet").fit()
    assert vinet.volume == pytest.approx(volume, rel=1e-6)
    assert vinet.energy == pytest.approx(energy, abs=1e-6)
    assert vinet.bulk_modulus == pytest.approx(modulus / units.GPa, rel=1e-3)
    values = {quantity.name: quantity for quantity in eos.quantities}
    assert values["bulk modulus"].value == eos.bulk_modulus
    assert values["bulk modulus"].error == pytest.approx(abs(vinet.bulk_modulus - eos.bulk_modulus))
    assert 0 < values["bulk modulus"].error < 0.005 * eos.bulk_modulus
    assert eos.warnings == ()


def test_curve_of_an_older_file_has_no_second_form(emt):
    eos = equation_of_state.compute(bulk("Cu"), emt, SPEC)
    assert from_json(EquationOfState, to_json(eos)).vinet == eos.vinet
    old = json.loads(to_json(eos))
    del old["vinet"]
    read = from_json(EquationOfState, json.dumps(old))
    assert read.bulk_modulus == eos.bulk_modulus
    assert read.quantities[2].error is None
    assert read.warnings == ()


def test_curve_warns_of_noise():
    noise = np.random.default_rng(0)
    noisy = curve_of(lambda v: 0.002 * (v - 20) ** 2 + noise.normal(scale=5e-4))
    assert any("energies scatter by" in warning for warning in noisy.warnings)


def test_curve_warns_of_forms_that_disagree():
    exact = EquationOfState(np.zeros(0), np.zeros(0), 20.0, -5.0, 90.0, 9.0, 0.0)
    (warning,) = curve_of(exact.energy_at, EquationOfStateSpec(volume_range=0.3)).warnings
    assert "form gives a bulk modulus of 90.0 GPa and Vinet's" in warning


def test_curve_forecast_is_its_number_of_volumes():
    assert calculations_in_all(equation_of_state.planned(bulk("Cu"), EquationOfStateSpec(points=9))) == 9
