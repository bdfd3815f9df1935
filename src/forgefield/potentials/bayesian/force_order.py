"""Labels whose forces are in another order than their atoms, found out by what all the other labels say about them.

A linear Bayesian potential of few features is fitted to all labels. From the same fit follows what it would have said
of one structure's forces without these: with their residuals r, posterior covariance V and noise precision β, the
residuals would have been (1 − β V)⁻¹ r (Cook & Weisberg, Residuals and Influence in Regression (1982), section 2.2).
Where other atoms' forces fit that much better than the atoms' own, the order is wrong.

Nothing is said where the forces with their signs changed fit too: few labels may get the sign of a symmetric
structure's only force wrong, and energies tell that better (`forgefield.dataset.agreement`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from forgefield.atoms.records import Array
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.fit import BayesianFit
from forgefield.potentials.bayesian.rows import Rows
from forgefield.potentials.bayesian.spec import BayesianSpec

_SIZES = ((8, 4), (6, 3), (4, 3), (3, 2), (2, 2), (2, 1), (2, 0))
"""Radial functions and degrees, of which the first is taken that has no more than so many features."""
_FEATURES = 800
_SMALL = 0.05
"""eV/Å; forces whose root mean square is smaller have no order worth finding."""
_FARTHER = 1.5
"""Times the cube root of N that forces of N atoms must be farther off in their own order than in another. That root is
what chance alone may find: so much nearer is the nearest of N vectors."""
_OFF = 0.5
"""Share of the forces by which they must be off in their own order, and may be at most in the other."""
_MIRRORED = 1.5
"""Times that forces with changed signs must be farther off than in another order."""
_ROUNDS = 8
"""Fits, each without those that were found before: wrong labels hide one another."""


@dataclass(frozen=True)
class Doubt:
    """Root mean squares, eV/Å: how far a structure's forces are off as they are, and in the best other order."""

    own: float
    best: float

    @property
    def factor(self) -> float:
        """How many times farther off they are as they are."""
        return self.own / max(self.best, 1e-12)

    def __str__(self) -> str:
        return (
            f"its forces are {self.own:.2f} eV/Å off from what the other labels lead one to expect, in another order "
            f"of the atoms {self.best:.2f}"
        )


def find_misordered(examples: Sequence[Example], species: Sequence[str]) -> dict[int, str]:
    """Which labels have forces in another order than the atoms, and what speaks for that, one line.

    Args:
        examples: labelled structures of one method.
        species: chemical symbols, at least theirs. Of nine and more nothing is said.

    Raises:
        ForgefieldError: labels that are not finite.
    """
    spec, found = _spec(len(species)), dict[int, str]()
    left = list(range(len(examples)))
    for _ in range(_ROUNDS):
        if spec is None or not left:
            break
        doubts = _doubts([examples[i] for i in left], spec, tuple(species))
        if not doubts:
            break
        clearest = max(doubt.factor for doubt in doubts.values())
        taken = {left[n]: str(doubt) for n, doubt in doubts.items() if 2 * doubt.factor >= clearest}
        found |= taken
        left = [i for i in left if i not in taken]
    return dict(sorted(found.items()))


def other_order(forces: Array, expected: Array) -> Doubt | None:
    """Whether forces fit what was expected of them in another order of the atoms only.

    Args:
        forces: (N, 3) of a label, eV/Å.
        expected: (N, 3) of a potential that does not know this label, eV/Å.
    """
    length = np.sqrt((forces**2).mean())
    if length < _SMALL:
        return None
    costs = ((forces[:, None] - expected[None]) ** 2).sum(axis=2)
    doubt = Doubt(
        float(np.sqrt(np.trace(costs) / forces.size)),
        float(np.sqrt(costs[linear_sum_assignment(costs)].sum() / forces.size)),
    )
    mirrored = np.sqrt(((forces + expected) ** 2).mean())
    farther = doubt.factor > _FARTHER * np.cbrt(len(forces)) and mirrored > _MIRRORED * doubt.best
    return doubt if farther and doubt.own > _OFF * length > doubt.best else None


def _spec(n_species: int) -> BayesianSpec | None:
    for n_radial, l_max in _SIZES:
        channels = n_species * n_radial
        if n_species * (l_max + 1) * channels * (channels + 1) // 2 <= _FEATURES:
            return BayesianSpec(n_radial=n_radial, l_max=l_max)
    return None


def _doubts(examples: Sequence[Example], spec: BayesianSpec, species: tuple[str, ...]) -> dict[int, Doubt]:
    fit = BayesianFit.start(spec, species, examples)
    doubts = {}
    for number, example in enumerate(examples):
        expected = _expected(fit, example)
        if expected is not None and (doubt := other_order(example.labels.forces, expected)):
            doubts[number] = doubt
    return doubts


def _expected(fit: BayesianFit, example: Example) -> Array | None:
    """(N, 3) forces of one of the fit's structures as the fit would have them had it not known these, eV/Å."""
    rows, posterior, forces = fit.rows(example), fit.posterior, example.labels.forces
    if rows is None or posterior is None:
        return None
    columns = rows.columns[Rows.FORCE][:, : len(fit.factors)] * fit.factors
    precision = rows.weight * posterior.hyperparameters.noise_precisions[Rows.FORCE]
    # Forces that the fit follows entirely, but for rounding, would leave nothing to divide by.
    kept = (1 + 1e-12) * np.eye(forces.size) - precision * posterior.covariance(columns)
    residuals = np.linalg.solve(kept, rows.values[Rows.FORCE] - columns @ posterior.mean)
    return forces - residuals.reshape(-1, 3)
