"""Crystal and melt side by side."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.spacegroup import crystal as from_spacegroup

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import shortest_distance
from forgefield.properties import melting
from forgefield.properties.coexistence import FreeCoexistence
from forgefield.properties.melting import Melting, MeltingSpec
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.two_phases import LayerOrder, stacked, upright_block
from forgefield.testing.lennard_jones import LennardJones
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

REDUCED = 1.0 / units.kB
"""K in a unit of temperature of a Lennard-Jones fluid."""


def molten(block: Atoms, seed: int = 0) -> Atoms:
    """Atoms anywhere in the block's cell."""
    atoms = block.copy()
    atoms.set_scaled_positions(np.random.default_rng(seed).random((len(atoms), 3)))
    return atoms


@pytest.mark.parametrize(
    ("atoms", "in_conventional"),
    [
        (bulk("Si"), 8),
        (bulk("Cu"), 4),
        (bulk("W"), 2),
        (bulk("Mg"), 2),
        (bulk("NaCl", "rocksalt", a=5.6), 8),
    ],
    ids=["diamond", "fcc", "bcc", "hcp", "rocksalt"],
)
def test_blocks_stand_upright_and_their_layers_are_ordered(atoms, in_conventional):
    block = upright_block(atoms, 12.0, 20.0)
    a, b, c = block.cell.lengths()
    assert min(a, b) >= 12.0 - 1e-6
    assert c >= 20.0 - 1e-6
    np.testing.assert_allclose(block.cell.array[2, :2], 0.0, atol=1e-9)
    np.testing.assert_allclose(block.cell.array[:2, 2], 0.0, atol=1e-9)
    assert len(block) % in_conventional == 0
    assert block.get_chemical_formula(empirical=True) == atoms.get_chemical_formula(empirical=True)
    assert shortest_distance(block) == pytest.approx(shortest_distance(atoms))
    assert len(block) / block.cell.volume == pytest.approx(len(atoms) / atoms.cell.volume)
    order = LayerOrder.of(block)
    perfect = order.layers(block.positions, block.cell.array)
    assert perfect.min() > 0.5
    assert order.layers(*_arrays(molten(block))).mean() < 0.4 * perfect.mean()


def _arrays(atoms: Atoms):
    return atoms.positions, atoms.cell.array


def test_order_neither_feels_a_shift_nor_a_cell_that_has_grown():
    block = upright_block(bulk("Si"), 15.0, 25.0)
    order = LayerOrder.of(block)
    before = order.layers(*_arrays(block)).mean()
    block.positions += [1.3, 0.4, 0.0]
    block.set_cell(1.03 * block.cell.array, scale_atoms=True)
    assert order.layers(*_arrays(block)).mean() == pytest.approx(before)


def test_share_of_crystal_in_half_a_melt():
    block = upright_block(bulk("Si"), 15.0, 27.0)
    order = LayerOrder.of(block)
    block.rattle(0.15, seed=0)
    both = stacked(block, molten(block), 0.0)
    crystal = order.layers(*_arrays(block)).mean()
    assert crystal < 1.0
    assert order.crystalline_share(*_arrays(both), crystal) == pytest.approx(0.5, abs=0.06)
    assert order.crystalline_share(*_arrays(block), crystal) == 1.0
    assert order.crystalline_share(*_arrays(molten(block)), crystal) < 0.1


def test_stacked_blocks_keep_their_distance():
    block = upright_block(bulk("Si"), 10.0, 10.0)
    lower, upper = block.copy(), block.copy()
    upper.positions += [0.0, 0.0, 0.7]
    both = stacked(lower, upper, 2.2)
    assert len(both) == 2 * len(block)
    assert shortest_distance(both) >= 2.2
    assert 0.0 < both.cell[2, 2] - 2 * block.cell[2, 2] < 4.0
    close = stacked(block, block, 2.2)
    assert close.cell[2, 2] == pytest.approx(2 * block.cell[2, 2])


def test_crystals_without_a_right_angle_are_refused():
    skew = from_spacegroup("Si", [(0.1, 0.2, 0.3)], spacegroup=2, cellpar=[5, 6, 7, 80, 85, 95])
    with pytest.raises(
        ForgefieldError, match=r"angles of .* between c and the others, so no flat interface fits"
    ):
        upright_block(skew, 10.0, 10.0)


