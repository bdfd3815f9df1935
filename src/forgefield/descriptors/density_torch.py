"""The density expansion in PyTorch: differentiable in the pair vectors, on any device and in any floating-point type.

Autograd turns it into what `DensityExpansion.pull` and `push` give. It keeps an array of (pairs, radial functions,
harmonics), so it suits GPUs and proofs; the kernels are for everything else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from forgefield.descriptors.density import DensityExpansion
from forgefield.descriptors.harmonics import prefactors


def density_values(
    expansion: DensityExpansion, vectors: Tensor, centres: Tensor, neighbours: Tensor, species: Tensor
) -> Tensor:
    """A_i[z, n, lm] of N atoms, shape (N, species, radial, harmonics), as `DensityExpansion.values`.

    Args:
        expansion: basis.
        vectors: (P, 3) pair vectors, Å; pairs beyond the cutoff count nothing.
        centres: (P,) index i of each pair.
        neighbours: (P,) index j of each pair.
        species: (N,) index of each atom's element.
    """
    n_species, n_radial, n_harmonics = expansion.shape
    distances = torch.linalg.vector_norm(vectors, dim=1)
    radial = _radial(distances / expansion.cutoff, n_radial)
    angular = real_harmonics(vectors / distances[:, None], expansion.l_max)
    terms = radial[:, :, None] * angular[:, None, :]
    values = vectors.new_zeros(len(species) * n_species, n_radial, n_harmonics)
    values = values.index_add(0, centres * n_species + species[neighbours], terms)
    return values.view(len(species), n_species, n_radial, n_harmonics)


def real_harmonics(directions: Tensor, l_max: int) -> Tensor:
    """(P, (l_max + 1)²) real spherical harmonics of unit vectors (P, 3), by the recursions of `harmonics`."""
    x, y, z = directions.unbind(dim=1)
    factors = prefactors(l_max)
    one = torch.ones_like(z)
    legendre = {(0, 0): one}
    for m in range(1, l_max + 1):
        legendre[m, m] = (2 * m - 1) * legendre[m - 1, m - 1]
    for degree in range(1, l_max + 1):
        for m in range(degree):
            lower = legendre.get((degree - 2, m), torch.zeros_like(z))
            value = (2 * degree - 1) * z * legendre[degree - 1, m] - (degree + m - 1) * lower
            legendre[degree, m] = value / (degree - m)
    cosines, sines = [one], [torch.zeros_like(z)]
    for m in range(l_max):
        cosines, sines = (
            [*cosines, x * cosines[m] - y * sines[m]],
            [*sines, x * sines[m] + y * cosines[m]],
        )
    columns = []
    for degree in range(l_max + 1):
        scaled = [float(factors[degree, m]) * legendre[degree, m] for m in range(degree + 1)]
        columns += [scaled[m] * sines[m] for m in range(degree, 0, -1)]
        columns += [scaled[m] * cosines[m] for m in range(degree + 1)]
    return torch.stack(columns, dim=1)


def _radial(u: Tensor, n_radial: int) -> Tensor:
    """(P, n_radial) Chebyshev polynomials T_n(2(u − 1)² − 1) times (1 − u²)³ at u = r/r_c; zero beyond."""
    x = 2 * (u - 1) ** 2 - 1
    polynomials = [torch.ones_like(x), x]
    for _ in range(n_radial - 2):
        polynomials.append(2 * x * polynomials[-1] - polynomials[-2])
    smooth = torch.clamp(1 - u * u, min=0.0) ** 3
    return torch.stack(polynomials[:n_radial], dim=1) * smooth[:, None]
