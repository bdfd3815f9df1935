"""The design matrix of a model linear in the power spectrum: rows of forces and of the virial, feature by feature.

Let g_ij be the derivative of the features of atom i with respect to r_ij (`power_spectrum_kernel.pair_jacobian`). The
row of atom i is Σ_j (g_ij − g_ji). Since Y_lm(−u) = (−1)^l Y_lm(u), both parts have one form: with H and G made of
A_i + (−1)^l A_j instead of A_i, feature (l, a, b) gets Σ_j (R'_b u H_a + R_b G_a) and the same with a and b exchanged.
That is a product of two matrices with a term for each neighbour, so nothing is scattered, and no pair's derivatives
are stored. The virial is ½ Σ r_ij ⊗ (g_ij − g_ji), of the same form. Where i and j are different elements, g_ij and
g_ji belong to different blocks of weights and are taken one after the other.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from forgefield.descriptors.fused_harmonics import MAX_FUSED_DEGREE, harmonic_push, harmonic_rows
from forgefield.descriptors.fused_lanes import VECTOR, WIDTH, Lanes, data_of, spread, vector_at
from forgefield.descriptors.fused_pairs import gather_pairs, places_of_pairs
from forgefield.descriptors.fused_radial import chebyshev_rows
from forgefield.descriptors.fused_tiles import padded, product, product_added, transposed
from forgefield.descriptors.harmonics import harmonics_gradient

_Y00 = 0.5 / np.sqrt(np.pi)
_ROOT = np.sqrt(2.0)
_ROWS = 12
"""Rows of each pair for `gather_pairs` and `chebyshev_rows` (0–7) and for motions of its unit vector (9–11)."""
_GEOMETRY = 16
"""Numbers of each pair: u (0–2), ½ r u ⊗ u in Voigt's order (3–8), ½ r u (9–11)."""


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def _operand(  # type: ignore[no-untyped-def]
    typing_context, y, y_at, n_orders, a, mine_at, theirs_at, width, mine, theirs, geometry, geometry_at,
    own, own_at, share, out, out_at,
):  # fmt: skip
    """One pair's factors of R'_b and of R_b for one degree: nine rows u H and r u H, then nine rows G and r G.

    Args:
        y, y_at: Y and ∇Y of the degree's first order, 4 numbers for each.
        n_orders: 2l + 1.
        a, mine_at, theirs_at, width: coefficients (…, width) of the centre and of the neighbour.
        mine, theirs: their factors.
        geometry, geometry_at: as `_GEOMETRY` says.
        own, own_at, share: radial functions (width,), and how much of them is taken from H.
        out, out_at: (18, width).
    """
    place, number = types.intp, types.float64
    signature = types.void(
        y, place, place, a, place, place, place, number, number, geometry, place, own, place, number, out, place
    )  # fmt: skip

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        _, y_at, n_orders, _, mine_at, theirs_at, width, mine, theirs = arguments[:9]
        geometry_at, own_at, share, out_at = (arguments[which] for which in (10, 12, 13, 15))
        y, a, geometry, own, out = (
            data_of(context, builder, signature, arguments, which) for which in (0, 3, 9, 11, 14)
        )

        def vector(data, *terms):  # type: ignore[no-untyped-def]
            at = terms[0]
            for term in terms[1:]:
                at = builder.add(at, term)
            return vector_at(builder, data, at)

        def lanes(data, *terms):  # type: ignore[no-untyped-def]
            return Lanes(builder, builder.load(vector(data, *terms), align=8))

        def same(scalar):  # type: ignore[no-untyped-def]
            return Lanes(builder, spread(builder, scalar))

        def number_at(data, at, shift):  # type: ignore[no-untyped-def]
            return same(builder.load(builder.gep(data, [builder.add(at, at.type(shift))])))

        u, tensor, half = (
            [number_at(geometry, geometry_at, k) for k in range(begin, end)]
            for begin, end in ((0, 3), (3, 9), (9, 12))
        )
        with cgutils.for_range_slice(builder, width.type(0), width, width.type(WIDTH), width.type) as (
            shift,
            _,
        ):
            sums = [cgutils.alloca_once_value(builder, VECTOR([0.0] * WIDTH)) for _ in range(4)]
            with cgutils.for_range(builder, n_orders) as loop:
                row = builder.add(builder.mul(loop.index, width), shift)
                both = lanes(a, mine_at, row) * same(mine) + lanes(a, theirs_at, row) * same(theirs)
                order = builder.add(y_at, builder.shl(loop.index, ir.Constant(loop.index.type, 2)))
                for k, total in enumerate(sums):
                    added = Lanes(builder, builder.load(total)) + number_at(y, order, k) * both
                    builder.store(added.value, total)
            h, *g = (Lanes(builder, builder.load(total)) for total in sums)
            h = h - lanes(own, own_at, shift) * same(share)
            crossed = [
                half[b] * g[c] if b == c else 0.5 * (half[b] * g[c] + half[c] * g[b])
                for b, c in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
            ]
            for k, result in enumerate([*(each * h for each in (*u, *tensor)), *g, *crossed]):
                target = vector(out, out_at, builder.mul(width, width.type(k)), shift)
                builder.store(result.value, target, align=8)
        return context.get_dummy_value()

    return signature, generate


