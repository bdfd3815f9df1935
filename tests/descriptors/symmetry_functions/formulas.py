"""The symmetry functions as plain loops in NumPy, from their definitions: what the kernels are compared with."""

import itertools
import math

import numpy as np
from ase.data import atomic_numbers

RADIAL, WITH_NEIGHBOURS_DISTANCE = (2, 12, 20, 23), (3, 13, 21, 24)


def cutoff(kind: int, inner: float, r: float, r_c: float) -> float:
    if r >= r_c:
        return 0.0
    x = max(0.0, (r - inner * r_c) / (r_c - inner * r_c))
    polynomials = {
        5: (2 * x - 3) * x**2 + 1,
        6: ((15 - 6 * x) * x - 10) * x**3 + 1,
        7: (x * (x * (20 * x - 70) + 84) - 35) * x**4 + 1,
        8: (x * (x * ((315 - 70 * x) * x - 540) + 420) - 126) * x**5 + 1,
    }
    if kind in polynomials:
        return polynomials[kind]
    return {
        0: 1.0,
        1: (math.cos(math.pi * x) + 1) / 2,
        2: math.tanh(1 - r / r_c) ** 3,
        3: (math.tanh(1 - r / r_c) / math.tanh(1)) ** 3,
        4: math.exp(1 - 1 / (1 - x * x)),
    }[kind]


def bump(subtype: str, at: float, left: float, right: float) -> float:
    x = abs(at - (left + right) / 2) / ((right - left) / 2)
    if x >= 1:
        return 0.0
    if subtype.endswith("a"):
        x = x * (2 - x)
    return cutoff(4 if subtype == "e" else int(subtype[1]) + 4, 0.0, x, 1.0)


def value(f, shape, vectors: np.ndarray, symbols: list[str]) -> float:
    """One function of one atom, from its neighbours' vectors in the function's unit and their elements."""

    def radial(r: float) -> float:
        if f.kind >= 20:
            return bump(f.subtype, r, f.inner_radius, f.cutoff)
        return math.exp(-f.eta * (r - f.shift) ** 2) * cutoff(shape.kind, shape.inner, r, f.cutoff)

    def weight(*elements: str) -> float:
        if f.kind in (12, 13, 23, 24, 25):
            return math.prod(atomic_numbers[e] for e in elements)
        return float(sorted(elements) == sorted(f.neighbours))

    total = 0.0
    if f.kind in RADIAL:
        return sum(weight(e) * radial(np.linalg.norm(v)) for v, e in zip(vectors, symbols, strict=True))
    for j, k in itertools.combinations(range(len(vectors)), 2):
        factor = weight(symbols[j], symbols[k])
        if factor == 0:
            continue
        r_j, r_k = np.linalg.norm(vectors[j]), np.linalg.norm(vectors[k])
        term = factor * radial(r_j) * radial(r_k)
        if f.kind in WITH_NEIGHBOURS_DISTANCE:
            term *= radial(np.linalg.norm(vectors[k] - vectors[j]))
        cosine = min(1.0, max(-1.0, vectors[j] @ vectors[k] / (r_j * r_k)))
        if f.kind >= 20:
            left, right = math.radians(f.left_angle), math.radians(f.right_angle)
            term *= bump(f.subtype.removesuffix("a"), math.acos(cosine), left, right)
        else:
            term *= 2 ** (1 - f.zeta) * max(0.0, 1 + f.lambda_ * cosine) ** f.zeta
        total += term
    return total


def values(functions, pairs, symbols: list[str]) -> np.ndarray:
    """(N, width) values of a `SymmetryFunctions` from a list of pairs."""
    table = np.zeros((len(symbols), functions.width))
    for i, centre in enumerate(symbols):
        mine = pairs.centres == i
        vectors = pairs.vectors[mine] / functions.length
        elements = [symbols[j] for j in pairs.neighbours[mine]]
        for place, f in enumerate(functions.functions_of[centre]):
            table[i, place] = value(f, functions.cutoff_function, vectors, elements)
    return table
