"""What every potential offers, whatever its family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Evaluation


class Potential(ABC):
    """A fitted interatomic potential.

    Attributes:
        species: chemical symbols that it knows.
        cutoff: Å; atoms farther apart do not see each other.
    """

    species: tuple[str, ...]
    cutoff: float

    @abstractmethod
    def evaluate(self, atoms: Atoms, uncertainty: bool = False) -> Evaluation:
        """Energy, forces and stress of a structure; its uncertainty too, when asked for.

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

    def calculator(self) -> PotentialCalculator:
        """ASE calculator of this potential."""
        return PotentialCalculator(self)


class PotentialCalculator(Calculator):
    """ASE's view of a potential: energy, atomic energies, forces, stress."""

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "energies", "forces", "stress"]

    def __init__(self, potential: Potential, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.potential = potential

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Called by ASE."""
        super().calculate(atoms, properties, system_changes)
        evaluation = self.potential.evaluate(self.atoms)
        self.results = {
            "energy": evaluation.energy,
            "free_energy": evaluation.energy,
            "energies": evaluation.energies,
            "forces": evaluation.forces,
            "stress": evaluation.stress,
        }
