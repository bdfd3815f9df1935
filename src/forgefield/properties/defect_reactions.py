"""Combinations of point defects that keep a compound's composition: their energies need no chemical potential."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import gcd

from ase import Atoms

Defect = tuple[str, str, str, float]
"""Name, element removed, element added, energy of its cell above the host's (eV)."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """Defects that form together.

    Attributes:
        name: such as ``Schottky``, ``Frenkel Na`` or ``antisite pair Ga, As``.
        energy: formation energy per defect, eV.
        defects: how many of them form together.
    """

    name: str
    energy: float
    defects: int


def neutral_reactions(host: Atoms, host_energy: float, defects: Sequence[Defect]) -> tuple[Reaction, ...]:
    """Schottky defects, Frenkel pairs and pairs of antisites, each from the cheapest defects of their kinds.

    Args:
        host: cell of the compound; an element has no such combinations but Frenkel pairs.
        host_energy: eV.
        defects: of the compound.
    """
    counts = Counter(host.get_chemical_symbols())
    energies: dict[tuple[str, str], float] = {}
    for _, removed, added, energy in defects:
        known = energies.get((removed, added), energy)
        energies[removed, added] = min(known, energy)
    found = []
    formula = {symbol: count // gcd(*counts.values()) for symbol, count in sorted(counts.items())}
    if len(counts) > 1 and all((symbol, "") in energies for symbol in counts):
        number = sum(formula.values())
        # The atoms taken out make one formula unit of bulk crystal.
        total = sum(count * energies[symbol, ""] for symbol, count in formula.items())
        found.append(Reaction("Schottky", (total + host_energy * number / len(host)) / number, number))
    for symbol in sorted(counts):
        if (symbol, "") in energies and ("", symbol) in energies:
            found.append(Reaction(f"Frenkel {symbol}", (energies[symbol, ""] + energies["", symbol]) / 2, 2))
    for first, second in combinations(sorted(counts), 2):
        exchanged = [(first, second), (second, first)]
        if all(pair in energies for pair in exchanged):
            total = sum(energies[pair] for pair in exchanged)
            found.append(Reaction(f"antisite pair {first}, {second}", total / 2, 2))
    return tuple(found)
