"""Small networks in compiled code: energy of one atom and its gradient with respect to the inputs.

Layer rows are padded to whole vector registers with zeros, so that all loops run over full ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.potentials.hdnnp.definition import ACTIVATIONS, Hdnnp

_LANES = 8
_FAR = 35.0  # beyond which n2p2 takes logistic and softplus functions as their limits


class Networks(NamedTuple):
    """All networks of a potential in a form that compiled code reads.

    Attributes:
        numbers: weights (rows of inputs, padded) and biases of all layers, one after the other.
        layers: (members, elements, layers, 5): inputs, outputs, start of weights, start of biases, activation.
        depths: (elements,) number of layers.
        slopes, offsets: (elements, width) scaling of the inputs.
        energies: (elements,) eV added to each atom.
        scale: eV per unit of output.
    """

    numbers: Array
    layers: NDArray[np.int64]
    depths: NDArray[np.int64]
    slopes: Array
    offsets: Array
    energies: Array
    scale: float


def pack(hdnnp: Hdnnp, width: int) -> Networks:
    """The networks of a potential; `width` is that of the widest element's symmetry functions."""
    n_elements = len(hdnnp.species)
    depths = np.array([len(network.weights) for network in hdnnp.networks[0]])
    layers = np.zeros((len(hdnnp.networks), n_elements, depths.max(), 5), dtype=np.int64)
    blocks: list[Array] = []
    at = 0
    for m, member in enumerate(hdnnp.networks):
        for e, network in enumerate(member):
            for k, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
                inputs, outputs = weight.shape
                share = 1.0 / inputs if network.normalised else 1.0
                padding = padded(outputs) - outputs
                rows = np.pad(weight * share, ((0, 0), (0, padding)))
                kind = ACTIVATIONS.index(network.activations[k])
                layers[m, e, k] = inputs, outputs, at, at + rows.size, kind
                blocks += [rows.ravel(), np.pad(bias * share, (0, padding))]
                at += rows.size + padded(outputs)
    slopes, offsets = np.zeros((n_elements, width)), np.zeros((n_elements, width))
    for e, statistics in enumerate(hdnnp.statistics):
        slopes[e, : len(statistics)], offsets[e, : len(statistics)] = hdnnp.scaling.line(statistics)
    return Networks(
        np.concatenate(blocks), layers, depths, slopes, offsets, hdnnp.energy_offsets, hdnnp.energy_scale
    )


def padded(size: int) -> int:
    """Length of a layer's row in memory."""
    return -(-size // _LANES) * _LANES


def scratch_shape(networks: Networks, width: int) -> tuple[int, int, int]:
    """Shape of one thread's scratch: (layers + 1, values and slopes, widest row)."""
    widest = max(width, padded(int(networks.layers[..., 1].max())))
    return int(networks.depths.max()) + 1, 2, widest


@njit(cache=True, fastmath=True)
def _activate(kind, values, slopes, size):  # type: ignore[no-untyped-def]
    """Replace sums by the activation's values and derivatives; `kind` counts the letters of ACTIVATIONS."""
    for k in range(size):
        z = values[k]
        if kind == 0:
            slopes[k] = 1.0
        elif kind == 1:
            t = math.tanh(z)
            values[k] = t
            slopes[k] = 1.0 - t * t
        elif kind == 2 or kind == 7:
            t = 1.0 / (1.0 + math.exp(-z)) if abs(z) < _FAR else (1.0 if z > 0 else 0.0)
            values[k] = t if kind == 2 else 1.0 - t
            slopes[k] = t * (1.0 - t) if kind == 2 else t * (t - 1.0)
        elif kind == 3:
            if abs(z) < _FAR:
                t = math.exp(z)
                values[k] = math.log1p(t)
                slopes[k] = t / (1.0 + t)
            else:
                values[k] = max(z, 0.0)
                slopes[k] = 1.0 if z > 0 else 0.0
        elif kind == 4:
            values[k] = max(z, 0.0)
            slopes[k] = 1.0 if z > 0 else 0.0
        elif kind == 5:
            t = math.exp(-0.5 * z * z)
            values[k] = t
            slopes[k] = -z * t
        elif kind == 6:
            values[k] = math.cos(z)
            slopes[k] = -math.sin(z)
        elif kind == 8:
            t = math.exp(-z)
            values[k] = t
            slopes[k] = -t
        else:
            values[k] = z * z
            slopes[k] = 2.0 * z


@njit(cache=True, fastmath=True)
def energy_and_gradient(member, element, networks, inputs, share, scratch, cotangent):  # type: ignore[no-untyped-def]
    """One member's network output for one atom; share·d(output)/d(inputs) is added to `cotangent`.

    Args:
        inputs: symmetry functions, not yet scaled.
        scratch: (layers + 1, 2, widest), see `scratch_shape`.
    """
    depth = networks.depths[element]
    layers = networks.layers[member, element]
    numbers = networks.numbers
    slope = networks.slopes[element]
    offset = networks.offsets[element]
    for j in range(layers[0, 0]):
        scratch[0, 0, j] = slope[j] * inputs[j] + offset[j]
    for layer in range(depth):
        n_in, n_out, weight, bias, kind = layers[layer]
        row = -(-n_out // 8) * 8
        source = scratch[layer, 0]
        sums = scratch[layer + 1, 0]
        for k in range(row):
            sums[k] = numbers[bias + k]
        for j in range(n_in):
            x = source[j]
            block = numbers[weight + j * row : weight + (j + 1) * row]
            for k in range(row):
                sums[k] += block[k] * x
        _activate(kind, sums, scratch[layer + 1, 1], n_out)
    output = scratch[depth, 0, 0]
    # From here on a layer's slopes become the gradient with respect to its sums.
    for layer in range(depth - 1, -1, -1):
        n_in, n_out, weight, _, _ = layers[layer]
        row = -(-n_out // 8) * 8
        gradient = scratch[layer + 1, 1]
        for k in range(n_out, row):
            gradient[k] = 0.0
        target = scratch[layer, 1]
        for j in range(n_in):
            block = numbers[weight + j * row : weight + (j + 1) * row]
            total = 0.0
            for k in range(row):
                total += block[k] * gradient[k]
            if layer > 0:
                target[j] *= total
            else:
                cotangent[j] += share * slope[j] * total
    return output
