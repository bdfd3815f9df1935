"""Formulas in which the given ions are neutral together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.ions import Ion, known_ions, listed

_FARTHEST = 60


@dataclass(frozen=True, slots=True)
class BalancedFormula:
    """A neutral formula unit.

    Attributes:
        ions: the ions.
        counts: how many of each, without a common divisor.
    """

    ions: tuple[Ion, ...]
    counts: tuple[int, ...]

    def __str__(self) -> str:
        return reduced_formula(
            {ion.element: n for ion, n in zip(self.ions, self.counts, strict=True)}, self.ions
        )


def reduced_formula(counts: Mapping[str, int], ions: Sequence[Ion]) -> str:
    """The formula as chemists write it, such as TiO2: cations before anions, small charges before large ones.

    Args:
        counts: of each element; divided by what they share.
        ions: of all elements.
    """
    divisor = math.gcd(*(int(n) for n in counts.values()))
    order = sorted(ions, key=lambda ion: (ion.charge < 0, abs(ion.charge), ion.element))
    parts = [(ion.element, int(counts[ion.element]) // divisor) for ion in order if counts.get(ion.element)]
    return "".join(element + (str(n) if n > 1 else "") for element, n in parts)


def balanced_formulas(ions: Sequence[Ion], max_atoms: int = 10) -> tuple[BalancedFormula, ...]:
    """Every neutral formula that contains all of the ions, smallest first.

    Of Ti4+ and O2- there is one, TiO2; of Cu1+, In3+ and Se2- with at most 10 atoms there are CuInSe2,
    Cu3InSe3, CuIn3Se5 and Cu5InSe4.

    Args:
        ions: each element once.
        max_atoms: largest number of atoms in the formula.

    Raises:
        ForgefieldError: ions that are unknown, that can never be neutral together, or only in larger formulas.
    """
    ions = known_ions(ions)
    signs = {ion.charge > 0 for ion in ions if ion.charge}
    if len(signs) == 1:
        kind, other = (
            ("cations", "an anion such as O2-") if signs == {True} else ("anions", "a cation such as Na1+")
        )
        raise ForgefieldError(
            f"{listed(ions)} cannot be neutral together: all charges are those of {kind}",
            f"add {other} to the species, or correct an oxidation state",
        )
    found = list(_neutral(ions, max_atoms))
    if not found:
        smallest = next(
            (n for n in range(max_atoms + 1, _FARTHEST + 1) if next(_neutral(ions, n), None)), None
        )
        raise ForgefieldError(
            f"no formula with at most {max_atoms} atoms makes {listed(ions)} neutral",
            f"allow formulas of {smallest} atoms" if smallest else "correct the oxidation states",
        )
    return tuple(sorted(found, key=lambda formula: (sum(formula.counts), formula.counts[::-1])))


def _neutral(ions: tuple[Ion, ...], max_atoms: int) -> Iterator[BalancedFormula]:
    largest = max_atoms - len(ions) + 1
    for counts in itertools.product(range(1, largest + 1), repeat=len(ions)):
        neutral = sum(n * ion.charge for n, ion in zip(counts, ions, strict=True)) == 0
        if neutral and sum(counts) <= max_atoms and math.gcd(*counts) == 1:
            yield BalancedFormula(ions, counts)
