"""n2p2's `scaling.data` and `weights.*.data`: tables of numbers, read and written with all digits.

n2p2, Mode::setupSymmetryFunctionScaling and NeuralNetwork::writeConnections.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.potentials.hdnnp.definition import Network
from forgefield.potentials.hdnnp.n2p2_lines import lines_of


def read_scaling(path: Path, widths: Sequence[int]) -> tuple[Array, ...]:
    """For each element (D, 4) minimum, maximum, mean and standard deviation of its D symmetry functions.

    Args:
        path: of `scaling.data`.
        widths: D of each element.

    Raises:
        ForgefieldError: rows missing, out of order or malformed.
    """
    expected = "element index, function index, minimum, maximum, mean, sigma"
    rows: list[list[list[float]]] = [[] for _ in widths]
    for line in lines_of(path):
        # Files of RuNNer end with the range of energies.
        if len(line.words) == 2:
            continue
        element, function = line.whole(0, expected), line.whole(1, expected)
        if not 1 <= element <= len(widths):
            raise line.error(f"an element index from 1 to {len(widths)}")
        mine = rows[element - 1]
        if function != len(mine) + 1 or function > widths[element - 1]:
            raise line.error(f"function {len(mine) + 1} of {widths[element - 1]} of element {element}")
        # The earliest files have no sigma.
        stop = 6 if len(line.words) > 5 else 5
        mine.append([*line.numbers(2, stop, expected), 0.0][:4])
    for element, (mine, width) in enumerate(zip(rows, widths, strict=True), start=1):
        if len(mine) != width:
            raise ForgefieldError(
                f"{path} has {len(mine)} rows for element {element}, but input.nn has {width} symmetry functions",
                "give the scaling.data that belongs to this input.nn",
            )
    return tuple(np.array(mine) for mine in rows)


def write_scaling(path: Path, statistics: Sequence[Array]) -> None:
    """Write a `scaling.data`."""
    lines = ["# Symmetry function scaling data.", "# e_index sf_index sf_min sf_max sf_mean sf_sigma"]
    for element, rows in enumerate(statistics, start=1):
        for number, row in enumerate(rows, start=1):
            lines.append(f"{element:10d} {number:10d} " + " ".join(f"{value:24.16E}" for value in row))
    path.write_text("\n".join(lines) + "\n")


def read_weights(path: Path, widths: Sequence[int], activations: str, normalised: bool) -> Network:
    """A network from `weights.*.data`: of each layer all weights, by input then output, and then its biases.

    Args:
        path: of the file.
        widths: nodes of each layer from inputs to output.
        activations, normalised: as in `Network`.

    Raises:
        ForgefieldError: not as many numbers as the layers need, or malformed ones.
    """
    kinds: list[str] = []
    values: list[float] = []
    for line in lines_of(path):
        values += line.numbers(0, 1, "<connection> <a or b> <index> …")
        kinds.append(line.words[1] if len(line.words) > 1 else "")
    sizes = list(pairwise(widths))
    needed = sum((inputs + 1) * outputs for inputs, outputs in sizes)
    if len(values) != needed:
        layers = "-".join(str(width) for width in widths)
        raise ForgefieldError(
            f"{path} has {len(values)} connections, but a {layers} network has {needed}",
            "give the weights that belong to this input.nn",
        )
    order = "".join("a" * inputs * outputs + "b" * outputs for inputs, outputs in sizes)
    if all(kinds) and "".join(kinds) != order:
        wrong = next(k for k in range(needed) if kinds[k] != order[k])
        raise ForgefieldError(
            f"{path}: connection {wrong + 1} is of type {kinds[wrong]!r}, expected {order[wrong]!r}",
            "give for each layer its weights (a), then its biases (b)",
        )
    weights, biases, at = [], [], 0
    for inputs, outputs in sizes:
        weights.append(np.array(values[at : at + inputs * outputs]).reshape(inputs, outputs))
        at += inputs * outputs
        biases.append(np.array(values[at : at + outputs]))
        at += outputs
    return Network(tuple(weights), tuple(biases), activations, normalised)


def write_weights(path: Path, network: Network) -> None:
    """Write a `weights.*.data`."""
    lines = [
        "# Neural network connection values (weights and biases).",
        "# connection t index l_s n_s l_e n_e",
    ]
    index = 0
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True), start=1):
        for start in range(weight.shape[0]):
            for end in range(weight.shape[1]):
                index += 1
                place = f"{index:9d} {layer - 1:5d} {start + 1:5d} {layer:5d} {end + 1:5d}"
                lines.append(f"{weight[start, end]:24.16E} a {place}")
        for end, value in enumerate(bias, start=1):
            index += 1
            lines.append(f"{value:24.16E} b {index:9d} {layer:5d} {end:5d}")
    path.write_text("\n".join(lines) + "\n")
