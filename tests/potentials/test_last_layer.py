"""The exact last layer: columns that add up to predictions, and the minimum of the training loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from forgefield.atoms.records import Labels
from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.hdnnp.fit import HdnnpProblem
from forgefield.potentials.hdnnp.spec import HdnnpSpec
from forgefield.potentials.last_layer import Refit, refit_last_layer
from forgefield.potentials.nep.fit import NepProblem
from forgefield.potentials.nep.spec import NepSpec
from forgefield.potentials.training_data import Loader, weighted_loss
from forgefield.potentials.training_spec import TrainingSpec

from .conftest import SPECIES, crystal

SPEC = DensitySpec(cutoff=4.2, n_radial=4, l_max=2, l_max_4body=2, channels=2, hidden=(6, 5), members=2)
PROBLEMS = {
    "density": lambda: DensityProblem(SPEC, SPECIES, 3),
    "nep": lambda: NepProblem(NepSpec(cutoff=4.2, angular_cutoff=4.0, neurons=6), SPECIES, 3),
    "hdnnp": lambda: HdnnpProblem(
        HdnnpSpec(cutoff=4.2, hidden=(6, 5), members=2, functions={"n_functions": 8}), SPECIES, 3
    ),
}


@pytest.fixture(params=PROBLEMS)
def loader(request) -> Loader:
    """Crystals, two elements, with random labels; one structure without stress."""
    rng = np.random.default_rng(0)
    structures = [crystal(seed) for seed in range(6)]
    labels = [
        Labels(
            -5.0 * len(a) + rng.normal(), rng.normal(size=(len(a), 3)), 0.01 * rng.normal(size=6), "", "", 0.0
        )
        for a in structures
    ]
    labels[2] = replace(labels[2], stress=None)
    problem = PROBLEMS[request.param]()
    loader = Loader(problem, structures, labels, TrainingSpec(relative_tolerance=0.0), rng)
    problem.initialise(list(loader.prepared), labels)
    return loader


def loss(loader: Loader) -> float:
    every = list(range(len(loader.sizes)))
    batch, targets = loader.batch(every)
    with torch.no_grad():
        return float(weighted_loss(loader.problem.predict(batch), targets))


def test_columns_times_weights_are_the_prediction(loader):
    problem = loader.problem
    batch, _ = loader.batch([0, 3])
    with torch.no_grad():
        prediction = problem.predict(batch)
        last_layers = [problem.last_layer(member) for member in range(problem.members)]
        for member, weights in enumerate(last_layers):
            problem.set_last_layer(member, np.zeros_like(weights))
        rest = problem.predict(batch)
        for member, weights in enumerate(last_layers):
            columns = problem.columns(member, batch)
            for name in ("energies", "forces", "virials"):
                share = getattr(prediction, name)[member] - getattr(rest, name)[member]
                total = torch.tensordot(torch.from_numpy(weights), getattr(columns, name), dims=1)
                torch.testing.assert_close(total, share, rtol=1e-10, atol=1e-11)


def test_the_loss_is_at_its_minimum_in_the_last_layer(loader):
    before = loss(loader)
    way = refit_last_layer(loader.problem, loader, lambda: np.array([[loss(loader), 1.0, 1.0]]), seed=0)
    after = loss(loader)
    assert way == Refit(ridge=1e-4, energy_factor=1.0), (
        "data that judge themselves want no ridge and no factor"
    )
    assert after < before
    problem = loader.problem
    rng = np.random.default_rng(1)
    best = [problem.last_layer(member) for member in range(loader.problem.members)]
    for _ in range(5):
        for member, weights in enumerate(best):
            problem.set_last_layer(member, weights * (1 + 0.05 * rng.normal(size=len(weights))))
        assert loss(loader) > after


def test_a_last_layer_that_validates_worse_is_left_as_it_was(loader):
    before = [loader.problem.last_layer(member) for member in range(loader.problem.members)]
    calls = iter(range(100))
    assert (
        refit_last_layer(loader.problem, loader, lambda: np.full((2, 3), 1.0 + next(calls)), seed=0) is None
    )
    for member, weights in enumerate(before):
        np.testing.assert_array_equal(loader.problem.last_layer(member), weights)
