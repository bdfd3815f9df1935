"""Symmetry functions in PyTorch: differentiable in the pair vectors, on any device and in any floating-point type.

Written from the definitions, pair by pair and triple by triple, with none of the kernels' regrouping: a proof of them,
and a way onto GPUs.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from ase.data import atomic_numbers
from numpy.typing import NDArray
from torch import Tensor

from forgefield.atoms.records import Neighbours
from forgefield.descriptors.symmetry_functions import definition
from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction
from forgefield.descriptors.symmetry_functions.descriptor import SymmetryFunctions

_WITH_THIRD_SIDE = (
    definition.NARROW,
    definition.WEIGHTED_NARROW,
    definition.COMPACT_NARROW,
    definition.COMPACT_WEIGHTED_NARROW,
)


def symmetry_function_values(
    functions: SymmetryFunctions, vectors: Tensor, pairs: Neighbours, species: NDArray[np.int64]
) -> Tensor:
    """(N, width) values, as `SymmetryFunctions.values`.

    Args:
        functions: the set.
        vectors: (P, 3) pair vectors, Å, in the order of `pairs`.
        pairs: which atoms they join; their own vectors are not looked at.
        species: (N,) index of each atom's element.
    """
    scaled = vectors / functions.length
    distances = torch.linalg.vector_norm(scaled, dim=1)
    first, second = (torch.from_numpy(side).to(vectors.device) for side in _triples(pairs))
    cosines = (scaled[first] * scaled[second]).sum(1) / (distances[first] * distances[second])
    third = torch.linalg.vector_norm(scaled[second] - scaled[first], dim=1)
    columns = vectors.new_zeros(functions.width, len(species))
    centres = torch.from_numpy(pairs.centres).to(vectors.device, torch.int64)
    for element, symbol in enumerate(functions.species):
        for place, function in enumerate(functions.functions_of[symbol]):
            weights = vectors.new_tensor(_weights(function, functions.species))
            of_pair = torch.from_numpy(species[pairs.neighbours]).to(vectors.device)
            mine = torch.from_numpy(species[pairs.centres] == element).to(vectors.device)
            radial = _radial(function, functions.cutoff_function, distances) * mine
            if function.is_angular:
                terms = radial[first] * radial[second] * weights[of_pair[first], of_pair[second]]
                if function.kind in _WITH_THIRD_SIDE:
                    terms = terms * _radial(function, functions.cutoff_function, third)
                terms, at = terms * _angular(function, cosines), centres[first]
            else:
                terms, at = radial * weights[of_pair, 0], centres
            columns = columns.index_add(
                0, centres.new_tensor([place]), _summed(terms, at, len(species))[None]
            )
    return columns.T


def _summed(terms: Tensor, at: Tensor, n_atoms: int) -> Tensor:
    return terms.new_zeros(n_atoms).index_add(0, at, terms)


def _triples(pairs: Neighbours) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of two different pairs with the same centre, each two once."""
    sides = [
        start + np.stack(np.triu_indices(end - start, 1))
        for start, end in zip(pairs.offsets[:-1], pairs.offsets[1:], strict=True)
    ]
    joined = np.concatenate([np.zeros((2, 0), dtype=np.int64), *sides], axis=1)
    return joined[0], joined[1]


def _weights(function: SymmetryFunction, species: tuple[str, ...]) -> NDArray[np.float64]:
    """What neighbours of two elements (or of one: column 0) contribute with, (S, S)."""
    numbers = np.array([float(atomic_numbers[symbol]) for symbol in species])
    if not function.neighbours:
        return (
            np.outer(numbers, numbers)
            if function.is_angular
            else np.repeat(numbers[:, None], len(species), 1)
        )
    weights = np.zeros((len(species), len(species)))
    places = [species.index(symbol) for symbol in function.neighbours]
    if function.is_angular:
        weights[places[0], places[1]] = weights[places[1], places[0]] = 1.0
    else:
        weights[places[0]] = 1.0
    return weights


def _radial(function: SymmetryFunction, cutoff: CutoffFunction, r: Tensor) -> Tensor:
    if function.kind >= definition.COMPACT_RADIAL:
        return _bump(function.subtype, r, function.inner_radius, function.cutoff)
    inner = cutoff.inner * function.cutoff
    x = ((r - inner) / (function.cutoff - inner)).clamp(min=0.0)
    gaussian = torch.exp(-function.eta * (r - function.shift) ** 2)
    return gaussian * _cutoff(cutoff.kind, x, r / function.cutoff)


def _cutoff(kind: int, x: Tensor, u: Tensor) -> Tensor:
    """Cutoff function at x, the distance beyond the inner radius, and u, the distance, as shares of the cutoff."""
    within = x < 1
    x, u = torch.where(within, x, 0.0), torch.where(within, u, 0.0)
    match kind:
        case 0:
            value = torch.ones_like(x)
        case 1:
            value = (torch.cos(math.pi * x) + 1) / 2
        case 2:
            value = torch.tanh(1 - u) ** 3
        case 3:
            value = (torch.tanh(1 - u) / math.tanh(1)) ** 3
        case 4:
            value = torch.exp(1 - 1 / (1 - x * x))
        case 5:
            value = (2 * x - 3) * x**2 + 1
        case 6:
            value = ((15 - 6 * x) * x - 10) * x**3 + 1
        case 7:
            value = (x * (x * (20 * x - 70) + 84) - 35) * x**4 + 1
        case _:
            value = (x * (x * ((315 - 70 * x) * x - 540) + 420) - 126) * x**5 + 1
    return torch.where(within, value, 0.0)


def _bump(subtype: str, at: Tensor, left: float, right: float) -> Tensor:
    x = (at - (left + right) / 2).abs() / ((right - left) / 2)
    if subtype.endswith("a"):
        # Beyond 1 the parabola would come down again.
        x = torch.where(x < 1, x * (2 - x), x)
    return _cutoff(4 if subtype == "e" else int(subtype[1]) + 4, x, x)


def _angular(function: SymmetryFunction, cosines: Tensor) -> Tensor:
    if function.kind < definition.COMPACT_RADIAL:
        base = (1 + function.lambda_ * cosines).clamp(min=0.0)
        return torch.where(
            base > 0, 2.0 ** (1 - function.zeta) * torch.where(base > 0, base, 1.0) ** function.zeta, 0.0
        )
    # Short of ±1, where the slope of the arccosine is infinite.
    edge = 1 - 4 * torch.finfo(cosines.dtype).eps
    angles = torch.acos(cosines.clamp(-edge, edge))
    left, right = math.radians(function.left_angle), math.radians(function.right_angle)
    return _bump(function.subtype.removesuffix("a"), angles, left, right)
