"""How uncertain a single trained network is: the Bayesian posterior of its last layer.

The last layer enters energies, forces and virials linearly, so around the trained weights its posterior is that of a
linear regression (`bayesian_regression`), with noise and prior from the evidence: the last-layer Laplace approximation
(Daxberger et al., Advances in Neural Information Processing Systems 34, 20089 (2021)). Networks whose last layers are
drawn from it form a committee that shares everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Labels
from forgefield.potentials.bayesian_regression import RegressionSums
from forgefield.potentials.committee import Committee
from forgefield.potentials.contract import Potential
from forgefield.potentials.evidence import maximise_evidence
from forgefield.potentials.last_layer import LastLayerProblem
from forgefield.potentials.training_data import Prediction, cut_into_batches

_BATCH_ATOMS = 512


class PotentialProblem(LastLayerProblem, Protocol):
    """A `LastLayerProblem` that can say what its networks are now."""

    def potential(self) -> Potential:
        """A copy of the model as it is now."""


@torch.no_grad()
def last_layer_spread(
    problem: LastLayerProblem, structures: Sequence[Atoms], labels: Sequence[Labels]
) -> Array:
    """Root R of the posterior covariance R Rᵀ of the first member's last layer, (C, C).

    Args:
        problem: with trained weights.
        structures, labels: what it was trained on.

    Raises:
        ForgefieldError: no structures.
    """
    if not len(structures):
        raise ForgefieldError("a posterior needs data", "pass the structures that the network was trained on")
    sums = RegressionSums.empty(3, len(problem.last_layer(0)))
    sizes = np.array([len(atoms) for atoms in structures])
    for chosen in cut_into_batches(sizes, _BATCH_ATOMS, None):
        batch = problem.collate([problem.prepare(structures[i]) for i in chosen])
        told = [labels[i] for i in chosen]
        columns, said = problem.columns(0, batch), problem.predict(batch)
        numbers = torch.from_numpy(sizes[chosen].astype(float))
        energies = torch.tensor([label.energy for label in told]) - said.energies[0]
        forces = torch.from_numpy(np.concatenate([label.forces for label in told])) - said.forces[0]
        sums = sums.plus(0, (columns.energies / numbers).T.numpy(), (energies / numbers).numpy())
        sums = sums.plus(1, columns.forces.flatten(1).T.numpy(), forces.flatten().numpy())
        sums = _with_virials(sums, columns, said, told, [structures[i] for i in chosen])
    # A column that moves no force must not be blown up.
    typical = np.sqrt(np.einsum("cc->c", sums.grams[1]) / sums.counts[1])
    scales = 1 / np.maximum(typical, 1e-3 * typical.max())
    found = maximise_evidence(sums.scaled(scales))
    root: Array = scales[:, None] * found.root
    return root


def last_layer_committee(
    problem: PotentialProblem,
    structures: Sequence[Atoms],
    labels: Sequence[Labels],
    rng: np.random.Generator,
    pairs: int = 8,
) -> Committee:
    """A committee of draws from the posterior of a network's last layer, whose mean is that network.

    Args:
        problem: one network, trained.
        structures, labels: what it was trained on.
        rng: draws.
        pairs: half the number of members; they come in pairs w ± δ, which leaves the mean where it is.

    Raises:
        ForgefieldError: no structures, or a problem of several networks.
    """
    if problem.members > 1:
        raise ForgefieldError(
            f"the posterior of one network was asked for, the model has {problem.members}",
            "train it with members: 1",
        )
    root, trained = last_layer_spread(problem, structures, labels), problem.last_layer(0)
    members: list[Potential] = []
    for draw in rng.standard_normal((pairs, len(trained))) @ root.T:
        for sign in (1.0, -1.0):
            problem.set_last_layer(0, trained + sign * draw)
            members.append(problem.potential())
    problem.set_last_layer(0, trained)
    return Committee(members, degrees_lost=0)


def _with_virials(
    sums: RegressionSums, columns: Prediction, said: Prediction, labels: list[Labels], structures: list[Atoms]
) -> RegressionSums:
    for index, (label, atoms) in enumerate(zip(labels, structures, strict=True)):
        if label.stress is not None:
            virial: Any = label.stress * abs(np.linalg.det(atoms.cell.array)) - said.virials[0, index].numpy()
            sums = sums.plus(2, columns.virials[:, index].T.numpy() / len(atoms), virial / len(atoms))
    return sums
