"""A model linear in the power spectrum frozen for simulation: arrays as its kernel wants them, and their runner."""

from __future__ import annotations

from functools import partial
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array
from forgefield.descriptors.fused_harmonics import MAX_FUSED_DEGREE
from forgefield.descriptors.fused_runner import FusedRunner
from forgefield.descriptors.fused_tiles import aligned_zeros, padded
from forgefield.potentials.bayesian.kernel import LinearArrays, run, work_size

_Y00 = 1 / sqrt(4 * pi)


class FrozenLinear:
    """Energies E_i = shift + weights·features of `PowerSpectrum`; not for use from several Python threads at once.

    Args:
        species: S chemical symbols.
        cutoff: Å.
        n_radial: number of radial functions.
        l_max: highest degree, at most 4.
        self_term: whether the 3-body features keep their terms j = k.
        weights: (S, D) for each element of the centre, eV.
        shifts: (S,) energies of atoms without neighbours, eV.

    Raises:
        ForgefieldError: a degree that the kernel does not know.
    """

    def __init__(
        self, species: tuple[str, ...], cutoff: float, n_radial: int, l_max: int, self_term: bool,
        weights: Array, shifts: Array,
    ) -> None:  # fmt: skip
        if l_max > MAX_FUSED_DEGREE:
            raise ForgefieldError(
                f"fused kernels know harmonics up to degree {MAX_FUSED_DEGREE}, not {l_max}",
                "use the descriptor's own kernels, or choose a lower degree",
            )
        self.arrays = _arrays(len(species), cutoff, n_radial, l_max, self_term, weights, shifts)
        self._runner = FusedRunner(
            run, self.arrays, len(self.arrays.cutoffs), partial(work_size, self.arrays)
        )

    def evaluate(
        self, placed: tuple[Array, Array], pairs: PairList, species: NDArray[np.int64]
    ) -> tuple[Array, Array, Array]:
        """(N,) energies, eV, (N, 3) forces, eV/Å, and virial Σ r ⊗ ∂E/∂r (3, 3), eV, of `placed` atoms."""
        energies, forces, virial, _ = self._runner.run(placed, pairs, species)
        return energies, forces, virial

    def virials(self, placed: tuple[Array, Array], pairs: PairList, species: NDArray[np.int64]) -> Array:
        """(N, 3, 3) virials of `placed` atoms, eV."""
        return self._runner.run(placed, pairs, species, atom_virials=True)[3].reshape(-1, 3, 3)


def _arrays(
    n_species: int, cutoff: float, n_radial: int, l_max: int, self_term: bool, weights: Array, shifts: Array
) -> LinearArrays:
    """Y_00 is folded into the weights of what the kernel has as sums of radial functions."""
    channels, wide = n_species * n_radial, padded(n_radial)
    places = (np.arange(n_species)[:, None] * wide + np.arange(n_radial)).ravel()
    linear = aligned_zeros(n_species, n_species * wide)
    linear[:, places] = _Y00 * weights[:, :channels]
    rows, columns = np.triu_indices(channels)
    upper = weights[:, channels:].reshape(n_species, l_max + 1, -1) * np.where(rows == columns, 1, sqrt(0.5))
    quadratic = aligned_zeros(n_species, l_max + 1, n_species * wide, n_species * wide)
    quadratic[..., places[rows], places[columns]] = upper
    quadratic[..., places[columns], places[rows]] = upper
    # The addition theorem: Σ_m Y_lm² = (2l + 1)/4π.
    own = np.tensordot((2 * np.arange(l_max + 1) + 1) * _Y00**2, quadratic, axes=(0, 1))
    blocks = aligned_zeros(n_species, n_species, wide, wide)
    for z in range(n_species):
        block = slice(z * wide, (z + 1) * wide)
        blocks[:, z] = own[:, block, block]
    quadratic[:, 0] *= _Y00**2
    return LinearArrays(
        cutoffs=np.full(n_species, cutoff),
        sizes=np.array([n_radial, l_max, int(not self_term)]),
        linear=linear.ravel(),
        quadratic=quadratic.ravel(),
        own=blocks.ravel(),
        energy_shift=np.array(shifts, dtype=float),
    )
