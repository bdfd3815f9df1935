"""The neural network potential: n2p2's own numbers, derivatives, symmetries, limits, storage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from numba import get_num_threads, set_num_threads
from scipy.spatial.transform import Rotation

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import find_pairs
from forgefield.atoms.records import Labels
from forgefield.potentials.hdnnp.definition import ATOMIC_UNITS, EV_ANGSTROM, Units
from forgefield.potentials.hdnnp.fit import HdnnpProblem
from forgefield.potentials.hdnnp.n2p2_data import read_data
from forgefield.potentials.hdnnp.potential import HdnnpPotential
from forgefield.potentials.hdnnp.spec import HdnnpSpec, SymmetryFunctionSpec

from ..conftest import cells, crystal

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "n2p2"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the n2p2 potentials are not at hand")
PUBLISHED = {"H2O_RPBE-D3": ATOMIC_UNITS, "Cu2S_PBE": EV_ANGSTROM}
SPEC = HdnnpSpec(
    cutoff=4.2,
    functions=SymmetryFunctionSpec(n_radial=4, n_angular=2, zetas=(1.0, 3.0), angular="both", shortest=1.0),
    hidden=(8, 6),
    members=3,
)
FREE = {"C": -1.5, "Si": -0.8}


def problem(spec: HdnnpSpec = SPEC) -> HdnnpProblem:
    """Random weights, scaled on a few crystals with free atoms at known energies; an order that is not by number."""
    task = HdnnpProblem(spec, ("Si", "C"), seed=7)
    structures = [crystal(k) for k in range(4)] + [Atoms(symbol) for symbol in FREE]
    labels = [
        Labels(
            FREE[str(a.symbols)] if len(a) == 1 else -5.0 * len(a), np.ones((len(a), 3)), None, "", "", 0.0
        )
        for a in structures
    ]
    task.initialise([task.prepare(atoms) for atoms in structures], labels)
    return task


@pytest.fixture(scope="module")
def committee() -> HdnnpPotential:
    return problem().potential()


def in_file_units(name: str, potential: HdnnpPotential) -> tuple[float, np.ndarray]:
    units = PUBLISHED[name]
    (atoms,) = read_data(DATA / name / "input.data", units)
    result = potential.evaluate(atoms)
    return result.energy / units.energy / len(atoms), result.forces * units.length / units.energy


@needs_data
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_potentials_predict_what_n2p2_predicts(name: str) -> None:
    expected = json.loads((DATA / "expected_predictions.json").read_text())[name]
    energy, forces = in_file_units(name, HdnnpPotential.from_n2p2(DATA / name, PUBLISHED[name]))
    assert energy == pytest.approx(expected["energy"] / len(forces), abs=1e-10)
    np.testing.assert_allclose(forces, expected["forces"], rtol=0, atol=1e-9)


@needs_data
def test_written_potentials_predict_the_same_to_the_bit(tmp_path: Path) -> None:
    potential = HdnnpPotential.from_n2p2(DATA / "Cu2S_PBE", EV_ANGSTROM)
    potential.to_n2p2(tmp_path / "n2p2")
    potential.save(tmp_path / "native")
    energy, forces = in_file_units("Cu2S_PBE", potential)
    for again in (
        HdnnpPotential.from_n2p2(tmp_path / "n2p2", EV_ANGSTROM),
        HdnnpPotential.load(tmp_path / "native"),
    ):
        same_energy, same_forces = in_file_units("Cu2S_PBE", again)
        assert same_energy == energy
        np.testing.assert_array_equal(same_forces, forces)


@needs_data
def test_extrapolation_is_counted() -> None:
    potential = HdnnpPotential.from_n2p2(DATA / "Cu2S_PBE", EV_ANGSTROM)
    (atoms,) = read_data(DATA / "Cu2S_PBE" / "input.data", EV_ANGSTROM)
    assert potential.extrapolations(atoms).sum() == 0
    atoms.positions[3] += [1.3, 0, 0]
    assert potential.extrapolations(atoms)[3] > 0


def extrapolated(difference, atoms, step):
    """Central differences at h and 2h, freed of their error in h²."""
    return (4 * difference(atoms, eps=step) - difference(atoms, eps=2 * step)) / 3


@pytest.mark.parametrize("atoms", cells().values(), ids=cells().keys())
def test_forces_are_the_derivative_of_the_energy(committee: HdnnpPotential, atoms: Atoms) -> None:
    atoms = atoms.copy()
    atoms.calc = committee.calculator()
    numerical = extrapolated(calculate_numerical_forces, atoms, 1e-4)
    np.testing.assert_allclose(atoms.get_forces(), numerical, atol=1e-8 * max(1.0, np.abs(numerical).max()))
    assert np.abs(atoms.get_forces().sum(axis=0)).max() < 1e-10


@pytest.mark.parametrize("name", ["triclinic", "smaller than the cutoff"])
def test_stress_is_the_strain_derivative_of_the_energy(committee: HdnnpPotential, name: str) -> None:
    atoms = cells()[name].copy()
    atoms.calc = committee.calculator()
    numerical = extrapolated(calculate_numerical_stress, atoms, 3e-5)
    np.testing.assert_allclose(atoms.get_stress(), numerical, atol=1e-8 * max(1.0, np.abs(numerical).max()))


def test_energy_knows_no_place_direction_or_order(committee: HdnnpPotential) -> None:
    atoms = crystal(2)
    reference = committee.evaluate(atoms)
    rotation = Rotation.from_euler("xyz", [0.4, -1.2, 2.0]).as_matrix()
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ rotation.T, scale_atoms=True)
    moved.translate([0.3, -7.0, 1.1])
    order = np.array([2, 0, 3, 1])
    result = committee.evaluate(moved[order])
    np.testing.assert_allclose(result.energies, reference.energies[order], atol=1e-9)
    np.testing.assert_allclose(result.forces, (reference.forces @ rotation.T)[order], atol=1e-9)


def test_free_atoms_have_exactly_their_energy(committee: HdnnpPotential) -> None:
    result = committee.evaluate(Atoms("SiC", [[0, 0, 0], [0, 0, 4.2001]]), uncertainty=True)
    assert result.energy == pytest.approx(sum(FREE.values()), abs=1e-11)
    assert np.abs(result.forces).max() == 0.0
    assert result.uncertainty is not None
    assert result.uncertainty.energy == pytest.approx(0.0, abs=1e-11)


def test_mean_and_spread_are_those_of_the_members(committee: HdnnpPotential, tmp_path: Path) -> None:
    atoms = crystal(4)
    plain, unsure = committee.evaluate(atoms), committee.evaluate(atoms, uncertainty=True)
    singles = []
    for member in range(3):
        committee.to_n2p2(tmp_path / str(member), ATOMIC_UNITS, member)
        singles.append(HdnnpPotential.from_n2p2(tmp_path / str(member)).evaluate(atoms, uncertainty=True))
    energies = [each.energy for each in singles]
    forces = np.stack([each.forces for each in singles])
    assert singles[0].uncertainty is None
    assert plain.energy == pytest.approx(np.mean(energies), rel=1e-12)
    np.testing.assert_allclose(plain.forces, forces.mean(axis=0), atol=1e-10)
    np.testing.assert_allclose(unsure.forces, plain.forces, atol=1e-12)
    np.testing.assert_allclose(unsure.stress, plain.stress, atol=1e-12)
    assert unsure.uncertainty is not None
    assert unsure.uncertainty.energy == pytest.approx(np.std(energies, ddof=1), rel=1e-9)
    np.testing.assert_allclose(
        unsure.uncertainty.forces, np.sqrt(forces.var(axis=0, ddof=1).sum(axis=1)), rtol=1e-8
    )


def test_a_longer_pair_list_and_more_threads_change_nothing(committee: HdnnpPotential) -> None:
    atoms = crystal(5) * (2, 1, 1)
    reference = committee.evaluate(atoms)
    before = get_num_threads()
    try:
        set_num_threads(1)
        result = committee.evaluate(atoms, pairs=find_pairs(atoms, committee.cutoff + 1.0))
    finally:
        set_num_threads(before)
    assert result.energy == pytest.approx(reference.energy, rel=1e-13)
    np.testing.assert_allclose(result.forces, reference.forces, atol=1e-11)
    np.testing.assert_allclose(result.stress, reference.stress, atol=1e-12)


def test_features_are_the_scaled_functions(committee: HdnnpPotential) -> None:
    features = committee.features(crystal(1))
    assert features.shape == (4, committee.functions.width)
    together = np.concatenate([committee.features(crystal(k)) for k in range(4)])
    np.testing.assert_allclose(together.mean(axis=0), 0.0, atol=1e-10)


def test_committees_need_a_member_to_be_written(committee: HdnnpPotential, tmp_path: Path) -> None:
    with pytest.raises(
        ForgefieldError, match="committee of 3 networks, a folder of n2p2 holds one; name the"
    ):
        committee.to_n2p2(tmp_path)


def test_unknown_elements_are_named(committee: HdnnpPotential) -> None:
    with pytest.raises(ForgefieldError, match="element O is not among the potential's species C, Si"):
        committee.evaluate(Atoms("O"))


def test_torn_folders_are_named(committee: HdnnpPotential, tmp_path: Path) -> None:
    committee.save(tmp_path)
    (tmp_path / "weights.npz").unlink()
    with pytest.raises(ForgefieldError, match=r"cannot read .*weights\.npz"):
        HdnnpPotential.load(tmp_path)


def test_units_scale_energies_and_lengths(committee: HdnnpPotential, tmp_path: Path) -> None:
    committee.to_n2p2(tmp_path, Units(2.0, 3.0), member=1)
    again = HdnnpPotential.from_n2p2(tmp_path, Units(2.0, 3.0))
    assert again.cutoff == pytest.approx(committee.cutoff)
    # The same files in other units describe a potential that is scaled along.
    larger = HdnnpPotential.from_n2p2(tmp_path, Units(4.0, 6.0))
    atoms = crystal(6)
    stretched = atoms.copy()
    stretched.set_cell(2 * atoms.cell.array, scale_atoms=True)
    assert larger.evaluate(stretched).energy == pytest.approx(2 * again.evaluate(atoms).energy, rel=1e-12)
