"""The engine's settings do what they say: optimisers, schedules, ends, weights, bounded memory."""

import time

import numpy as np
import pytest
import torch

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Labels
from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.soap import Soap
from forgefield.potentials.training import train
from forgefield.potentials.training_cache import LazySequence, size_in_bytes
from forgefield.potentials.training_data import Loader, weighted_loss
from forgefield.potentials.training_optimizers import learning_rate
from forgefield.potentials.training_spec import TrainingSpec

from .training_cases import SMALL, silicon, weights

pytestmark = pytest.mark.filterwarnings(
    "ignore:'where' used without 'out':UserWarning"
)  # matscipy on numpy 2.4
ONE = DensitySpec(cutoff=4.5, n_radial=5, l_max=2, l_max_4body=0, channels=2, hidden=(6,), members=1)


def fitted(spec: TrainingSpec, **options):
    problem = DensityProblem(ONE, ("Si",), seed=1)
    structures, labels = silicon(8, seed=1)
    return problem, train(problem, structures, labels, silicon(3, seed=2), spec, seed=1, **options)


@pytest.mark.parametrize("optimizer", ["soap", "adamw", "adam", "kalman"])
def test_every_optimizer_learns_and_goes_on_to_the_bit(optimizer, tmp_path):
    spec = TrainingSpec(epochs=10, optimizer=optimizer, learning_rate=0.01)
    whole, result = fitted(spec)
    assert result.history[-1].validation < 0.7 * result.history[0].validation

    asked = iter([False] * 13 + [True] * 100)
    checkpoint = tmp_path / "checkpoint.pt"
    _, stopped = fitted(spec, checkpoint=checkpoint, stop=lambda: next(asked))
    assert stopped.ending == "stopped"
    assert checkpoint.exists()
    again, resumed = fitted(spec, checkpoint=checkpoint)
    assert resumed.ending == "finished"
    # It was stopped within an epoch, whose errors must be whole nevertheless.
    assert [point.training for point in resumed.history] == [point.training for point in result.history]
    np.testing.assert_array_equal(weights(again), weights(whole))


