"""Training the neural network potential: its problem, its symmetry functions, what the fit reaches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Labels
from forgefield.potentials.hdnnp.fit import HdnnpProblem
from forgefield.potentials.hdnnp.spec import HdnnpSpec, SymmetryFunctionSpec
from forgefield.potentials.hdnnp.systematic import choose_functions, cutoff_function, systematic_functions
from forgefield.potentials.training import train
from forgefield.potentials.training_spec import TrainingSpec

FEW = SymmetryFunctionSpec(n_radial=5, n_angular=2, zetas=(1.0, 4.0), shortest=1.5)


def alloys(count: int, seed: int) -> tuple[list[Atoms], list[Labels]]:
    """Strained and rattled copper–gold cells with the energies of effective medium theory."""
    rng = np.random.default_rng(seed)
    structures, labels = [], []
    for _ in range(count):
        atoms = bulk("Cu", a=3.8, cubic=True)
        atoms.numbers[rng.permutation(4)[: rng.integers(1, 4)]] = 79
        atoms.set_cell(atoms.cell @ (np.eye(3) + rng.uniform(-0.04, 0.04, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
        atoms.calc = EMT()
        labels.append(
            Labels(atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(), "", "", 0.0)
        )
        atoms.calc = None
        structures.append(atoms)
    return structures, labels


def initialised(spec: HdnnpSpec) -> tuple[HdnnpProblem, list[Atoms]]:
    structures, labels = alloys(6, 0)
    problem = HdnnpProblem(spec, ("Cu", "Au"), seed=1)
    problem.initialise([problem.prepare(atoms) for atoms in structures], labels)
    return problem, structures


@pytest.mark.parametrize("n_functions", [None, 9])
def test_model_and_frozen_potential_agree(n_functions: int | None) -> None:
    functions = FEW.model_copy(update={"n_functions": n_functions, "angular": "both"})
    problem, structures = initialised(HdnnpSpec(cutoff=5.0, functions=functions, hidden=(7, 6), members=2))
    batch = problem.collate([problem.prepare(atoms) for atoms in structures])
    with torch.no_grad():
        prediction = problem.predict(batch)
    potential = problem.potential()
    start = 0
    for number, atoms in enumerate(structures):
        result = potential.evaluate(atoms)
        end = start + len(atoms)
        assert result.energy == pytest.approx(float(prediction.energies[:, number].mean()), rel=1e-10)
        forces = prediction.forces[:, start:end].mean(0).numpy()
        np.testing.assert_allclose(result.forces, forces, atol=1e-9)
        virial = prediction.virials[:, number].mean(0).numpy()
        np.testing.assert_allclose(result.stress * atoms.get_volume(), virial, atol=1e-9)
        start = end
    if n_functions:
        assert [len(rows) for rows in potential.hdnnp.statistics] == [9, 9]


def test_gradients_of_the_loss_are_those_of_differences() -> None:
    problem, structures = initialised(HdnnpSpec(cutoff=4.0, functions=FEW, hidden=(4,), members=1))
    batch = problem.collate([problem.prepare(atoms) for atoms in structures[:2]])

    def loss() -> torch.Tensor:
        prediction = problem.predict(batch)
        return (prediction.energies**2).sum() + (prediction.forces**2).sum() + (prediction.virials**2).sum()

    weight = problem.model.elements[0].weights[0]
    (gradient,) = torch.autograd.grad(loss(), weight)
    for place in ((0, 0, 0), (0, 3, 1)):
        slopes = []
        for step in (1e-4, 2e-4):
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    weight[place] += sign * step
                values.append(float(loss().detach()))
                with torch.no_grad():
                    weight[place] -= sign * step
            slopes.append((values[0] - values[1]) / (2 * step))
        assert float(gradient[place]) == pytest.approx((4 * slopes[0] - slopes[1]) / 3, rel=1e-6)


def test_training_learns_effective_medium_theory() -> None:
    structures, labels = alloys(30, 1)
    held_out, truth = alloys(10, 2)
    problem = HdnnpProblem(
        HdnnpSpec(cutoff=5.0, functions=FEW, hidden=(12,), members=1), ("Cu", "Au"), seed=3
    )
    train(
        problem,
        structures,
        labels,
        (held_out[:5], truth[:5]),
        TrainingSpec(epochs=60, learning_rate=0.01),
        seed=4,
    )
    potential = problem.potential()
    errors, spread = [], []
    for atoms, label in zip(held_out[5:], truth[5:], strict=True):
        errors.append(potential.evaluate(atoms).forces - label.forces)
        spread.append(label.forces)
    assert np.sqrt(np.mean(np.square(errors))) < 0.4 * np.sqrt(np.mean(np.square(spread)))


def test_systematic_functions_cover_every_pair_and_triple() -> None:
    functions = systematic_functions(HdnnpSpec(cutoff=5.0, functions=FEW), ("H", "C", "O"))
    radial = {(each.centre, *each.neighbours) for each in functions if each.kind == 2}
    angular = {(each.centre, *each.neighbours) for each in functions if each.kind == 3}
    assert len(radial) == 9
    assert len(angular) == 18
    assert len(functions) == 9 * 5 + 18 * 2 * 2 * 2
    first = [each for each in functions if each.kind == 2 and each.centre == each.neighbours[0] == "H"]
    shifts = sorted(each.shift for each in first)
    np.testing.assert_allclose(shifts, np.linspace(1.5, 4.5, 5))
    # As wide as they are apart: 2 eta step² = 1.
    np.testing.assert_allclose([2 * each.eta * 0.75**2 for each in first], 1.0)


@pytest.mark.parametrize("name", ["cosine", "tanh", "polynomial-1", "polynomial-4"])
def test_cutoff_functions_have_n2p2s_numbers(name: str) -> None:
    kinds = {"cosine": 1, "tanh": 2, "polynomial-1": 5, "polynomial-4": 8}
    spec = HdnnpSpec(functions=FEW.model_copy(update={"cutoff_function": name}))
    assert cutoff_function(spec).kind == kinds[name]


@pytest.mark.parametrize("method", ["cur", "farthest-point"])
def test_choice_leaves_out_copies_and_constants(method: str) -> None:
    rng = np.random.default_rng(5)
    base = rng.normal(size=(200, 4))
    values = np.concatenate([base, base * 3.0 + 1.0, np.ones((200, 1)), -base], axis=1)
    chosen = choose_functions(values, 4, method)
    assert sorted(chosen % 4 if (chosen < 8).all() else (chosen - (chosen > 8)) % 4) == [0, 1, 2, 3]
    assert 8 not in choose_functions(values, 13, method)


def test_data_without_variety_are_refused() -> None:
    problem = HdnnpProblem(HdnnpSpec(cutoff=4.0, functions=FEW, members=1), ("Cu",), seed=0)
    atoms = bulk("Cu")
    labels = [Labels(-1.0, np.zeros((1, 3)), None, "", "", 0.0)] * 2
    with pytest.raises(ForgefieldError, match="no symmetry function of Cu varies over the training data"):
        problem.initialise([problem.prepare(atoms)] * 2, labels)


def test_settings_beyond_the_cutoff_are_refused() -> None:
    with pytest.raises(
        ValidationError, match=r"functions.shortest 4.0 Å leaves no room below the cutoff 4.2"
    ):
        HdnnpSpec(cutoff=4.2, functions=SymmetryFunctionSpec(shortest=4.0))
