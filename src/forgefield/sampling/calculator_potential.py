"""Any ASE calculator, as samplers see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array, Evaluation
from forgefield.potentials.contract import Potential, PotentialCalculator


class CalculatorPotential(Potential):
    """A calculator of somebody else in the place of a potential.

    It finds its own neighbours, so its cutoff is zero. Atomic energies are equal shares where it has none; the stress
    is zero where it has none, and `has_stress` says so.

    Args:
        calculator: any ASE calculator with energy and forces.
        species: chemical symbols that it is used for.
    """

    def __init__(self, calculator: Calculator, species: tuple[str, ...]) -> None:
        self.calculator_in_use, self.species, self.cutoff = calculator, species, 0.0
        properties = calculator.implemented_properties
        self.has_stress = "stress" in properties
        self._has_energies = "energies" in properties

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Energy, forces and stress."""
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        if atoms.has("initial_magmoms"):
            bare.set_initial_magnetic_moments(atoms.get_initial_magnetic_moments())
        bare.calc = self.calculator_in_use
        energy, forces = float(bare.get_potential_energy()), np.array(bare.get_forces(), dtype=np.float64)
        energies = np.full(len(bare), energy / max(len(bare), 1))
        if self._has_energies:
            energies = np.array(bare.get_potential_energies(), dtype=np.float64)
        stress = np.zeros(6)
        if self.has_stress and bare.pbc.all():
            try:
                stress = np.array(bare.get_stress(voigt=True), dtype=np.float64)
            except PropertyNotImplementedError:
                self.has_stress = False
        return Evaluation(energy, energies, forces, stress)

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """Refused: stresses of atoms, where a calculator has them, are not what the heat current needs.

        Those of many-body potentials count a pair's share at its centre or halve it (Fan et al., Phys. Rev. B 92,
        094301 (2015); Boone, Babaei & Wilmer, J. Chem. Theory Comput. 15, 5579 (2019)).

        Raises:
            ForgefieldError: always.
        """
        raise ForgefieldError(
            f"{type(self.calculator_in_use).__name__} does not give the virials of atoms that make up the heat current",
            "impose the heat flow instead (non-equilibrium conductivity), or use a potential of forgefield",
        )

    def save(self, folder: Path) -> None:
        """Refused: only its maker can.

        Raises:
            ForgefieldError: always.
        """
        raise ForgefieldError(
            f"{type(self.calculator_in_use).__name__} cannot be saved into {folder} as a potential",
            "save it by the means of the package that it comes from",
        )


def potential_of(calculator: Calculator, atoms: Atoms) -> Potential:
    """What stands behind a calculator: a potential of ours itself, with its fast kernels, or a wrapped calculator.

    Args:
        calculator: any ASE calculator.
        atoms: a structure that it will be used for.
    """
    if isinstance(calculator, PotentialCalculator):
        return calculator.potential
    return CalculatorPotential(calculator, tuple(sorted(set(atoms.get_chemical_symbols()))))
