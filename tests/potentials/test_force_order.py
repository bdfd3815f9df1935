"""Forces in another order than their atoms are found out; sound labels are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.atoms.records import Labels
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.force_order import find_misordered, other_order

ALLOY = ("Au", "Cu")


def labelled(atoms):
    atoms.calc = EMT()
    labels = Labels(atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(), "emt", "r", 0.0)
    return Example(atoms, labels)


def alloys(count, seed=0):
    """Cells of eight atoms, strained and rattled, each of another composition and volume."""
    rng = np.random.default_rng(seed)
    examples = []
    for number in range(count):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        gold = rng.permutation(8)[: number % 5]
        atoms.symbols[gold] = "Au"
        strain = np.eye(3) * (1 + 0.02 * len(gold)) + 0.04 * rng.normal(size=(3, 3))
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        atoms.positions += 0.12 * rng.normal(size=(8, 3))
        examples.append(labelled(atoms))
    return examples


def reordered(example, order):
    return replace(example, labels=replace(example.labels, forces=example.labels.forces[order]))


@pytest.mark.parametrize("seed", range(3))
def test_sound_labels_are_left_alone(seed):
    assert find_misordered(alloys(24, seed), ALLOY) == {}


@pytest.mark.parametrize("n_wrong", [1, 3, 8])
def test_forces_in_another_order_are_found(n_wrong):
    examples = alloys(40)
    rng = np.random.default_rng(1)
    wrong = sorted(rng.permutation(40)[:n_wrong].tolist())
    for number in wrong:
        examples[number] = reordered(examples[number], np.roll(np.arange(8), 1 + number % 7))
    found = find_misordered(examples, ALLOY)
    assert list(found) == wrong
    assert all("in another order of the atoms" in problem for problem in found.values())


def test_forces_sorted_by_element_are_found():
    examples = alloys(40)
    order = np.argsort(examples[13].atoms.numbers, kind="stable")
    assert (order != np.arange(8)).any()
    examples[13] = reordered(examples[13], order)
    assert list(find_misordered(examples, ALLOY)) == [13]


def test_other_faults_are_not_taken_for_another_order():
    examples = alloys(40)
    noise = np.random.default_rng(2).normal(size=(8, 3))
    for number, forces in ((5, 3 * examples[5].labels.forces), (6, noise), (7, np.zeros((8, 3)))):
        examples[number] = replace(examples[number], labels=replace(examples[number].labels, forces=forces))
    assert find_misordered(examples, ALLOY) == {}


def test_forces_that_only_change_their_signs_are_left_to_energies():
    forces = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    assert other_order(forces, forces[::-1]) is None
    assert other_order(
        np.vstack([forces, [[0.0, 2.0, 0.0]]])[[0, 2, 1]], np.vstack([forces, [[0.0, 2.0, 0.0]]])
    )


def test_forces_expected_like_this_or_unlike_any_are_left_alone():
    rng = np.random.default_rng(3)
    forces = rng.normal(size=(8, 3))
    assert other_order(forces, forces + 0.2 * rng.normal(size=(8, 3))) is None
    assert other_order(forces, rng.normal(size=(8, 3))) is None
    assert other_order(0.01 * forces, 0.01 * forces[::-1]) is None


def test_free_atoms_and_nothing_are_fine():
    assert find_misordered([], ALLOY) == {}
    free = Example(Atoms("Cu"), Labels(-1.0, np.zeros((1, 3)), None, "emt", "r", 0.0))
    assert find_misordered([free], ALLOY) == {}


def test_many_elements_are_left_alone():
    species = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au", "Si", "C")
    examples = [reordered(each, np.roll(np.arange(8), 1)) for each in alloys(3)]
    assert find_misordered(examples, species) == {}
