"""The numbers of a neuroevolution potential, as its file orders them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forgefield.atoms.records import Array


@dataclass(frozen=True)
class NepParameters:
    """A model of S species with D descriptors and H neurons.

    Attributes:
        version: 3 (one network for all elements) or 4 (one for each).
        species: chemical symbols.
        radial_cutoffs, angular_cutoffs: (S,), Å; a pair has the mean of its two elements'.
        radial: (channels, functions, S, S) coefficients c_nk of the centre's and the neighbour's species.
        angular: the same for the angular descriptors.
        l_max: highest degree of the 3-body descriptors.
        four_body, five_body: whether there are 4-body (l = 2) and 5-body (l = 1) descriptors.
        inward: (E, H, D) weights of the hidden layer; E is S for version 4, else 1.
        thresholds: (E, H), subtracted before the tanh.
        outward: (E, H), eV.
        bias: subtracted from every atom's energy, eV.
        q_scaler: (D,) factors of the descriptors.
        zbl: (inner, outer) cutoffs of the universal repulsion in Å, or None.
        zbl_pairs: (S (S + 1)/2, 10) inner and outer cutoff and four (factor, exponent) pairs of a flexible repulsion.
        max_neighbours: sizes of neighbour lists that other programs set aside (radial, angular).
    """

    version: int
    species: tuple[str, ...]
    radial_cutoffs: Array
    angular_cutoffs: Array
    radial: Array
    angular: Array
    l_max: int
    four_body: bool
    five_body: bool
    inward: Array
    thresholds: Array
    outward: Array
    bias: float
    q_scaler: Array
    zbl: tuple[float, float] | None = None
    zbl_pairs: Array | None = None
    max_neighbours: tuple[int, int] = (200, 100)

    @property
    def blocks(self) -> int:
        """Angular descriptors of each channel."""
        return self.l_max + self.four_body + self.five_body

    @property
    def n_descriptors(self) -> int:
        """D."""
        return len(self.radial) + self.blocks * len(self.angular)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NepParameters):
            return NotImplemented
        mine, theirs = vars(self), vars(other)
        return all(np.array_equal(mine[name], theirs[name]) for name in mine)

    __hash__ = None  # type: ignore[assignment]
