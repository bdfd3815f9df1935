"""Compiled networks against NumPy and finite differences."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction
from forgefield.potentials.hdnnp.definition import ACTIVATIONS, EV_ANGSTROM, Hdnnp, Network, Scaling
from forgefield.potentials.hdnnp.network import energy_and_gradient, pack, scratch_shape

FORMULAS = {
    "l": lambda z: z,
    "t": np.tanh,
    "s": lambda z: 1 / (1 + np.exp(-z)),
    "p": lambda z: np.log(1 + np.exp(z)),
    "r": lambda z: np.maximum(z, 0),
    "g": lambda z: np.exp(-(z**2) / 2),
    "c": np.cos,
    "S": lambda z: 1 - 1 / (1 + np.exp(-z)),
    "e": lambda z: np.exp(-z),
    "h": lambda z: z**2,
}


def some_hdnnp(letters: str, normalised: bool = False, kind: str = "sigma", hidden=(13, 8)) -> Hdnnp:
    """Two elements with random networks on nine and five functions."""
    rng = np.random.default_rng(len(letters) + normalised)
    functions, statistics, networks = [], [], []
    for centre, count in (("H", 9), ("O", 5)):
        functions += [
            SymmetryFunction(2, centre, ("H",), 6.0, eta=0.1 * k, shift=1.0) for k in range(1, count + 1)
        ]
        lowest = rng.normal(size=count)
        rows = [lowest, lowest + rng.uniform(1, 2, count), lowest + 0.5, rng.uniform(0.5, 1.5, count)]
        statistics.append(np.stack(rows, axis=1))
        widths = [count, *hidden, 1]
        pairs = list(pairwise(widths))
        networks.append(
            Network(
                tuple(0.3 * rng.normal(size=pair) for pair in pairs),
                tuple(0.3 * rng.normal(size=pair[1]) for pair in pairs),
                letters,
                normalised,
            )
        )
    return Hdnnp(
        ("H", "O"), tuple(functions), CutoffFunction(1), Scaling(kind, -1.0, 2.0), tuple(statistics),
        (tuple(networks),), EV_ANGSTROM, 0.3, 2.0, 1.0, (-1.0, -2.0),
    )  # fmt: skip


def plain(hdnnp: Hdnnp, element: int, inputs: np.ndarray) -> float:
    """The network's output by its formula."""
    network = hdnnp.networks[0][element]
    slope, offset = hdnnp.scaling.line(hdnnp.statistics[element])
    values = slope * inputs[: len(slope)] + offset
    for weight, bias, letter in zip(network.weights, network.biases, network.activations, strict=True):
        values = FORMULAS[letter]((values @ weight + bias) / (len(weight) if network.normalised else 1))
    return float(values[0])


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("letters", [*(f"t{letter}l" for letter in ACTIVATIONS), "ptl", "slt"])
def test_output_and_gradient_follow_the_formulas(letters: str, normalised: bool) -> None:
    hdnnp = some_hdnnp(letters, normalised)
    networks = pack(hdnnp, 9)
    inputs = np.random.default_rng(3).normal(size=9)
    for element, size in ((0, 9), (1, 5)):
        gradient = np.zeros(9)
        # What an earlier atom left in the scratch must not matter.
        scratch = np.full(scratch_shape(networks, 9), 1e3)
        output = energy_and_gradient(0, element, networks, inputs, 2.0, scratch, gradient)
        assert output == pytest.approx(plain(hdnnp, element, inputs), rel=1e-14, abs=1e-14)
        for j in range(size):
            slopes = []
            for step in (1e-4, 2e-4):
                shift = step * np.eye(9)[j]
                high, low = plain(hdnnp, element, inputs + shift), plain(hdnnp, element, inputs - shift)
                slopes.append((high - low) / (2 * step))
            assert gradient[j] == pytest.approx(2 * (4 * slopes[0] - slopes[1]) / 3, rel=1e-8, abs=1e-9)
        assert (gradient[size:] == 0).all()


@pytest.mark.parametrize("letter", ["s", "p", "S"])
def test_activations_far_from_zero_take_their_limits(letter: str) -> None:
    hdnnp = some_hdnnp(letter + "l", hidden=(1,), kind="none")
    for sum_, limit in ((200.0, {"s": 1.0, "p": 200.0, "S": 0.0}), (-200.0, {"s": 0.0, "p": 0.0, "S": 1.0})):
        network = Network((np.ones((5, 1)), np.ones((1, 1))), (np.array([sum_]), np.zeros(1)), letter + "l")
        networks = pack(replace(hdnnp, networks=((hdnnp.networks[0][0], network),)), 9)
        scratch = np.zeros(scratch_shape(networks, 9))
        output = energy_and_gradient(0, 1, networks, np.zeros(9), 1.0, scratch, np.zeros(9))
        assert output == pytest.approx(limit[letter], abs=1e-15)


def test_scalings_map_the_data_as_n2p2_says() -> None:
    statistics = np.array([[1.0, 5.0, 2.0, 0.5]])
    expected = {
        "none": lambda g: g,
        "centre": lambda g: g - 2,
        "range": lambda g: -1 + 3 * (g - 1) / 4,
        "centred-range": lambda g: -1 + 3 * (g - 2) / 4,
        "sigma": lambda g: -1 + 3 * (g - 2) / 0.5,
    }
    for kind, formula in expected.items():
        slope, offset = Scaling(kind, -1.0, 2.0).line(statistics)
        for value in (0.7, 3.1):
            assert slope[0] * value + offset[0] == pytest.approx(formula(value), rel=1e-14)


def test_a_function_without_spread_is_refused() -> None:
    with pytest.raises(ForgefieldError, match="symmetry function 2 has no spread"):
        Scaling("range").line(np.array([[0.0, 1.0, 0.5, 0.1], [1.0, 1.0, 1.0, 0.0]]))


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ForgefieldError, match="activation function 'x' is unknown"):
        Network((np.ones((1, 1)),), (np.ones(1),), "x")
