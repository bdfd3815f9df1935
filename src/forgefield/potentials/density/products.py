"""Compiled evaluation of a `Program`: features, their products with the Jacobian, and the reverse pass of training.

C = Wᵀ A with A (F, L), W (F, K): F = species × radial functions, L harmonics, K channels. All kernels take A of N atoms
and work on the `chosen` n of them; channels are the innermost axis, so every product is one vector instruction or two.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange


@njit(cache=True, fastmath=True)
def _contract(weights, expansion, rows):  # type: ignore[no-untyped-def]
    """Rows 0 … L − 1 are (Wᵀ A)ᵀ."""
    for h in range(expansion.shape[1]):
        row = rows[h]
        row[:] = 0.0
        for f in range(weights.shape[0]):
            value, w = expansion[f, h], weights[f]
            for k in range(len(row)):
                row[k] += value * w[k]


@njit(cache=True, fastmath=True, parallel=True)
def evaluate(weights, expansion, chosen, instructions, factors, n_rows):  # type: ignore[no-untyped-def]
    """(n, rows, K): all rows of the chosen atoms of A (N, F, L)."""
    channels = weights.shape[1]
    result = np.zeros((len(chosen), n_rows, channels))
    for i in prange(len(chosen)):
        x = result[i]
        _contract(weights, expansion[chosen[i]], x)
        for t in range(len(factors)):
            p, q, o = x[instructions[t, 0]], x[instructions[t, 1]], x[instructions[t, 2]]
            g = factors[t]
            for k in range(channels):
                o[k] += g * p[k] * q[k]
    return result


@njit(cache=True, fastmath=True, parallel=True)
def pull(rows, by_feature, by_density, weights, chosen, instructions, factors, first_feature, result):  # type: ignore[no-untyped-def]
    """Write ∂E/∂A of the chosen atoms into result (N, F, L).

    Args:
        rows: (n, rows, K) of `evaluate`.
        by_feature: (n, features, K) ∂E/∂features.
        by_density: (n, F) what else E depends on A[·, 00].
    """
    n_rows, channels, n_harmonics = rows.shape[1], rows.shape[2], result.shape[2]
    for i in prange(len(chosen)):
        x = rows[i]
        slopes = np.zeros((n_rows, channels))
        slopes[first_feature:] = by_feature[i]
        for t in range(len(factors) - 1, -1, -1):
            a, b = instructions[t, 0], instructions[t, 1]
            p, q, on_p, on_q, on_o = x[a], x[b], slopes[a], slopes[b], slopes[instructions[t, 2]]
            g = factors[t]
            for k in range(channels):
                slope = g * on_o[k]
                first, second = slope * q[k], slope * p[k]
                on_p[k] += first
                on_q[k] += second
        out = result[chosen[i]]
        for f in range(len(out)):
            w = weights[f]
            for h in range(n_harmonics):
                total = 0.0
                for k in range(channels):
                    total += w[k] * slopes[h, k]
                out[f, h] = total
            out[f, 0] += by_density[i, f]


@njit(cache=True, fastmath=True, parallel=True)
def push(rows, weights, tangent, chosen, instructions, factors):  # type: ignore[no-untyped-def]
    """(n, rows, K): derivative of all rows when A moves along tangent (N, F, L)."""
    result = np.zeros(rows.shape)
    channels = rows.shape[2]
    for i in prange(len(chosen)):
        x, moved = rows[i], result[i]
        _contract(weights, tangent[chosen[i]], moved)
        for t in range(len(factors)):
            a, b, o = instructions[t, 0], instructions[t, 1], instructions[t, 2]
            p, q, dp, dq, do = x[a], x[b], moved[a], moved[b], moved[o]
            g = factors[t]
            for k in range(channels):
                do[k] += g * (dp[k] * q[k] + p[k] * dq[k])
    return result


@njit(cache=True, fastmath=True, parallel=True)
def contraction_gradient(  # type: ignore[no-untyped-def]
    rows, moved, expansion, tangent, chosen, by_value, by_motion, instructions, factors, first_feature,
    n_chunks,
):  # fmt: skip
    """(F, K): derivative of Σ by_value·features + by_motion·(their push) with respect to W.

    Args:
        rows, moved: (n, rows, K) of `evaluate` and of `push` along `tangent`.
        expansion, tangent: (N, F, L).
        by_value, by_motion: (n, features, K).
        n_chunks: partial sums, which threads share out.
    """
    n_rows, channels = rows.shape[1], rows.shape[2]
    n_inputs, n_harmonics = expansion.shape[1], expansion.shape[2]
    partial = np.zeros((n_chunks, n_inputs, channels))
    n = len(chosen)
    for chunk in prange(n_chunks):
        total = partial[chunk]
        for i in range(chunk * n // n_chunks, (chunk + 1) * n // n_chunks):
            x, d = rows[i], moved[i]
            u, v = np.zeros((n_rows, channels)), np.zeros((n_rows, channels))
            u[first_feature:] = by_value[i]
            v[first_feature:] = by_motion[i]
            for t in range(len(factors) - 1, -1, -1):
                a, b, o = instructions[t, 0], instructions[t, 1], instructions[t, 2]
                p, q, dp, dq = x[a], x[b], d[a], d[b]
                up, uq, vp, vq, uo, vo = u[a], u[b], v[a], v[b], u[o], v[o]
                g = factors[t]
                for k in range(channels):
                    on_value, on_motion = g * uo[k], g * vo[k]
                    u_first, u_second = (
                        on_value * q[k] + on_motion * dq[k],
                        on_value * p[k] + on_motion * dp[k],
                    )
                    v_first, v_second = on_motion * q[k], on_motion * p[k]
                    up[k] += u_first
                    uq[k] += u_second
                    vp[k] += v_first
                    vq[k] += v_second
            e, m = expansion[chosen[i]], tangent[chosen[i]]
            for f in range(n_inputs):
                w = total[f]
                for h in range(n_harmonics):
                    value, motion = e[f, h], m[f, h]
                    for k in range(channels):
                        w[k] += value * u[h, k] + motion * v[h, k]
    return partial.sum(axis=0)
