"""The fused kernel against published values, an independent program and finite differences."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import VerletList
from forgefield.potentials.nep.nep_txt import write_nep_txt
from forgefield.potentials.nep.parameters import NepParameters
from forgefield.potentials.nep.potential import NepPotential


def test_expected_predictions(data: Path) -> None:
    cases = json.loads((data / "expected_predictions.json").read_text())
    assert len(cases) == 4
    for name, case in cases.items():
        atoms = Atoms(case["symbols"], case["positions"], cell=case["cell"], pbc=case["pbc"])
        found = NepPotential.from_nep_txt(data / case["model"]).evaluate(atoms)
        assert abs(found.energy - case["energy"]) < 1e-6 * len(atoms), name
        np.testing.assert_allclose(found.forces, case["forces"], rtol=0, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(found.stress, case["stress"], rtol=0, atol=1e-6, err_msg=name)


def test_every_kind_of_model_agrees_with_calorine(
    variants: dict[str, NepParameters], structures: list[Atoms], tmp_path: Path
) -> None:
    calculators = pytest.importorskip("calorine.calculators", reason="calorine is not installed")
    for name, model in variants.items():
        write_nep_txt(model, tmp_path / "nep.txt")
        potential = NepPotential.from_nep_txt(tmp_path / "nep.txt")
        for atoms in structures[:3]:
            reference = atoms.copy()
            reference.calc = calculators.CPUNEP(str(tmp_path / "nep.txt"))
            found, largest = potential.evaluate(atoms), abs(reference.get_forces()).max()
            energies = reference.get_potential_energies()
            np.testing.assert_allclose(found.energies, energies, rtol=1e-11, atol=1e-10, err_msg=name)
            np.testing.assert_allclose(
                found.forces, reference.get_forces(), rtol=0, atol=1e-11 * largest, err_msg=name
            )
            stress = reference.get_stress()
            np.testing.assert_allclose(found.stress, stress, rtol=0, atol=1e-11 * abs(stress).max())
            virials = reference.calc.results["stresses"] * atoms.get_volume()
            own = potential.virials(atoms).reshape(-1, 9)
            np.testing.assert_allclose(own, virials, rtol=0, atol=1e-11 * abs(virials).max())


def test_one_network_for_all_elements_is_the_same_as_equal_networks(
    water: NepParameters, structures: list[Atoms], tmp_path: Path
) -> None:
    single = {name: getattr(water, name)[:1] for name in ("inward", "thresholds", "outward")}
    equal = {name: np.repeat(value, 2, axis=0) for name, value in single.items()}
    write_nep_txt(replace(water, version=3, **single), tmp_path / "nep.txt")
    found = NepPotential.from_nep_txt(tmp_path / "nep.txt").evaluate(structures[0])
    expected = NepPotential(replace(water, **equal)).evaluate(structures[0])
    np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=1e-12)
    assert found.energy == pytest.approx(expected.energy, abs=1e-11)


def test_forces_and_stress_are_derivatives_of_the_energy(
    variants: dict[str, NepParameters], structures: list[Atoms]
) -> None:
    rng = np.random.default_rng(1)
    for name in ("universal repulsion", "one cutoff"):
        potential = NepPotential(variants[name])
        for atoms in structures:
            found = potential.evaluate(atoms)
            move, strain = (
                rng.normal(size=(len(atoms), 3)),
                rng.normal(size=(3, 3)) * atoms.pbc[:, None] * atoms.pbc,
            )
            strain = (strain + strain.T) / 2

            def moved(
                step: float,
                potential: NepPotential = potential,
                atoms: Atoms = atoms,
                move: np.ndarray = move,
            ) -> float:
                other = atoms.copy()
                other.positions += step * move
                return potential.evaluate(other).energy

            def strained(
                step: float,
                potential: NepPotential = potential,
                atoms: Atoms = atoms,
                strain: np.ndarray = strain,
            ) -> float:
                other = atoms.copy()
                other.set_cell(atoms.cell.array @ (np.eye(3) + step * strain), scale_atoms=True)
                return potential.evaluate(other).energy

            expected = -(found.forces * move).sum()
            assert _slope(moved) == pytest.approx(expected, rel=1e-7, abs=1e-7 * abs(found.forces).max()), (
                name
            )
            if atoms.pbc.any():
                full = found.stress[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3)
                expected = (full * strain).sum() * atoms.get_volume()
                assert _slope(strained) == pytest.approx(expected, rel=1e-7, abs=1e-6), name


def _slope(energy: object, step: float = 5e-6) -> float:
    one, two = ((energy(k * step) - energy(-k * step)) / (2 * k * step) for k in (1, 2))  # type: ignore[operator]
    return (4 * one - two) / 3


def test_a_longer_list_gives_the_same(water: NepParameters, structures: list[Atoms]) -> None:
    potential = NepPotential(water)
    for atoms in structures:
        found, expected = (
            potential.evaluate(atoms, pairs=VerletList(6.0, 1.5).update(atoms)),
            potential.evaluate(atoms),
        )
        np.testing.assert_allclose(
            found.forces, expected.forces, rtol=0, atol=1e-11 * abs(expected.forces).max()
        )
        np.testing.assert_allclose(found.energies, expected.energies, rtol=0, atol=1e-10)


def test_results_do_not_depend_on_the_number_of_threads(
    water: NepParameters, structures: list[Atoms]
) -> None:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one thread only")
    potential, atoms = NepPotential(water), structures[0]
    before = numba.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            numba.set_num_threads(threads)
            results.append(potential.evaluate(atoms))
    finally:
        numba.set_num_threads(before)
    np.testing.assert_allclose(results[0].forces, results[1].forces, rtol=0, atol=1e-9)
    np.testing.assert_allclose(results[0].stress, results[1].stress, rtol=0, atol=1e-11)


def test_work_space_serves_structures_of_all_sizes(water: NepParameters, structures: list[Atoms]) -> None:
    shared = NepPotential(water)
    for atoms in [*structures, *structures[::-1]]:
        alone = NepPotential(water).evaluate(atoms)
        np.testing.assert_array_equal(shared.evaluate(atoms).forces, alone.forces)


def test_features_are_invariant_and_scaled(water: NepParameters, structures: list[Atoms]) -> None:
    potential, atoms = NepPotential(water), structures[3]
    features = potential.features(atoms)
    assert features.shape == (len(atoms), 30)
    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3))
    np.testing.assert_allclose(potential.features(turned), features, rtol=0, atol=1e-10 * abs(features).max())
    double = NepPotential(replace(water, q_scaler=2 * water.q_scaler)).features(atoms)
    np.testing.assert_allclose(double, 2 * features, rtol=1e-12)


def test_atom_alone_and_no_atoms(water: NepParameters) -> None:
    alone = NepPotential(water).evaluate(Atoms("O"))
    expected = (water.outward[0] * np.tanh(-water.thresholds[0])).sum() - water.bias
    assert alone.energy == pytest.approx(expected, abs=1e-12)
    assert not alone.forces.any()
    assert NepPotential(water).evaluate(Atoms()).forces.shape == (0, 3)


def test_unknown_elements_and_far_repulsion_are_refused(water: NepParameters) -> None:
    with pytest.raises(
        ForgefieldError, match="element Si is not among the potential's species O, H; evaluate"
    ):
        NepPotential(water).evaluate(Atoms("OSi", [[0, 0, 0], [0, 0, 2]]))
    with pytest.raises(
        ForgefieldError, match=r"repulsion reaches 7.0 Å, beyond the radial cutoff 6.0 Å; lower"
    ):
        NepPotential(replace(water, zbl=(3.0, 7.0)))
