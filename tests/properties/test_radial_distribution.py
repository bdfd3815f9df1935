"""g(r) of the ideal gas, of lattices and of independent counting."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import radial_distribution
from forgefield.properties.production_run import equilibrated_part
from forgefield.properties.radial_distribution import RadialDistribution, RadialDistributionSpec
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.trajectory_frames import from_frames

from .trajectories import production

SKEWED = np.array([[6.0, 0.0, 0.0], [2.5, 5.5, 0.0], [-1.0, 2.0, 6.5]])


def gas(cell, n_atoms, n_frames, seed=0, **kwargs):
    fractions = np.random.default_rng(seed).uniform(size=(n_frames, n_atoms, 3))
    return production(fractions @ cell, cell, **kwargs)


def shaken(atoms, n_frames, amplitude, seed=0):
    shifts = np.random.default_rng(seed).normal(scale=amplitude, size=(n_frames, len(atoms), 3))
    return production(atoms.positions + shifts, atoms.cell.array, atoms.numbers)


def test_ideal_gas_has_no_structure_up_to_the_shortest_lattice_vector():
    """1 − 1/N there, in a skewed cell and beyond half of it; error bars hold in as many bins as they should."""
    run = gas(SKEWED, 20, 2000)
    result = radial_distribution.analyse(
        run, RadialDistributionSpec(cutoff=5.0, bin_width=0.25, most_frames=2000)
    )
    (pair,) = result.pairs
    assert result.frames == 2000
    deviations = (pair.density - (1 - 1 / 20)) / pair.errors
    assert np.abs(deviations[4:]).max() < 4.5
    assert (np.abs(deviations[2:]) < 1).mean() == pytest.approx(0.68, abs=0.3)
    assert pair.errors[-1] < 0.01
    volume, shells = abs(np.linalg.det(SKEWED)), 4 / 3 * np.pi * np.arange(0.25, 5.1, 0.25) ** 3
    assert pair.running_number[-1] == pytest.approx(19 / volume * shells[-1], rel=0.01)
    assert pair.shell is None
    assert pair.coordination is None
    assert "no shell of neighbours ends within 5 Å" in result.warnings[-1]
    assert result.quantities == ()


def test_partial_functions_of_a_mixture_are_those_of_its_kinds():
    run = gas(SKEWED, 20, 1000, numbers=[8] * 5 + [14] * 15)
    result = radial_distribution.analyse(
        run, RadialDistributionSpec(cutoff=5.0, bin_width=0.5, most_frames=1000)
    )
    assert [pair.name for pair in result.pairs] == ["O–O", "O–Si", "Si–Si"]
    for pair, expected in zip(result.pairs, (1 - 1 / 5, 1.0, 1 - 1 / 15), strict=True):
        assert np.abs((pair.density - expected) / pair.errors)[2:].max() < 4.5
    assert result.pairs[1].ratio == pytest.approx(1 / 3)


@pytest.mark.parametrize("repeat", [(1, 1, 1), (2, 1, 3)])
def test_shells_of_fcc_in_a_cell_of_one_atom(repeat):
    """12, 6, 24, 12, 24 and 8 neighbours at a/√2 times the root of 1, 2, 3, 4, 5, 6."""
    copper = bulk("Cu", a=3.6) * repeat
    run = from_frames([copper] * 2, 1.0)
    result = radial_distribution.analyse(
        equilibrated_part(run), RadialDistributionSpec(cutoff=6.4, bin_width=0.02)
    )
    (pair,) = result.pairs
    edges = result.distances + 0.01
    places = np.searchsorted(edges, 3.6 / np.sqrt(2) * np.sqrt(np.arange(1, 7)) + 0.05)
    assert np.diff(pair.running_number[places], prepend=0) == pytest.approx([12, 6, 24, 12, 24, 8])
    assert pair.shell is not None
    assert pair.shell.peak == pytest.approx(3.6 / np.sqrt(2), abs=0.02)
    assert pair.shell.minimum == pytest.approx(3.6 * (np.sqrt(0.5) + 1) / 2, abs=0.05)
    assert pair.coordination == pytest.approx(12)


def test_coordination_numbers_of_a_compound_go_both_ways():
    quartz_like = bulk("CaF2", crystalstructure="fluorite", a=5.46, cubic=True)
    result = radial_distribution.analyse(shaken(quartz_like, 50, 0.05), RadialDistributionSpec(cutoff=6.0))
    numbers = {quantity.name: quantity for quantity in result.quantities}
    assert numbers["F around Ca, coordination number"].value == pytest.approx(8, abs=1e-9)
    assert numbers["Ca around F, coordination number"].value == pytest.approx(4, abs=1e-9)
    assert numbers["F around F, coordination number"].value == pytest.approx(6, abs=0.2)
    assert numbers["Ca–F, first peak of g(r)"].value == pytest.approx(5.46 * np.sqrt(3) / 4, abs=0.03)
    height = numbers["Ca–F, height of the first peak"]
    assert 0 < height.error < 0.1 * height.value


def test_counts_agree_with_ase_far_beyond_the_cell():
    atoms = Atoms("O2Si", positions=[[0, 0, 0], [1.1, 0.2, 1.9], [2.0, 2.2, 0.4]], cell=SKEWED / 2, pbc=True)
    run = equilibrated_part(from_frames([atoms, atoms], 1.0))
    result = radial_distribution.analyse(run, RadialDistributionSpec(cutoff=9.3, bin_width=0.31))
    first, second, distances = neighbor_list("ijd", atoms, 9.3)
    for pair in result.pairs:
        chosen = (atoms.symbols[first] == pair.first) & (atoms.symbols[second] == pair.second)
        counted = np.histogram(distances[chosen], bins=30, range=(0, 9.3))[0]
        per_atom = np.cumsum(counted) / (atoms.symbols == pair.first).sum()
        assert pair.running_number == pytest.approx(per_atom)


def test_breathing_cell_is_measured_by_its_own_density():
    gas_frames = []
    rng = np.random.default_rng(4)
    for _ in range(600):
        cell = SKEWED * rng.uniform(0.9, 1.1)
        gas_frames.append(Atoms("Ar20", cell=cell, positions=rng.uniform(size=(20, 3)) @ cell, pbc=True))
    run = equilibrated_part(from_frames(gas_frames, 10.0))
    result = radial_distribution.analyse(
        run, RadialDistributionSpec(cutoff=5.0, bin_width=0.5, most_frames=600)
    )
    (pair,) = result.pairs
    assert np.abs((pair.density - 0.95) / pair.errors)[2:].max() < 4.5


def test_results_survive_json():
    result = radial_distribution.analyse(shaken(bulk("Cu", cubic=True), 10, 0.1), RadialDistributionSpec())
    again = from_json(RadialDistribution, to_json(result))
    assert to_json(again) == to_json(result)
    assert again.pairs[0].shell == result.pairs[0].shell


def test_cluster_has_no_density():
    run = equilibrated_part(from_frames([Atoms("Ar2", positions=[[0, 0, 0], [0, 0, 3]])] * 2, 1.0))
    with pytest.raises(
        ForgefieldError, match=r"periodicity \[False, False, False\] has no density.*give frames"
    ):
        radial_distribution.analyse(run, RadialDistributionSpec())
