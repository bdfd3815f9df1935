"""What every potential offers, whatever its family."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import PairList, VerletList
from forgefield.atoms.records import Array, Evaluation

# Å. In 1000 silicon atoms at 600 K with steps of 2 fs such a list (cutoff 5 Å) serves eight steps and costs 0.2 µs per
# atom and step; 1 Å would halve that, but add a third to the pairs that kernels read only to skip them.
SKIN = 0.5


class Potential(ABC):
    """A fitted interatomic potential.

    Attributes:
        species: chemical symbols that it knows.
        cutoff: Å; atoms farther apart do not see each other.
    """

    species: tuple[str, ...]
    cutoff: float

    @abstractmethod
    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Energy, forces and stress of a structure.

        Args:
            atoms: any cell and periodicity.
            uncertainty: ask for the uncertainty too.
            pairs: a list that holds at least all pairs of these atoms within the cutoff, as a `VerletList` makes it;
                otherwise the potential finds them itself. With `PairList.of_first`, what the first atoms' energies do.

        Raises:
            ForgefieldError: an element that the potential does not know.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the potential into a folder from which `forgefield.load` reads it."""

    def features(self, atoms: Atoms) -> Array:
        """(N, D) invariant features of each atom's surroundings, of order one: what tells structures apart.

        Raises:
            ForgefieldError: the family has none, as those that are no function of a descriptor.
        """
        raise ForgefieldError(
            f"{type(self).__name__} has no features of {len(atoms)} atoms to compare structures by",
            "choose a potential family that is built on a descriptor",
        )

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """(N, 3, 3) virials of atoms, eV: W_i = Σ_j r_ij ⊗ ∂U_j/∂r_ji with r_ij = r_j − r_i, as a rule not symmetric.

        What moving atoms carry of the potential energy is Σ_i W_i·v_i (Fan et al., Phys. Rev. B 92, 094301 (2015),
        eq. 22). They sum to minus the stress times the volume.

        Args:
            atoms: any cell and periodicity.
            pairs: as of `evaluate`.

        Raises:
            ForgefieldError: the family has none, as those without atomic energies.
        """
        raise ForgefieldError(
            f"{type(self).__name__} gives no virials of its {len(atoms)} atoms, so the heat current is unknown",
            "impose the heat flow instead (non-equilibrium conductivity), or choose a family with atomic energies",
        )

    def calculator(self, skin: float = SKIN) -> PotentialCalculator:
        """ASE calculator of this potential.

        Args:
            skin: Å by which its pair list reaches beyond the cutoff, so that it serves many steps of a simulation.
        """
        return PotentialCalculator(self, skin)


_TURN = threading.Lock()
"""Kernels use all threads by themselves, and work in memory that belongs to the potential: one at a time."""


class PotentialCalculator(Calculator):
    """ASE's view of a potential: energy, atomic energies, forces, stress.

    Everything comes from one evaluation, over a pair list that is kept while the atoms stay within its skin.
    Calculators in several threads take turns.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "energies", "forces", "stress"]

    def __init__(self, potential: Potential, skin: float = SKIN, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.potential = potential
        self.pairs = VerletList(potential.cutoff, skin)

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        """What has changed since the last calculation, of all that a potential sees; exact and cheap."""
        old = self.atoms
        if old is None:
            return list(all_changes)
        return [
            name
            for name in ("positions", "numbers", "cell", "pbc")
            if not np.array_equal(getattr(old, name), getattr(atoms, name))
        ]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Called by ASE."""
        if atoms is not None:
            self.atoms = atoms.copy()
        with _TURN:
            evaluation = self.potential.evaluate(self.atoms, pairs=self.pairs.update(self.atoms))
        self.results = {
            "energy": evaluation.energy,
            "free_energy": evaluation.energy,
            "energies": evaluation.energies,
            "forces": evaluation.forces,
            "stress": evaluation.stress,
        }
