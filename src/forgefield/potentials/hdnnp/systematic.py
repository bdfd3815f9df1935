"""Symmetry functions from a few numbers, and the few of many that describe the data as well.

Gaussians on a radial grid: Gastegger et al., J. Chem. Phys. 148, 241709 (2018); choice by CUR decomposition
or farthest points: Imbalzano et al., J. Chem. Phys. 148, 241730 (2018).
"""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.descriptors.symmetry_functions.definition import (
    NARROW,
    RADIAL,
    WIDE,
    CutoffFunction,
    SymmetryFunction,
)
from forgefield.potentials.hdnnp.definition import in_file_order
from forgefield.potentials.hdnnp.spec import HdnnpSpec

_CUTOFF_KINDS = {"cosine": 1, "tanh": 2, **{f"polynomial-{n}": n + 4 for n in range(1, 5)}}
_ANGULAR_KINDS = {"narrow": (NARROW,), "wide": (WIDE,), "both": (NARROW, WIDE)}


def systematic_functions(spec: HdnnpSpec, species: tuple[str, ...]) -> tuple[SymmetryFunction, ...]:
    """All functions that the settings ask for, lengths in Å, in n2p2's order."""
    wanted, cutoff = spec.functions, spec.cutoff
    last = cutoff - 0.5
    functions = []
    grid, step = np.linspace(wanted.shortest, last, wanted.n_radial, retstep=True)
    spacing = float(step) if wanted.n_radial > 1 else last - wanted.shortest
    for centre, neighbour, shift in product(species, species, grid):
        functions.append(
            SymmetryFunction(
                RADIAL, centre, (neighbour,), cutoff, eta=0.5 / spacing**2, shift=round(float(shift), 6)
            )
        )
    reaches = np.linspace(max(1.5, wanted.shortest), last, max(wanted.n_angular, 1))[: wanted.n_angular]
    pairs = list(combinations_with_replacement(species, 2))
    kinds = _ANGULAR_KINDS[wanted.angular]
    for kind, centre, pair, reach, lambda_, zeta in product(
        kinds, species, pairs, reaches, (-1.0, 1.0), wanted.zetas
    ):
        functions.append(
            SymmetryFunction(
                kind, centre, pair, cutoff, eta=float(0.5 / reach**2), lambda_=lambda_, zeta=float(zeta)
            )
        )
    return in_file_order(functions)


def cutoff_function(spec: HdnnpSpec) -> CutoffFunction:
    """The cutoff function that the settings name."""
    return CutoffFunction(_CUTOFF_KINDS[spec.functions.cutoff_function])


def choose_functions(values: Array, count: int, method: str) -> NDArray[np.int64]:
    """Indices, sorted, of the functions that describe the data best.

    Args:
        values: (N, D) values on the data.
        count: how many; all that vary if there are no more.
        method: ``cur`` or ``farthest-point``.
    """
    spread = values.std(axis=0)
    varying = np.flatnonzero(spread > 1e-10 * (np.abs(values).max(axis=0) + 1e-300))
    if len(varying) <= count:
        return varying
    # The functions' inner products hold all that either method needs of the data.
    standard = (values[:, varying] - values[:, varying].mean(axis=0)) / spread[varying]
    gram = standard.T @ standard / len(standard)
    picked = _cur(gram, count) if method == "cur" else _farthest(gram, count)
    return np.sort(varying[picked])


def _cur(gram: Array, count: int) -> list[int]:
    """Each time the largest component of the leading singular vector of what the chosen ones leave unexplained."""
    rest = gram.copy()
    picked: list[int] = []
    for _ in range(count):
        leading = np.linalg.eigh(rest)[1][:, -1] ** 2
        leading[picked] = -1.0
        best = int(leading.argmax())
        picked.append(best)
        if rest[best, best] > 1e-14:
            rest = rest - np.outer(rest[:, best], rest[best]) / rest[best, best]
    return picked


def _farthest(gram: Array, count: int) -> list[int]:
    """Each time the function that is least like any chosen one; the first is the one most like all others."""
    likeness = np.abs(gram)
    picked = [int(likeness.sum(axis=0).argmax())]
    nearest = likeness[picked[0]].copy()
    for _ in range(count - 1):
        nearest[picked] = np.inf
        best = int(nearest.argmin())
        picked.append(best)
        nearest = np.maximum(nearest, likeness[best])
    return picked