def run(mean: float, seed: int, slope: float = 0.0, drift: float = 0.0) -> FreeCoexistence:
    rng, steps = np.random.default_rng(seed), np.arange(2000)
    temperatures = mean + slope * (steps / 2000 - 0.75) + rng.normal(0, 30, 2000)
    return FreeCoexistence(1.0 * steps, temperatures, np.full(2000, 0.5), drift)


def test_two_runs_that_meet_give_a_mean_and_its_error():
    spec = MeltingSpec()
    found = melting.analyse([run(1000.0, 0), run(1001.0, 1)], 500, spec, 1000.0)
    assert found.warnings == ()
    assert found.temperature == pytest.approx(1000.5, abs=4 * found.error)
    assert found.error == pytest.approx(30 / np.sqrt(2000), rel=0.6)
    (quantity,) = found.quantities
    assert (quantity.name, quantity.unit, quantity.error) == ("melting temperature", "K", found.error)
    again = from_json(Melting, to_json(found))
    assert again.from_below == found.from_below
    np.testing.assert_array_equal(again.temperatures, found.temperatures)


def test_what_makes_a_melting_temperature_doubtful_is_said():
    spec = MeltingSpec()
    apart = melting.analyse([run(950.0, 0), run(1050.0, 1)], 500, spec, 1000.0)
    assert apart.error >= 0.5 * abs(apart.from_above[0] - apart.from_below[0])
    assert any(
        "came to 950 K and the hot one to 10" in each and "have not met" in each for each in apart.warnings
    )
    strained = melting.analyse([run(1000.0, 0), run(1000.0, 1)], 500, spec, 700.0)
    assert any(
        "cell was made for 700 K, and its crystal is strained at 1000 K" in each for each in strained.warnings
    )
    leaking = melting.analyse([run(1000.0, 0, drift=0.005), run(1000.0, 1)], 500, spec, 1000.0)
    assert any("drifted by 5.00 meV/atom: shorten the time step of 2 fs" in each for each in leaking.warnings)


LENNARD_JONES = MeltingSpec(
    guess=0.58 * REDUCED,
    width=4.5,
    length=6.0,
    duration=0.12,
    settling=0.04,
    timestep=0.05,
    relaxation_time=5.0,
)


def test_lennard_jones_from_both_sides():
    """0.617 ε/k at zero pressure with a long cutoff (Morris & Song); bent to zero at 2.5 σ it binds less."""
    found = melting.compute(bulk("H", "fcc", a=1.58), LennardJones("H", 2.5).calculator(), LENNARD_JONES)
    assert found.error < 0.05 * REDUCED
    assert found.temperature / REDUCED == pytest.approx(0.58, abs=0.06)
    assert ((found.shares[:, -100:].mean(axis=1) > 0.15) & (found.shares[:, -100:].mean(axis=1) < 0.85)).all()


def test_guesses_that_lead_nowhere_are_said():
    atoms, calculator = bulk("H", "fcc", a=1.58), LennardJones("H", 2.5).calculator()
    hot = LENNARD_JONES.model_copy(update={"guess": 2.5 * REDUCED})
    with pytest.raises(
        ForgefieldError, match=r"H melts by itself at \d+ K; begin at a lower temperature: guess"
    ):
        melting.compute(atoms, calculator, hot)
    brief = {"guess": 0.72 * REDUCED, "attempts": 1, "duration": 0.05, "spread": 0.02}
    warm = LENNARD_JONES.model_copy(update=brief)
    with pytest.raises(
        ForgefieldError,
        match=r"no two phases of H lived side by side: at 8355 K all melted; begin at 7353 K \(guess\), or take a",
    ):
        melting.compute(atoms, calculator, warm)
    large = LENNARD_JONES.model_copy(update={"max_atoms": 100})
    with pytest.raises(ForgefieldError, match=r"take \d+ atoms, more than max_atoms 100; raise max_atoms"):
        melting.compute(atoms, calculator, large)


@pytest.mark.slow
def test_silicon_of_stillinger_and_weber():
    """1691 ± 20 K (Broughton & Li, Phys. Rev. B 35, 9120 (1987)), from free energies."""
    spec = MeltingSpec(guess=1600.0, length=20.0, duration=60.0, settling=5.0)
    found = melting.compute(bulk("Si"), StillingerWeberSilicon().calculator(), spec)
    # Its temperature wanders over tens of picoseconds, so the error is said to be a lower bound.
    assert not any("have not met" in each for each in found.warnings)
    assert found.error < 20.0
    assert found.temperature == pytest.approx(1691.0, abs=2 * np.hypot(20.0, found.error))
