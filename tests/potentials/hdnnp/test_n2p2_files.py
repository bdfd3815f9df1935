"""n2p2's files: what is written is read back the same; what is wrong is named with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import Bohr, Hartree

from forgefield.potentials.hdnnp.definition import (
    ATOMIC_UNITS,
    EV_ANGSTROM,
    Hdnnp,
    Network,
    in_file_order,
)
from forgefield.potentials.hdnnp.n2p2_data import read_data, write_data
from forgefield.potentials.hdnnp.n2p2_folder import read_folder, write_folder
from forgefield.potentials.hdnnp.n2p2_settings import read_settings

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "n2p2"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the n2p2 potentials are not at hand")


def assert_same(first: Hdnnp, second: Hdnnp) -> None:
    for name in ("species", "functions", "cutoff_function", "scaling", "units", "mean_energy", "conv_energy"):
        assert getattr(first, name) == getattr(second, name)
    assert (first.conv_length, first.atom_energies) == (second.conv_length, second.atom_energies)
    for one, other in zip(first.statistics, second.statistics, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(first.networks[0], second.networks[0], strict=True):
        assert (one.activations, one.normalised, one.hidden) == (
            other.activations,
            other.normalised,
            other.hidden,
        )
        for a, b in zip(one.weights + one.biases, other.weights + other.biases, strict=True):
            np.testing.assert_array_equal(a, b)


def test_settings_are_read(make_input, tmp_path: Path) -> None:
    settings = read_settings(make_input(tmp_path))
    assert settings.species == ("H", "O")
    assert settings.atom_energies == (0.0, -75.0)
    assert (settings.cutoff_function.kind, settings.cutoff_function.inner) == (6, 0.25)
    assert (settings.scaling.kind, settings.scaling.low, settings.scaling.high) == ("range", -1.0, 1.0)
    assert settings.hidden == ((4, 3), (4, 3))
    assert settings.activations == ("tpl", "tpl")
    assert [each.kind for each in settings.functions] == [
        2,
        3,
        3,
        9,
        12,
        13,
        2,
        2,
        20,
        20,
        21,
        22,
        23,
        24,
        25,
    ]


def test_functions_come_in_the_order_of_scaling_data(make_input, tmp_path: Path) -> None:
    functions = read_settings(make_input(tmp_path)).functions
    # Type 3 is ordered by cutoff, eta, shift, zeta, lambda, elements; the shift decides here, left out it is zero.
    assert [(each.neighbours, each.shift) for each in functions if each.kind == 3] == [
        (("H", "O"), 0.0),
        (("H", "H"), 0.3),
    ]
    assert [each.neighbours for each in functions if each.kind == 2] == [("H",), ("H",), ("O",)]
    # Compact functions are ordered by subtype first.
    assert [each.subtype for each in functions if each.kind == 20] == ["e", "p2"]
    assert in_file_order(list(reversed(functions))) == functions


def test_every_type_survives_writing_and_reading(complete_hdnnp: Hdnnp, tmp_path: Path) -> None:
    hdnnp = complete_hdnnp
    write_folder(tmp_path / "out", hdnnp)
    assert_same(read_folder(tmp_path / "out", ATOMIC_UNITS), hdnnp)


def test_elements_with_networks_of_their_own_survive(complete_hdnnp: Hdnnp, tmp_path: Path) -> None:
    hdnnp = complete_hdnnp
    first, second = hdnnp.networks[0]
    rng = np.random.default_rng(1)
    shape = ((9, 5), (5, 4), (4, 3), (3, 1))
    deeper = Network(
        tuple(rng.normal(size=pair) for pair in shape),
        tuple(rng.normal(size=pair[1]) for pair in shape),
        "ghcS",
    )
    changed = replace(hdnnp, networks=((first, deeper),))
    write_folder(tmp_path / "out", changed)
    assert_same(read_folder(tmp_path / "out", ATOMIC_UNITS), changed)
    normalised = replace(
        hdnnp, networks=((replace(first, normalised=True), replace(second, normalised=True)),)
    )
    write_folder(tmp_path / "normalised", normalised)
    assert_same(read_folder(tmp_path / "normalised", ATOMIC_UNITS), normalised)


def test_older_element_nodes_name_a_layer(make_input, tmp_path: Path) -> None:
    path = make_input(tmp_path, ("epochs 10", "element_nodes_short O 2 7"))
    assert read_settings(path).hidden == ((4, 3), (4, 7))


def test_other_units_describe_the_same_potential(complete_hdnnp: Hdnnp, tmp_path: Path) -> None:
    hdnnp = complete_hdnnp
    other = hdnnp.in_units(EV_ANGSTROM)
    assert other.energy_scale == pytest.approx(hdnnp.energy_scale, rel=1e-14)
    np.testing.assert_allclose(other.energy_offsets, hdnnp.energy_offsets, rtol=1e-14)
    one, same = hdnnp.functions[0], other.functions[0]
    assert same.cutoff == pytest.approx(one.cutoff * Bohr, rel=1e-14)
    assert same.eta * same.cutoff**2 == pytest.approx(one.eta * one.cutoff**2, rel=1e-13)


@needs_data
@pytest.mark.parametrize("name", ["H2O_RPBE-D3", "Cu2S_PBE"])
def test_published_potentials_survive_writing_and_reading(name: str, tmp_path: Path) -> None:
    hdnnp = read_folder(DATA / name)
    write_folder(tmp_path, hdnnp)
    assert_same(read_folder(tmp_path), hdnnp)


def test_structures_survive_writing_and_reading(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    crystal = Atoms("H2O", rng.normal(size=(3, 3)), cell=rng.normal(size=(3, 3)) + 5 * np.eye(3), pbc=True)
    crystal.set_initial_charges([0.1, 0.2, -0.3])
    crystal.info["comment"] = "a crystal of water"
    molecule = Atoms("OH", rng.normal(size=(2, 3)))
    for number, atoms in enumerate((crystal, molecule)):
        atoms.calc = SinglePointCalculator(
            atoms, energy=-10.0 - number, forces=rng.normal(size=(len(atoms), 3))
        )
    path = tmp_path / "input.data"
    write_data(path, [crystal, molecule])
    energies = [float(line.split()[1]) for line in path.read_text().splitlines() if line.startswith("energy")]
    assert energies[0] == pytest.approx(-10.0 / Hartree, rel=1e-15)
    for before, after in zip((crystal, molecule), read_data(path), strict=True):
        assert after.symbols.get_chemical_formula() == before.symbols.get_chemical_formula()
        assert (after.pbc == before.pbc).all()
        np.testing.assert_allclose(after.positions, before.positions, rtol=1e-15, atol=1e-15)
        np.testing.assert_allclose(after.cell.array, before.cell.array, rtol=1e-15, atol=1e-15)
        np.testing.assert_allclose(after.get_forces(), before.get_forces(), rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(after.get_initial_charges(), before.get_initial_charges())
        assert after.info.get("comment", "") == before.info.get("comment", "")
