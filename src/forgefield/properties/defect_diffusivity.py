"""How far a defect gets: its diffusion tensor from the rates of all its jumps.

On sites that are alike, jumps j from site α to β with rate k_j and vector d_j make

  D = 1/(2n) Σ_j k_j (d_j + χ_β − χ_α) ⊗ (d_j + χ_β − χ_α),  Σ_{j from α} k_j (d_j + χ_β − χ_α) = 0

exactly; n is the number of sites in the cell, and χ_α, the way that jumps back and forth save, follows from the second
equation (compare Trinkle, Philos. Mag. 96, 2714 (2016)), which makes D least. It is the defect's own diffusivity: a
tracer's is smaller by the concentration of defects and the correlation factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forgefield.atoms.records import Array
from forgefield.properties.hops import Jumps
from forgefield.properties.quantities import Quantity

_SQUARE_METRES = 1e-20
"""In a square ångström."""


@dataclass(frozen=True, slots=True)
class DefectDiffusivity:
    """Diffusion tensor of one kind of defect.

    Attributes:
        defect: such as ``Cu vacancy``.
        temperatures: (T,), K.
        tensors: (T, 3, 3), m²/s, along the Cartesian axes of the crystal.
    """

    defect: str
    temperatures: Array
    tensors: Array

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """A third of the trace at each temperature."""
        means = np.trace(self.tensors, axis1=1, axis2=2) / 3
        return tuple(
            Quantity(f"{self.defect}, diffusivity at {temperature:g} K", float(mean), "m²/s")
            for temperature, mean in zip(self.temperatures, means, strict=True)
        )


def diffusion_tensor(jumps: Sequence[Jumps], rates: Array) -> Array:
    """(3, 3) in m²/s.

    Args:
        jumps: one record for each kind, on the same sites, which are alike.
        rates: (kinds,) of a single jump, 1/s.
    """
    n_sites = jumps[0].n_sites
    each = np.concatenate([np.full(len(kind.starts), rate) for kind, rate in zip(jumps, rates, strict=True)])
    starts, ends = (np.concatenate([getattr(kind, name) for kind in jumps]) for name in ("starts", "ends"))
    vectors = np.concatenate([kind.vectors for kind in jumps])
    # Solved as least squares of ways, not by its matrix, whose condition is that of the rates, many powers of ten.
    roots = np.sqrt(each / each.max())[:, None]
    between = np.zeros((len(starts), n_sites))
    rows = np.arange(len(starts))
    between[rows, ends] += 1.0
    between[rows, starts] -= 1.0
    saved = np.linalg.lstsq(roots * between, -roots * vectors, rcond=None)[0]
    ways = vectors + between @ saved
    return np.asarray(np.einsum("j,ja,jb->ab", each, ways, ways) / (2 * n_sites) * _SQUARE_METRES)
