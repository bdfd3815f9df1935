"""Training: it learns, it is reproducible, and it goes on to the bit after an interruption."""

import numpy as np
import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.training import train
from forgefield.potentials.training_data import Loader, cut_into_batches, weighted_loss
from forgefield.potentials.training_spec import TrainingSpec

from .training_cases import SMALL, silicon, weights

pytestmark = pytest.mark.filterwarnings(
    "ignore:'where' used without 'out':UserWarning"
)  # matscipy on numpy 2.4


def test_it_learns_a_potential_from_few_structures():
    structures, labels = silicon(24, seed=1)
    problem = DensityProblem(SMALL, ("Si",), seed=1)
    result = train(problem, structures, labels, silicon(4, seed=2), TrainingSpec(epochs=80), seed=1)
    potential = problem.potential()
    unseen, truth = silicon(6, seed=3)
    forces = np.concatenate(
        [potential.evaluate(a).forces - t.forces for a, t in zip(unseen, truth, strict=True)]
    )
    energies = [potential.evaluate(a).energy - t.energy for a, t in zip(unseen, truth, strict=True)]
    stresses = [potential.evaluate(a).stress - t.stress for a, t in zip(unseen, truth, strict=True)]
    typical = np.concatenate([t.forces for t in truth]).std()
    assert np.abs(forces).mean() < 0.06 * typical
    assert np.abs(energies).mean() / 8 < 0.004
    assert np.abs(stresses).mean() < 0.15 * np.abs([t.stress for t in truth]).mean()
    assert result.history[-1].epoch == 80
    assert result.history[-1].training < result.history[0].training


def test_the_loss_gradient_is_right_through_forces_and_virials():
    structures, labels = silicon(3, seed=4)
    problem = DensityProblem(SMALL, ("Si",), seed=2)
    spec = TrainingSpec()
    loader = Loader(problem, structures, labels, spec, np.random.default_rng(0))
    problem.initialise(loader.prepared, labels)
    batch, targets = loader.batch([0, 1, 2])
    problem.model.requires_grad_(True)

    def loss() -> float:
        return weighted_loss(problem.predict(batch), targets)

    loss().backward()
    rng = np.random.default_rng(0)
    for parameter in problem.model.parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad.view(-1)
        for k in rng.integers(len(flat), size=2):
            kept, step = float(flat[k]), 1e-5
            flat[k] = kept + step
            ahead = loss().item()
            flat[k] = kept - step
            behind = loss().item()
            flat[k] = kept
            assert float(gradient[k]) == pytest.approx((ahead - behind) / (2 * step), rel=1e-4, abs=1e-4)


def test_the_same_seed_gives_the_same_weights():
    structures, labels = silicon(6, seed=5)

    def fitted(seed: int) -> np.ndarray:
        problem = DensityProblem(SMALL, ("Si",), seed=seed)
        train(problem, structures, labels, ([], []), TrainingSpec(epochs=4), seed=seed)
        return weights(problem)

    first = fitted(1)
    np.testing.assert_array_equal(first, fitted(1))
    assert np.abs(first - fitted(2)).max() > 1e-3


def test_an_interrupted_training_goes_on_to_the_bit(tmp_path):
    structures, labels = silicon(6, seed=6)
    validation, spec = silicon(2, seed=7), TrainingSpec(epochs=12)
    whole = DensityProblem(SMALL, ("Si",), seed=3)
    train(whole, structures, labels, validation, spec, seed=3)

    class StoppedError(Exception):
        pass

    def stop(progress):
        if progress.epoch == 7:
            raise StoppedError

    checkpoint = tmp_path / "checkpoint.pt"
    broken = DensityProblem(SMALL, ("Si",), seed=3)
    with pytest.raises(StoppedError):
        train(broken, structures, labels, validation, spec, seed=3, checkpoint=checkpoint, report=stop)
    assert checkpoint.exists()
    resumed = DensityProblem(SMALL, ("Si",), seed=3)
    seen = []
    result = train(
        resumed, structures, labels, validation, spec, seed=3, checkpoint=checkpoint,
        report=lambda progress: seen.append(progress.epoch),
    )  # fmt: skip
    assert seen[0] == 7  # the last validation before the interruption was not stored yet
    assert [progress.epoch for progress in result.history] == list(range(1, 13))
    np.testing.assert_array_equal(weights(whole), weights(resumed))
    assert not checkpoint.exists()


def test_batches_hold_every_structure_once_and_about_equal_atoms():
    sizes = np.array([2, 8, 64, 8, 1, 16, 8, 8, 2, 2])
    batches = cut_into_batches(sizes, 32, np.random.default_rng(0))
    assert sorted(i for batch in batches for i in batch) == list(range(10))
    assert len(batches) == 4 or len(batches) == 3
    assert cut_into_batches(np.array([5]), 64, None) == [[0]]


def test_free_energies_without_free_atoms_come_from_least_squares():
    structures, labels = silicon(3, seed=8)
    problem = DensityProblem(SMALL, ("Si",), seed=1)
    problem.initialise([problem.prepare(atoms) for atoms in structures], labels)
    mean = np.mean([label.energy / 8 for label in labels])
    assert float(problem.model.elements[0].free_energy) == pytest.approx(mean, rel=1e-6)


def test_no_data_and_divergence_are_said_plainly():
    problem = DensityProblem(SMALL, ("Si",), seed=1)
    with pytest.raises(ForgefieldError, match="no labelled structures to train on"):
        train(problem, [], [], ([], []), TrainingSpec(), seed=1)
    structures, labels = silicon(2, seed=9)
    reckless = TrainingSpec(epochs=5, learning_rate=1e200)
    with pytest.raises(ForgefieldError, match=r"training diverged in epoch \d.*learning_rate"):
        train(problem, structures, labels, ([], []), reckless, seed=1)
