"""Layers peeled off crystals, against ASE's own cells."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.lj import LennardJones

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import exfoliation
from forgefield.properties.exfoliation import Exfoliation, ExfoliationSpec
from forgefield.properties.quantities import calculations_in_all
from forgefield.properties.stored import from_json, to_json

A, SPACING = 2.5, 4.2


def stacked(layers=2, spacing=SPACING):
    """Triangular layers of copper, in turns above each other's hollows."""
    places = [(n % 2 / 3, n % 2 * 2 / 3, (n + 0.3) / layers) for n in range(layers)]
    cell = [A, A, layers * spacing, 90, 90, 120]
    return Atoms(f"Cu{layers}", scaled_positions=places, cell=cell, pbc=True)


def energy(atoms, calculator):
    atoms = atoms.copy()
    atoms.calc = calculator
    return atoms.get_potential_energy()


def test_energy_agrees_with_ase():
    calculator = LennardJones(sigma=2.2, epsilon=0.3, rc=9.0)
    result = exfoliation.compute(stacked(), calculator, ExfoliationSpec())
    alone = Atoms("Cu", cell=[A, A, 40, 90, 90, 120], pbc=(True, True, False))
    expected = energy(alone, calculator) - energy(stacked(), calculator) / 2
    assert result.ideal == pytest.approx(expected, abs=1e-6)
    assert result.relaxed == pytest.approx(expected, abs=1e-6)
    area = np.sqrt(3) / 2 * A**2
    values = {quantity.name: quantity.value for quantity in result.quantities}
    assert values == {
        "exfoliation energy": pytest.approx(1000 * expected),
        "exfoliation energy unrelaxed": pytest.approx(1000 * expected),
        "exfoliation energy per area": pytest.approx(expected / area * units.m**2 / units.J),
    }
    assert result.warnings == ()
    assert (result.layers, result.layer_atoms, result.area) == (2, 1, pytest.approx(area))
    assert from_json(Exfoliation, to_json(result)) == result


@pytest.mark.parametrize("turn", [0, 40])
def test_layers_that_are_alike_are_computed_once(turn):
    """Two layers of carbon in a cell, one calculation; the layer lies flat however the crystal lies."""
    places = [(0, 0, 0.25), (1 / 3, 2 / 3, 0.25), (0, 0, 0.75), (2 / 3, 1 / 3, 0.75)]
    graphite = Atoms("C4", scaled_positions=places, cell=[2.46, 2.46, 6.7, 90, 90, 120], pbc=True)
    graphite.rotate(turn, (1, 2, 3), rotate_cell=True)
    crystal, layer = exfoliation.plan(graphite, ExfoliationSpec(vacuum=12))
    assert (len(crystal), len(layer)) == (4, 2)
    assert layer.cell.lengths() == pytest.approx([2.46, 2.46, 12.0])
    assert layer.positions[:, 2] == pytest.approx([6.0, 6.0])
    assert layer.get_distance(0, 1, mic=True) == pytest.approx(2.46 / np.sqrt(3))
    assert calculations_in_all(exfoliation.planned(graphite, ExfoliationSpec())) == 1 + 21


def test_layers_that_differ_are_each_computed():
    mixed = stacked()
    mixed.symbols[1] = "Au"
    assert [len(each) for each in exfoliation.plan(mixed, ExfoliationSpec())] == [2, 1, 1]


def test_crystal_without_layers_is_refused(emt):
    with pytest.raises(
        ForgefieldError, match="Cu is not made of layers: its bonds make parts of 3D; give a layered"
    ):
        exfoliation.compute(bulk("Cu"), emt, ExfoliationSpec())


def test_layers_that_nothing_binds_are_said():
    calculator = LennardJones(sigma=5.5, epsilon=0.01, rc=12.0)
    result = exfoliation.compute(stacked(), calculator, ExfoliationSpec(relax=False))
    assert result.energy < 0
    (warning,) = result.warnings
    assert "meV/atom by leaving the crystal: nothing binds them" in warning
