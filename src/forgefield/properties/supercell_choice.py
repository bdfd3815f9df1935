"""The smallest supercell in which periodic images are far enough apart."""

from __future__ import annotations

from itertools import product
from typing import Protocol

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.geometry import minkowski_reduce

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties.force_constants import SupercellMatrix

_MAX_REPEAT = 12


class WantsSupercell(Protocol):
    """Settings that may name a supercell."""

    @property
    def supercell(self) -> SupercellMatrix | None: ...
    @property
    def minimum_length(self) -> float: ...
    @property
    def max_atoms(self) -> int: ...


def wanted_supercell(atoms: Atoms, spec: WantsSupercell) -> SupercellMatrix:
    """The supercell that settings name, or the smallest that is long enough.

    Raises:
        ForgefieldError: as `choose_supercell`.
    """
    return spec.supercell or choose_supercell(atoms, spec.minimum_length, spec.max_atoms)


def repeated(atoms: Atoms, spec: WantsSupercell) -> Atoms:
    """A crystal in that supercell.

    Raises:
        ForgefieldError: as `choose_supercell`.
    """
    return make_supercell(atoms, np.array(wanted_supercell(atoms, spec)))


def choose_supercell(atoms: Atoms, minimum_length: float, max_atoms: int) -> SupercellMatrix:
    """Repetitions of the cell whose shortest lattice vector reaches ``minimum_length``.

    Vectors of equal length are repeated equally often, which keeps the crystal's symmetry.

    Args:
        atoms: the crystal.
        minimum_length: Å.
        max_atoms: largest supercell allowed.

    Raises:
        ForgefieldError: it would take more than ``max_atoms`` atoms.
    """
    lengths = atoms.cell.lengths()
    classes = np.unique(np.round(lengths, 3), return_inverse=True)[1]
    counts = [np.array(combination)[classes] for combination in _combinations(int(classes.max()) + 1)]
    counts.sort(key=lambda count: (int(np.prod(count)), tuple(count)))
    for count in counts:
        if len(atoms) * np.prod(count) > max_atoms:
            break
        reduced, _ = minkowski_reduce(atoms.cell.array * count[:, None])
        if np.linalg.norm(reduced, axis=1).min() >= minimum_length - 1e-6:
            n1, n2, n3 = (int(n) for n in count)
            return ((n1, 0, 0), (0, n2, 0), (0, 0, n3))
    raise ForgefieldError(
        f"no supercell of {atoms.get_chemical_formula()} with at most {max_atoms} atoms keeps periodic "
        f"images {minimum_length:g} Å apart",
        "lower minimum_length, raise max_atoms or give the supercell",
    )


def _combinations(n_classes: int) -> list[tuple[int, ...]]:
    return list(product(range(1, _MAX_REPEAT + 1), repeat=n_classes))
