"""Structures in which mistakes of neighbour lists, derivatives and symmetries show, for any set of elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, covalent_radii
from scipy.spatial.transform import Rotation

from forgefield.atoms.records import Array

CELLS = ("triclinic", "shorter than the cutoff", "slab", "molecule")


def bond_length(species: Sequence[str]) -> float:
    """Å: a tenth more than twice the mean covalent radius."""
    return 2.2 * float(np.mean([covalent_radii[atomic_numbers[symbol]] for symbol in species]))


def structure(name: str, species: Sequence[str], length: float) -> Atoms:
    """One of the `CELLS`, with all elements in turn and without any symmetry.

    Args:
        name: triclinic (8 atoms, skewed and strained), shorter than the cutoff (2 atoms, lattice planes 4/3 of the
            bond length apart), slab (periodic in two directions) or molecule (no cell).
        species: chemical symbols.
        length: typical bond length, Å.
    """
    rng = np.random.default_rng(len(name))
    lattice = bulk("X", "diamond", a=4 * length / np.sqrt(3), cubic=name == "slab")
    if name == "molecule":
        corners = [[0, 0, 0], [1, 0.1, 0], [-0.3, 0.9, 0.2], [0.1, -0.4, 1.1], [1.2, 0.9, -0.6]]
        atoms = Atoms(numbers=np.zeros(5, dtype=int), positions=length * np.array(corners))
    else:
        atoms = lattice * (2, 2, 1) if name == "triclinic" else lattice
        strain = rng.uniform(-0.05, 0.05, (3, 3)) * (name != "slab")
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        atoms.pbc = (True, True, name != "slab")
    atoms.positions += rng.normal(scale=0.05 * length, size=atoms.positions.shape)
    atoms.symbols[:] = [species[k % len(species)] for k in range(len(atoms))]
    return atoms


def turned(atoms: Atoms) -> tuple[Atoms, Array]:
    """A rotated copy, and the rotation (3, 3) that takes a column vector along."""
    rotation = Rotation.from_euler("xyz", [0.4, -1.2, 2.0]).as_matrix()
    copy = atoms.copy()
    copy.positions = atoms.positions @ rotation.T
    copy.set_cell(atoms.cell.array @ rotation.T)
    return copy, rotation


def leaving(symbol: str, other: str, length: float, edge: float, beyond: float) -> tuple[Atoms, Atoms]:
    """Two structures in which the last atom is about to leave the first one's cutoff: alone, and held by a third.

    Args:
        symbol: element of the first atom.
        other: element of the others.
        length: typical bond length, Å.
        edge: cutoff, Å.
        beyond: Å by which the last atom is farther away than that.
    """
    far = [0.0, 0.0, edge + beyond]
    held = Atoms([symbol, other, other], [[0, 0, 0], [0.4 * length, 0, 0.9 * length], far])
    return Atoms([symbol, other], [[0, 0, 0], far]), held
