"""From chemical symbols to the numbers that models count elements by."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError


def species_index(atoms: Atoms, species: tuple[str, ...]) -> NDArray[np.int64]:
    """(N,) place of each atom's element in `species`.

    Raises:
        ForgefieldError: an element that is not there.
    """
    numbers = [atomic_numbers[symbol] for symbol in species]
    lookup = np.full(max([*numbers, int(atoms.numbers.max(initial=0))]) + 1, -1, dtype=np.int64)
    lookup[numbers] = np.arange(len(numbers))
    index = lookup[atoms.numbers]
    if (index < 0).any():
        symbol = atoms.symbols[int(np.flatnonzero(index < 0)[0])]
        raise ForgefieldError(
            f"element {symbol} is not among the potential's species {', '.join(species)}",
            "evaluate structures of these elements only, or train a potential that includes it",
        )
    return index
