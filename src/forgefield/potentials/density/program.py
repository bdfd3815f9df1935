"""Invariants of one channel of the contracted density, written as a list of products.

C_lm of a channel are turned into invariants of second order (power spectrum), third and fourth order (3-, 4- and 5-body
terms of the energy) by multiplying rows of numbers: rows 0 … L − 1 are C, further rows are covariant couplings of two
harmonics, the last ones the features. Products stay within a channel ("tensor-reduced" ACE: Darby et al., PRL 131,
028001 (2023)), so the cost grows with the number of channels, not with a power of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.descriptors.gaunt import coupled_degrees, gaunt_coefficients

Fourth = tuple[int, int, int, int, int]
"""Degrees a, b, c, d and l, in this order, of ((C_a C_b)_l · (C_c C_d)_l)."""


@dataclass(frozen=True)
class Program:
    """Instructions (a, b, o) with factor g: row o += g · row a · row b.

    Attributes:
        instructions: (T, 3) rows a, b, o; couplings first, then what ends in features.
        factors: (T,) g.
        n_couplings: how many instructions are couplings.
        n_harmonics: rows that are given.
        first_feature: row of the first feature.
        names: one for each feature: its order and its degrees.
    """

    instructions: NDArray[np.int64]
    factors: Array
    n_couplings: int
    n_harmonics: int
    first_feature: int
    names: tuple[str, ...]

    @property
    def n_features(self) -> int:
        """Invariants of each channel."""
        return len(self.names)

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        return self.first_feature + self.n_features


def build_program(l_max: int, l_max_4body: int, l_max_5body: int) -> Program:
    """The power spectrum up to l_max, and independent invariants of third and fourth order up to their own degrees."""
    couplings = _Couplings((l_max + 1) ** 2, gaunt_coefficients(max(l_max_4body, 2 * l_max_5body)))
    features: list[tuple[str, list[tuple[int, int]]]] = [
        (f"2:{degree}", [(row, row) for row in _span(degree)]) for degree in range(l_max + 1)
    ]
    for a, b, c in coupled_degrees(l_max_4body):
        features.append((f"3:{a}{b}{c}", list(zip(couplings.rows(a, b, c), _span(c), strict=True))))
    for a, b, c, d, degree in independent_fourths(l_max_5body):
        pairs = list(zip(couplings.rows(a, b, degree), couplings.rows(c, d, degree), strict=True))
        features.append((f"4:{a}{b}{c}{d}:{degree}", pairs))
    code = list(couplings.code)
    for target, (_, products) in enumerate(features, start=couplings.next_row):
        code += [(first, second, target, 1.0) for first, second in products]
    return Program(
        instructions=np.array([each[:3] for each in code], dtype=np.int64).reshape(-1, 3),
        factors=np.array([each[3] for each in code]),
        n_couplings=len(couplings.code),
        n_harmonics=couplings.n_harmonics,
        first_feature=couplings.next_row,
        names=tuple(name for name, _ in features),
    )


class _Couplings:
    """Rows for (C_a C_b)_l, made when first asked for."""

    def __init__(self, n_harmonics: int, gaunt: Array) -> None:
        self.n_harmonics = self.next_row = n_harmonics
        self.code: list[tuple[int, int, int, float]] = []
        self._gaunt = gaunt
        self._first: dict[tuple[int, int, int], int] = {}

    def rows(self, a: int, b: int, degree: int) -> range:
        """The 2l + 1 rows of the harmonics of degrees a and b coupled to `degree`."""
        if (a, b, degree) not in self._first:
            self._first[a, b, degree] = self.next_row
            factors: dict[tuple[int, int, int], float] = {}
            for x in _span(a):
                for y in _span(b):
                    for row, z in enumerate(_span(degree), start=self.next_row):
                        if self._gaunt[x, y, z]:
                            key = (min(x, y), max(x, y), row)
                            factors[key] = factors.get(key, 0.0) + self._gaunt[x, y, z]
            self.code += [(*key, factor) for key, factor in factors.items()]
            self.next_row += 2 * degree + 1
        first = self._first[a, b, degree]
        return range(first, first + 2 * degree + 1)


def independent_fourths(l_max: int) -> list[Fourth]:
    """Fourth-order invariants of degrees 1 … l_max that are neither products of the power spectrum nor of each other.

    Found by their rank on random coefficients.
    """
    if l_max == 0:
        return []
    gaunt = gaunt_coefficients(2 * l_max)
    samples = np.random.default_rng(0).normal(size=(400, (l_max + 1) ** 2))
    spectrum = [(samples[:, _slice(degree)] ** 2).sum(axis=1) for degree in range(1, l_max + 1)]
    known = [spectrum[i] * spectrum[j] for i in range(l_max) for j in range(i, l_max)]
    chosen = []
    for a, b, c, d, degree in _fourths(l_max):
        left, right = (
            np.einsum(
                "pa,pb,abc->pc", samples[:, _slice(first)], samples[:, _slice(second)],
                gaunt[_slice(first), _slice(second), _slice(degree)],
            )
            for first, second in ((a, b), (c, d))
        )  # fmt: skip
        values = (left * right).sum(axis=1)
        basis = np.stack(known, axis=1)
        rest = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
        if np.linalg.norm(rest) > 1e-6 * np.linalg.norm(values):
            known.append(values)
            chosen.append((a, b, c, d, degree))
    return chosen


def _fourths(l_max: int) -> Iterator[Fourth]:
    pairs = [(a, b) for a in range(1, l_max + 1) for b in range(a, l_max + 1)]
    for index, (a, b) in enumerate(pairs):
        for c, d in pairs[index:]:
            for degree in range(max(b - a, d - c, 1), min(a + b, c + d) + 1):
                if (a + b + degree) % 2 == 0 and (c + d + degree) % 2 == 0:
                    yield a, b, c, d, degree


def _span(degree: int) -> range:
    return range(degree**2, (degree + 1) ** 2)


def _slice(degree: int) -> slice:
    return slice(degree**2, (degree + 1) ** 2)