@njit(cache=True, fastmath=True)
def _harmonics(w, n, stride, l_max, factors, by_row, height, by_pair):  # type: ignore[no-untyped-def]
    """by_pair[j, 4 lm + (0 … 3)] = Y_lm, ∂Y_lm/∂x, ∂Y_lm/∂y, ∂Y_lm/∂z of n gathered pairs, a multiple of 8."""
    n_harmonics = (l_max + 1) ** 2
    if l_max > MAX_FUSED_DEGREE:
        q = np.zeros((l_max + 1, l_max + 1))
        c, s = np.empty(l_max + 1), np.empty(l_max + 1)
        y, dy = np.empty(n_harmonics), np.empty((3, n_harmonics))
        for j in range(n):
            x = w[j], w[stride + j], w[2 * stride + j]
            harmonics_gradient(x[0], x[1], x[2], 1.0 / w[3 * stride + j], l_max, factors, q, c, s, y, dy)
            for k in range(n_harmonics):
                at = j * height + 4 * k
                by_pair[at], by_pair[at + 1], by_pair[at + 2], by_pair[at + 3] = (
                    y[k],
                    dy[0, k],
                    dy[1, k],
                    dy[2, k],
                )
        return
    by_row[:n] = _Y00
    harmonic_rows(w, 0, stride, n, l_max, by_row, 4 * stride, 4 * stride)
    for axis in range(3):
        for other in range(3):
            motion = w[(9 + other) * stride : (9 + other) * stride + n]
            for j in range(n):
                along = w[axis * stride + j] * w[other * stride + j]
                motion[j] = ((1.0 if axis == other else 0.0) - along) / w[3 * stride + j]
        harmonic_push(w, 0, 9 * stride, stride, n, l_max, by_row, (5 + axis) * stride, 4 * stride)
    transposed(by_row, 0, stride, height, n, by_pair, height)


