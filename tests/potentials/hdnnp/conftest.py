"""An `input.nn` with every type of symmetry function, and a complete potential of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from forgefield.potentials.hdnnp.definition import ATOMIC_UNITS, Hdnnp, Network
from forgefield.potentials.hdnnp.n2p2_settings import read_settings

INPUT = """
number_of_elements 2        # comment
elements O H                ! other comment
cutoff_type 6 0.25
scale_symmetry_functions
scale_min_short -1.0
scale_max_short 1.0
global_hidden_layers_short 2
global_nodes_short 4 3
global_activation_short t p l
atom_energy O -75.0
epochs 10
kalman_type 0
rmse_threshold_energy 0.1
symfunction_short H 2 H 0.1 0.5 8.0
symfunction_short H 3 O H 0.2 -1.0 4.0 8.0
symfunction_short H 3 H H 0.2 -1.0 4.0 8.0 0.3
symfunction_short H 9 O O 0.2 1.0 2.5 8.0 0.0
symfunction_short H 12 0.1 0.5 8.0
symfunction_short H 13 0.1 0.5 1.0 2.0 8.0
symfunction_short O 20 H 1.0 8.0 p2
symfunction_short O 21 H O -8.0 8.0 30.0 90.0 p2a
symfunction_short O 22 H H 1.0 8.0 -60.0 60.0 e
symfunction_short O 23 0.0 8.0 p1
symfunction_short O 24 0.0 8.0 120.0 240.0 p4a
symfunction_short O 25 0.0 8.0 30.0 90.0 e
symfunction_short O 20 H 1.0 8.0 e
symfunction_short O 2 O 0.1 0.0 8.0
symfunction_short O 2 H 0.1 0.0 8.0
"""


def write_input(folder: Path, *changes: tuple[str, str]) -> Path:
    text = INPUT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "input.nn"
    path.write_text(text)
    return path


def complete(folder: Path) -> Hdnnp:
    """A potential of the settings above with random numbers."""
    settings = read_settings(write_input(folder))
    rng = np.random.default_rng(0)
    widths = [sum(each.centre == symbol for each in settings.functions) for symbol in settings.species]
    statistics = tuple(np.sort(rng.normal(size=(width, 4)), axis=1)[:, [0, 3, 1, 2]] for width in widths)
    networks = tuple(
        Network(
            (rng.normal(size=(width, 4)), rng.normal(size=(4, 3)), rng.normal(size=(3, 1))),
            (rng.normal(size=4), rng.normal(size=3), rng.normal(size=1)),
            "tpl",
        )
        for width in widths
    )
    return Hdnnp(
        settings.species, settings.functions, settings.cutoff_function, settings.scaling, statistics,
        (networks,), ATOMIC_UNITS, -0.123456789012345678, 17.3, 1.9, settings.atom_energies,
    )  # fmt: skip


@pytest.fixture
def make_input() -> Callable[..., Path]:
    """Writes the settings with (old, new) changes into a folder."""
    return write_input


@pytest.fixture
def complete_hdnnp(tmp_path: Path) -> Hdnnp:
    """A potential of the settings with random numbers."""
    return complete(tmp_path)