def test_a_foreign_or_damaged_checkpoint_is_refused(tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(b"torn")
    with pytest.raises(ForgefieldError, match=r"checkpoint.pt does not fit this training.*remove the file"):
        fitted(TrainingSpec(epochs=2), checkpoint=checkpoint)


def test_step_sizes_follow_their_schedules():
    def sizes(schedule):
        spec = TrainingSpec(schedule=schedule, learning_rate=1.0, warm_up=10)
        return [learning_rate(spec, step, step / 100) for step in (0, 4, 9, 50, 80, 100)]

    assert sizes("constant") == [0.1, 0.5, 1.0, 1.0, 1.0, 1.0]
    assert sizes("step")[3:] == [1.0, 0.1, 0.01]
    assert sizes("cosine")[3:] == pytest.approx([0.5005, 0.0963999, 0.001], rel=1e-4)
    assert sizes("exponential")[3:] == pytest.approx([1000**-0.5, 1000**-0.8, 0.001])


def test_training_ends_by_patience_and_keeps_the_best():
    # Without steps nothing gets better after the first validation.
    _, result = fitted(TrainingSpec(epochs=40, patience=3, learning_rate=1e-12, averaging=0.0))
    assert result.ending == "patience"
    assert len(result.history) <= 20


def test_training_ends_in_time_with_its_steps_annealed():
    fitted(TrainingSpec(epochs=1))  # compiles
    began = time.perf_counter()
    _, result = fitted(TrainingSpec(epochs=100_000, max_seconds=1.5))
    assert 1.0 < time.perf_counter() - began < 4.0
    assert result.ending == "time limit"
    assert result.history[-1].learning_rate < 0.01 * max(point.learning_rate for point in result.history)
    assert result.history[-1].share == 1.0
    assert len(result.history) > 3


def test_learning_curves_hold_the_errors_of_the_weights_that_are_judged():
    problem, result = fitted(TrainingSpec(epochs=5, exact_last_layer=False))
    structures, labels = silicon(3, seed=2)
    best = next(point for point in result.history if point.epoch == result.best_epoch)
    found = [problem.potential().evaluate(atoms) for atoms in structures]
    pairs = list(zip(found, labels, strict=True))
    energies = [(mine.energy - label.energy) / 8 for mine, label in pairs]
    forces = np.concatenate([mine.forces - label.forces for mine, label in pairs])
    stresses = np.concatenate([mine.stress - label.stress for mine, label in pairs])
    assert best.validation_energy == pytest.approx(np.sqrt(np.mean(np.square(energies))), rel=1e-9)
    assert best.validation == pytest.approx(np.sqrt(np.mean(forces**2)), rel=1e-9)
    assert best.validation_stress == pytest.approx(np.sqrt(np.mean(stresses**2)), rel=1e-9)


def loss_of(spec: TrainingSpec, labels, importance=None) -> float:
    structures, _ = silicon(3, seed=4)
    problem = DensityProblem(ONE, ("Si",), seed=2)
    loader = Loader(problem, structures, labels, spec, np.random.default_rng(0), importance)
    problem.initialise(loader.prepared, labels)
    batch, targets = loader.batch([0, 1, 2])
    return float(weighted_loss(problem.predict(batch), targets).detach())


def test_weights_switch_parts_of_the_loss_on_and_off():
    _, labels = silicon(3, seed=4)
    parts = [
        loss_of(TrainingSpec(energy_weight=e, force_weight=f, stress_weight=s), labels)
        for e, f, s in ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]
    assert all(part > 0 for part in parts)
    weighted = loss_of(TrainingSpec(energy_weight=2, force_weight=0.5, stress_weight=3), labels)
    assert weighted == pytest.approx(2 * parts[0] + 0.5 * parts[1] + 3 * parts[2], rel=1e-12)
    without = [Labels(each.energy, each.forces, None, "", "", 0.0) for each in labels]
    assert loss_of(TrainingSpec(), without) == pytest.approx(parts[0] + parts[1], rel=1e-12)


def test_a_structure_of_weight_zero_teaches_nothing():
    _, labels = silicon(3, seed=4)
    wrong = [*labels[:2], Labels(labels[2].energy, labels[2].forces + 9.0, labels[2].stress, "", "", 0.0)]
    ignored = np.array([1.0, 1.0, 0.0])
    spec = TrainingSpec(bootstrap=0.0)
    assert loss_of(spec, labels, ignored) == pytest.approx(loss_of(spec, wrong, ignored), rel=1e-12)
    assert loss_of(spec, wrong) > 1.1 * loss_of(spec, labels)


def test_prepared_structures_stay_within_the_limit_and_change_nothing():
    structures, labels = silicon(10, seed=5)
    made = []

    def make(index):
        made.append(index)
        return structures[index]

    spec = TrainingSpec(epochs=3, bootstrap=0.0)
    free = DensityProblem(SMALL, ("Si",), seed=1)
    train(free, structures, labels, ([], []), spec, seed=1)
    tight = DensityProblem(SMALL, ("Si",), seed=1)
    one = size_in_bytes(tight.prepare(structures[0]))
    loader = Loader(tight, structures, labels, spec, np.random.default_rng(0), cache_bytes=3.5 * one)
    list(loader.prepared)
    assert len(loader.cache.kept) == 3
    assert loader.cache.bytes == sum(map(size_in_bytes, loader.cache.kept.values())) <= 3.5 * one
    limited = spec.model_copy(update={"cache_megabytes": 3.5 * one / 1e6})
    train(tight, LazySequence(make, 10), labels, ([], []), limited, seed=1)
    np.testing.assert_array_equal(weights(tight), weights(free))
    # Once for sizes; then seven of ten anew for scales and in each of three epochs, and three once.
    assert len(made) == 10 + 4 * 7 + 3


def test_scales_come_from_a_bounded_part_of_large_data():
    structures, labels = silicon(1, seed=6)
    n = 30_000
    many = LazySequence(lambda i: structures[0], n)
    loader = Loader(
        DensityProblem(ONE, ("Si",), 1),
        many,
        LazySequence(lambda i: labels[0], n),
        TrainingSpec(),
        np.random.default_rng(0),
    )
    sample = loader.sample(np.random.default_rng(1))
    assert 500 < len(sample) <= 2020
    assert len(set(sample)) == len(sample)
    assert max(sample) > 0.9 * n


def test_soap_takes_parameters_of_any_shape():
    torch.manual_seed(0)
    shapes = ((3,), (), (4, 3), (2, 4, 3), (2, 2, 4, 3), (1, 600, 2))
    targets = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
    parameters = [torch.nn.Parameter(torch.zeros_like(each)) for each in targets]
    optimizer = Soap(parameters, lr=0.02)
    for _ in range(400):
        optimizer.zero_grad()
        sum(((p - t) ** 2).sum() for p, t in zip(parameters, targets, strict=True)).backward()
        optimizer.step()
    for parameter, target in zip(parameters, targets, strict=True):
        assert float((parameter.detach() - target).abs().max()) < 0.05