@njit(cache=True, fastmath=True)
def _added(block, n_components, n_radial, functions, n_species, channel, degree, places, out):  # type: ignore[no-untyped-def]
    """Add a product's elements (n, component, a) to features (degree, a, b = (channel, n)) of out (components, D)."""
    width, n_channels = n_species * functions, n_species * n_radial
    at = n_channels + degree * (n_channels * (n_channels + 1) // 2)
    for n in range(n_radial):
        b = channel * n_radial + n
        for component in range(n_components):
            row = out[component]
            for z in range(n_species):
                start = (n * n_components + component) * width + z * functions
                for m in range(n_radial):
                    row[at + places[b, z * n_radial + m]] += _ROOT * block[start + m]
            diagonal = block[(n * n_components + component) * width + channel * functions + n]
            row[at + places[b, b]] += (2.0 - _ROOT) * diagonal


@njit(cache=True)
def _sizes(offsets, n_species, n_radial, l_max):  # type: ignore[no-untyped-def]
    """Places for an atom's pairs; padded numbers of radial functions and rows of harmonics."""
    return places_of_pairs(offsets), padded(n_radial), padded(4 * (l_max + 1) ** 2)


@njit(cache=True, fastmath=True, parallel=True)
def design_rows(  # type: ignore[no-untyped-def]
    vectors, neighbours, offsets, species, factors, a, cutoff, n_elements, l_max, own, n_threads
):
    """Rows of forces (3N, C) and of the virial (6, C), C = n_elements·D.

    Args:
        vectors, neighbours, offsets: of pairs that are listed from both sides.
        species: (N,) index of each atom's element.
        factors: `harmonics.prefactors(l_max)`.
        a: (N, S, R, L) coefficients.
        cutoff: Å.
        n_elements: blocks of D columns, one for each element of a centre.
        l_max: highest degree.
        own: 1 where the j = k terms are taken away, 0 where they stay.
        n_threads: parts into which the atoms are divided.
    """
    n_atoms, n_species, n_radial, n_harmonics = a.shape
    n_channels = n_species * n_radial
    n_features = n_channels + (l_max + 1) * (n_channels * (n_channels + 1) // 2)
    stride, functions, height = _sizes(offsets, n_species, n_radial, l_max)
    width = n_species * functions
    coefficients = np.zeros((n_atoms, n_harmonics, width))
    for i in prange(n_atoms):
        for z in range(n_species):
            for n in range(n_radial):
                for k in range(n_harmonics):
                    coefficients[i, k, z * functions + n] = a[i, z, n, k]
    places = np.empty((n_channels, n_channels), dtype=np.int64)
    for b in range(n_channels):
        for c in range(b, n_channels):
            places[b, c] = places[c, b] = b * n_channels - b * (b - 1) // 2 + c - b
    forces = np.zeros((3 * n_atoms, n_elements * n_features))
    virials = np.zeros((n_threads, n_elements, n_species, l_max + 2, functions * 6 * width))
    for t in prange(n_threads):
        _rows_of(t * n_atoms // n_threads, (t + 1) * n_atoms // n_threads, vectors, neighbours, offsets, species,
                 factors, coefficients.ravel(), cutoff, n_species, n_radial, l_max, own, stride, functions, height,
                 places, forces, virials[t])  # fmt: skip
    virial = np.zeros((6, n_elements * n_features))
    for t in range(n_threads):
        for element in range(n_elements):
            out = virial[:, element * n_features : (element + 1) * n_features]
            for z in range(n_species):
                parts = virials[t, element, z]
                for degree in range(l_max + 1):
                    _added(parts[degree], 6, n_radial, functions, n_species, z, degree, places, out)
                for n in range(n_radial):
                    for component in range(6):
                        out[component, z * n_radial + n] += parts[l_max + 1][n * _GEOMETRY + 3 + component]
    return forces, virial


@njit(cache=True, fastmath=True)
def _rows_of(  # type: ignore[no-untyped-def]
    start, stop, vectors, neighbours, offsets, species, factors, coefficients, cutoff, n_species, n_radial,
    l_max, own, stride, functions, height, places, forces, virials,
):  # fmt: skip
    """Atoms start … stop − 1."""
    width, n_harmonics = n_species * functions, (l_max + 1) ** 2
    n_channels = n_species * n_radial
    n_features = n_channels + (l_max + 1) * (n_channels * (n_channels + 1) // 2)
    w, which = np.zeros(_ROWS * stride), np.zeros(stride, dtype=np.int64)
    f, df = np.zeros(functions * stride), np.zeros(functions * stride)
    turned = np.zeros(2 * functions * stride)
    by_row, by_pair = np.zeros(height * stride), np.zeros(height * stride)
    geometry, radial = np.zeros(_GEOMETRY * stride), np.zeros(width * stride)
    operand, block = np.zeros(18 * width * stride), np.zeros(functions * 3 * width + functions * _GEOMETRY)
    size = n_harmonics * width
    for i in range(start, stop):
        centre = species[i]
        for z in range(n_species):
            found = gather_pairs(
                vectors, neighbours, species, offsets[i], offsets[i + 1], z, cutoff, w, stride, which
            )
            n = padded(found)
            if n == 0:
                continue
            chebyshev_rows(w[3 * stride :], n, cutoff, n_radial, w[4 * stride :], stride, f, 0, df, 0, stride)
            transposed(df, 0, stride, functions, n, turned, 2 * functions)
            transposed(f, 0, stride, functions, n, turned[functions:], 2 * functions)
            _harmonics(w, n, stride, l_max, factors, by_row, height, by_pair)
            for j in range(found):
                x, y, u, r = w[j], w[stride + j], w[2 * stride + j], 0.5 * w[3 * stride + j]
                at = j * _GEOMETRY
                geometry[at], geometry[at + 1], geometry[at + 2] = x, y, u
                geometry[at + 3], geometry[at + 4], geometry[at + 5] = r * x * x, r * y * y, r * u * u
                geometry[at + 6], geometry[at + 7], geometry[at + 8] = r * y * u, r * x * u, r * x * y
                geometry[at + 9], geometry[at + 10], geometry[at + 11] = r * x, r * y, r * u
            # The centre's features, then the neighbours'; where both belong to one element, at once.
            for part in range(1 if z == centre else 2):
                mine = 1.0 if part == 0 else 0.0
                theirs = 1.0 if z == centre or part == 1 else 0.0
                element, channel = (centre, z) if part == 0 else (z, centre)
                columns = forces[3 * i : 3 * i + 3, element * n_features : (element + 1) * n_features]
                radial[: found * width] = 0.0
                for j in range(found):
                    at = j * width + channel * functions
                    for k in range(n_radial):
                        radial[at + k] = turned[(2 * j + 1) * functions + k]
                product(turned, 0, 2 * functions, geometry, 0, _GEOMETRY, found, block, 0, _GEOMETRY,
                        functions, _GEOMETRY)  # fmt: skip
                linear, sums = _Y00 * (mine + theirs), virials[element, channel, l_max + 1]
                for k in range(n_radial):
                    for component in range(3):
                        columns[component, channel * n_radial + k] += (
                            linear * block[k * _GEOMETRY + component]
                        )
                    for component in range(3, 9):
                        sums[k * _GEOMETRY + component] += linear * block[k * _GEOMETRY + component]
                for degree in range(l_max + 1):
                    first = degree * degree
                    share = own * (mine + theirs) * (2 * degree + 1) / (4 * np.pi)
                    sign = theirs if degree % 2 == 0 else -theirs
                    for j in range(found):
                        other = neighbours[which[j]]
                        _operand(by_pair, j * height + 4 * first, 2 * degree + 1, coefficients,
                                 i * size + first * width, other * size + first * width, width, mine, sign,
                                 geometry, j * _GEOMETRY, radial, j * width, share, operand,
                                 j * 18 * width)  # fmt: skip
                    product(turned, 0, functions, operand, 0, 9 * width, 2 * found, block, 0, 3 * width,
                            functions, 3 * width)  # fmt: skip
                    product_added(turned, 0, functions, operand, 3 * width, 9 * width, 2 * found,
                                  virials[element, channel, degree], 0, 6 * width, functions, 6 * width)  # fmt: skip
                    _added(block, 3, n_radial, functions, n_species, channel, degree, places, columns)
