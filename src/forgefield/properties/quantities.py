"""What results say in single numbers, so that two methods can be laid side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ase import Atoms


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a property.

    Attributes:
        name: with what it belongs to, such as ``C44`` or ``vacancy, formation energy``; the same for every method.
        value: in ``unit``.
        unit: such as ``GPa`` or ``J/m²``; empty for a pure number.
        error: standard error of a statistical estimate, in ``unit``; None for a number that has none.
    """

    name: str
    value: float
    unit: str
    error: float | None = None


class Finding(Protocol):
    """What every result of a property offers."""

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Its numbers, in the order in which people want to read them."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes its numbers doubtful, one line each: an unstable crystal, a relaxation that did not end …"""


@dataclass(frozen=True, slots=True)
class Planned:
    """Calculations that a property will take, for a forecast of their cost.

    Attributes:
        atoms: a structure like those that will be computed.
        calculations: how many of its kind; where relaxations decide, a fair guess.
    """

    atoms: Atoms
    calculations: int


def calculations_in_all(planned: Sequence[Planned]) -> int:
    """How many calculations."""
    return sum(each.calculations for each in planned)
