"""The enthalpy of a structure over one flat vector of coordinates: what escapes and relaxations move on.

With a moving cell the coordinates are the atoms' positions r₀ in the cell that the surface was made with, h₀, and a
symmetric strain S, times a length L: r = (1 + S) r₀, h = (1 + S) h₀. A symmetric S cannot turn the cell. With
L = √N (V/N)^⅓ the curvatures along cell and atoms are of one size, so both may share one step length and one mass
(compare Gubler, Krummenacher, Huber & Goedecker, J. Comput. Phys. X 17, 100131 (2023)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array, Evaluation
from forgefield.potentials.contract import SKIN, Potential

_ONE = np.eye(3)
_VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
_RANK = 1e-6
"""Singular values below this share of the largest belong to no motion: a dimer has but two rotations."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the surface.

    Attributes:
        x: (D,) coordinates, Å.
        energy: enthalpy, eV.
        forces: (D,) negative gradient of the enthalpy, eV/Å.
        evaluation: what the potential said.
    """

    x: Array
    energy: float
    forces: Array
    evaluation: Evaluation


class EnergySurface:
    """A potential's energy, or enthalpy, as a function of coordinates.

    It keeps one structure and one pair list and moves the atoms in them, since to make them anew would take longer
    than a few atoms' forces. `evaluations` counts those of the potential.

    Args:
        potential: gives energy, forces and stress.
        atoms: at coordinates `origin`; is not changed.
        cell: whether the cell moves; then the structure is periodic in three directions.
        pressure: eV/Å³; counts if the cell moves.
    """

    def __init__(self, potential: Potential, atoms: Atoms, cell: bool = False, pressure: float = 0.0) -> None:
        self.potential, self.cell, self.pressure = potential, cell, pressure
        self.n_atoms = len(atoms)
        self.evaluations = 0
        self._atoms = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc)
        self._lattice = atoms.cell.array.copy()
        self._split = 3 * len(atoms)
        volume = abs(float(np.linalg.det(self._lattice)))
        self._volume = volume
        self._length = float(np.sqrt(self.n_atoms) * np.cbrt(volume / self.n_atoms)) if cell else 1.0
        self.origin: Array = np.concatenate([atoms.positions.ravel(), np.zeros(9 if cell else 0)])
        self._pairs: PairList | None = None
        self._listed = self.origin

    def laid_anew(self, atoms: Atoms) -> EnergySurface:
        """The surface of the same potential around another structure; its count of evaluations goes on."""
        surface = EnergySurface(self.potential, atoms, self.cell, self.pressure)
        surface.evaluations = self.evaluations
        return surface

    def at(self, x: Array) -> Point:
        """Energy and forces at coordinates x, which are kept, not copied."""
        self._place(x)
        self.evaluations += 1
        evaluation = self.potential.evaluate(self._atoms, pairs=self._nearby(x))
        if not self.cell:
            return Point(x, evaluation.energy, evaluation.forces.ravel(), evaluation)
        # dH/dr₀ = (1 + S) dE/dr and dH/dS = V (σ + P) (1 + S)⁻¹, of which S feels the symmetric part.
        deformation = _ONE + x[self._split :].reshape(3, 3) / self._length
        volume = self._volume * float(np.linalg.det(deformation))
        pull = -volume * np.linalg.solve(deformation, self._excess_stress(evaluation)) / self._length
        forces = np.concatenate([(evaluation.forces @ deformation).ravel(), (0.5 * (pull + pull.T)).ravel()])
        return Point(x, evaluation.energy + self.pressure * volume, forces, evaluation)

    def largest_force(self, point: Point) -> float:
        """Largest force on an atom or, if larger and the cell moves, row of the virial per atom, eV/Å and eV: the
        measure of ASE's cell filters."""
        forces = point.evaluation.forces
        largest = float(np.sqrt(np.einsum("ij,ij->i", forces, forces).max()))
        if not self.cell:
            return largest
        virial = self._excess_stress(point.evaluation) * (self._volume_at(point.x) / self.n_atoms)
        return max(largest, float(np.sqrt((virial**2).sum(axis=1).max())))

    def structure(self, x: Array) -> Atoms:
        """A structure of its own at coordinates x."""
        self._place(x)
        return self._atoms.copy()

    def force_uncertainty(self, point: Point) -> float | None:
        """Uncalibrated uncertainty of the worst atom's force, eV/Å; None if the potential has none."""
        self._place(point.x)
        evaluation = self.potential.evaluate(self._atoms, uncertainty=True, pairs=self._nearby(point.x))
        return None if evaluation.uncertainty is None else float(evaluation.uncertainty.forces.max())

    def strained(self, x: Array) -> float:
        """Largest change of any length by the strain, as a share of it; 0 where the cell is kept."""
        return float(np.abs(np.linalg.eigvalsh(self._strain(x))).max()) if self.cell else 0.0

    @staticmethod
    def farthest(step: Array) -> float:
        """How far a step (D,) moves the atom, or the row of the strain, that it moves most, Å."""
        moves = step.reshape(-1, 3)
        return float(np.sqrt(np.einsum("ij,ij->i", moves, moves).max()))

    def rigid_motions(self, x: Array) -> Array:
        """(k, D) orthonormal directions that move or, without periodicity, turn the structure as a whole."""
        positions = x[: self._split].reshape(-1, 3)
        motions = [np.tile(axis, (self.n_atoms, 1)) for axis in _ONE]
        if not self._atoms.pbc.any():
            centred = positions - positions.mean(axis=0)
            motions += [np.cross(axis, centred) for axis in _ONE]
        rows = np.zeros((len(motions), len(x)))
        rows[:, : self._split] = np.array(motions).reshape(len(motions), -1)
        _, sizes, directions = np.linalg.svd(rows, full_matrices=False)
        return np.asarray(directions[sizes > _RANK * sizes[0]])

    def random_direction(self, x: Array, rng: np.random.Generator) -> Array:
        """(D,) unit vector, isotropic among all motions but the rigid ones."""
        direction = rng.standard_normal(len(x))
        if self.cell:
            strain = direction[self._split :].reshape(3, 3)
            direction[self._split :] = (0.5 * (strain + strain.T)).ravel()
        return self.without_rigid(direction, self.rigid_motions(x))

    @staticmethod
    def without_rigid(direction: Array, rigid: Array) -> Array:
        """(D,) unit vector along what is left of a direction without rigid motions (k, D)."""
        rest = direction - (rigid @ direction) @ rigid
        return np.asarray(rest / np.linalg.norm(rest))

    def degrees_of_freedom(self, x: Array) -> int:
        """Number of independent motions, the rigid ones left out."""
        return self._split - len(self.rigid_motions(x)) + (6 if self.cell else 0)

    def _strain(self, x: Array) -> Array:
        return np.asarray(x[self._split :].reshape(3, 3) / self._length)

    def _volume_at(self, x: Array) -> float:
        return self._volume * float(np.linalg.det(_ONE + self._strain(x)))

    def _excess_stress(self, evaluation: Evaluation) -> Array:
        return np.asarray(evaluation.stress[_VOIGT] + self.pressure * _ONE)

    def _place(self, x: Array) -> None:
        positions = x[: self._split].reshape(-1, 3)
        if not self.cell:
            self._atoms.positions[...] = positions
            return
        deformation = _ONE + self._strain(x)
        self._atoms.positions[...] = positions @ deformation
        self._atoms.cell.array[...] = self._lattice @ deformation

    def _nearby(self, x: Array) -> PairList | None:
        """Pairs within the cutoff, kept while no pair can have come within it unseen."""
        cutoff = self.potential.cutoff
        if not np.isfinite(cutoff):
            return None
        if self._pairs is None or not self._covered(x, cutoff):
            self._pairs, self._listed = find_pairs(self._atoms, cutoff + SKIN), x
        return self._pairs

    def _covered(self, x: Array, cutoff: float) -> bool:
        moves = (x - self._listed)[: self._split].reshape(-1, 3)
        farthest = 2.0 * float(np.sqrt(np.einsum("ij,ij->i", moves, moves).max()))
        if not self.cell:
            return farthest <= SKIN
        # Distances shrink at most by |ΔS (1 + S)⁻¹|, and moves are stretched with the cell.
        listed = self._strain(self._listed)
        change = np.linalg.solve(_ONE + listed, self._strain(x) - listed)
        shrinking = 1.0 - float(np.linalg.norm(change))
        stretched = farthest * (1.0 + float(np.linalg.norm(self._strain(x))))
        return cutoff + stretched <= shrinking * (cutoff + SKIN)
