"""A crystal and its melt side by side: how the cell is made, and which layers are crystalline."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.properties.crystal import SYMMETRY_TOLERANCE, bare_crystal, symmetry_dataset

_LAYER_ATOMS = 40
"""Fewer would give a melt the order of chance: one over their root."""
_LARGEST_INDEX = 6


def upright_block(atoms: Atoms, width: float, length: float) -> Atoms:
    """The conventional cell of a crystal, repeated to a block that stands upright: c along z, a and b across.

    Args:
        atoms: the crystal.
        width: smallest length of a and b, Å.
        length: smallest length of c, Å.

    Raises:
        ForgefieldError: a lattice whose conventional cell has no vector at right angles to two others.
    """
    crystal = bare_crystal(atoms)
    found = symmetry_dataset(crystal, SYMMETRY_TOLERANCE)
    # What spglib is given are kinds of atoms, which moments and masses tell apart too, not atomic numbers.
    like = [int(np.flatnonzero(found.mapping_to_primitive == k)[0]) for k in found.std_mapping_to_primitive]
    conventional = Atoms(
        numbers=crystal.numbers[like], scaled_positions=found.std_positions, cell=found.std_lattice, pbc=True
    )
    angles = conventional.cell.angles()
    if np.abs(angles[:2] - 90.0).max() > 0.01:
        raise ForgefieldError(
            f"the conventional cell of {crystal.get_chemical_formula()} has angles of {angles[0]:.1f}° and "
            f"{angles[1]:.1f}° between c and the others, so no flat interface fits into it",
            "give a crystal with right angles there; cubic, tetragonal, orthorhombic and hexagonal ones have them",
        )
    upright, _ = conventional.cell.standard_form()
    conventional.set_cell(upright, scale_atoms=True)
    lengths = conventional.cell.lengths()
    wanted = (width, width, length)
    repeats = [int(np.ceil(each / one - 1e-9)) for each, one in zip(wanted, lengths, strict=True)]
    return conventional.repeat(repeats)


@dataclass(frozen=True, slots=True)
class LayerOrder:
    """Tells crystalline layers from molten ones by waves across them that all atoms of the crystal share.

    A layer's order is the mean over waves G of |Σ_i exp(i G·r_i)|/n. Waves run in the plane of the interface alone, so
    layers that grow at any height count.

    Attributes:
        waves: (W, 2) whole numbers of the block's reciprocal vectors.
    """

    waves: NDArray[np.int64]

    @classmethod
    def of(cls, block: Atoms) -> LayerOrder:
        """The shortest waves that at least half of the crystal's atoms share.

        Raises:
            ForgefieldError: there are none.
        """
        fractions = block.get_scaled_positions()[:, :2]
        reciprocal = block.cell.reciprocal().array[:2]
        most = [max(2, int(_LARGEST_INDEX / 3.0 * length)) for length in block.cell.lengths()[:2]]
        tried = np.array(
            [(h, k) for h, k in product(range(most[0] + 1), range(-most[1], most[1] + 1)) if (h, k) > (0, 0)]
        )
        shares = np.abs(np.exp(2j * np.pi * fractions @ tried.T).mean(axis=0))
        lengths = np.linalg.norm(tried @ reciprocal, axis=1)
        strong = shares > 0.5
        if not strong.any():
            raise ForgefieldError(
                f"{block.get_chemical_formula()} has no wave across its layers by which to tell it from a melt",
                "give another setting of the crystal, with another plane across c",
            )
        shortest = lengths[strong].min()
        return cls(tried[strong & (lengths < 1.01 * shortest)])

    def layers(self, positions: Array, cell: Array) -> Array:
        """(L,) order of layers from the bottom to the top of the cell."""
        fractions = np.linalg.solve(cell.T, positions.T).T
        n_layers = max(4, len(positions) // _LAYER_ATOMS)
        layer = np.floor((fractions[:, 2] % 1.0) * n_layers).astype(np.int64) % n_layers
        counts = np.maximum(np.bincount(layer, minlength=n_layers), 1)
        order = np.zeros(n_layers)
        for wave in self.waves:
            phases = 2.0 * np.pi * fractions[:, :2] @ wave
            real = np.bincount(layer, np.cos(phases), n_layers)
            imaginary = np.bincount(layer, np.sin(phases), n_layers)
            order += np.hypot(real, imaginary) / counts
        return order / len(self.waves)

    def crystalline_share(self, positions: Array, cell: Array, crystal: float) -> float:
        """Share of layers with more than half of the order that a crystal has at this temperature.

        Args:
            positions: (N, 3) Å.
            cell: (3, 3) Å.
            crystal: order of the crystal.
        """
        return float((self.layers(positions, cell) > 0.5 * crystal).mean())


def stacked(lower: Atoms, upper: Atoms, closest: float) -> Atoms:
    """Two blocks with the same a and b, one on the other, momenta included.

    Args:
        lower, upper: c along z.
        closest: smallest distance that atoms of different blocks may have, Å.
    """
    gap, heights = 0.0, (lower.cell[2, 2], upper.cell[2, 2])
    lower, upper = lower.copy(), upper.copy()
    for block in (lower, upper):
        block.wrap()
    while True:
        together = lower.copy()
        shifted = upper.copy()
        shifted.positions[:, 2] += heights[0] + gap
        together.extend(shifted)
        together.set_cell([*lower.cell.array[:2], [0.0, 0.0, sum(heights) + 2.0 * gap]])
        first, second = neighbor_list("ij", together, closest)
        if not ((first < len(lower)) != (second < len(lower))).any():
            return together
        gap += 0.1
