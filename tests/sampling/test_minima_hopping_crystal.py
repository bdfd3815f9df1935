"""Minima hopping with a moving cell: Lennard-Jones crystals against lattice sums."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.geometry.minkowski_reduction import is_minkowski_reduced
from scipy.optimize import minimize

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.minima_hopping import hop, start_hopping
from forgefield.sampling.minima_hopping_spec import MinimaHoppingSpec
from forgefield.sampling.minima_hopping_state import MinimaHoppingSettings, MinimaHoppingState
from forgefield.testing.known_minima import random_crystal
from forgefield.testing.lennard_jones import LennardJones

CUTOFF = 2.2


def pair_enthalpy(kind: str, pressure: float) -> tuple[float, float]:
    """Enthalpy per atom and volume per atom of a close packing, from a sum over lattice vectors, minimised over its
    lattice constants."""
    ahead = np.indices((9, 9, 9)).reshape(3, -1).T - 4.0
    last = CUTOFF**-6
    bend = 12.0 * last * (2.0 * last - 1.0) / CUTOFF**2
    lift = -4.0 * last * (last - 1.0) - bend * CUTOFF**2

    def enthalpy(lengths) -> float:
        a, c = lengths[0], lengths[-1]
        if kind == "fcc":
            cell, basis = a * (1 - np.eye(3)) / np.sqrt(2), np.zeros((1, 3))
        else:
            cell = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(0.75), 0], [0, 0, c]])
            basis = np.array([[0, 0, 0], [1 / 3, 2 / 3, 1 / 2]]) @ cell
        squares = ((ahead @ cell)[:, None] + basis) ** 2
        squares = squares.sum(axis=2).ravel()
        squares = squares[(squares > 1e-9) & (squares < CUTOFF**2)]
        pair = 4 * (squares**-6 - squares**-3) + lift + bend * squares
        return 0.5 * pair.sum() + pressure * abs(np.linalg.det(cell)) / len(basis)

    start = [1.1] if kind == "fcc" else [1.1, 1.1 * np.sqrt(8 / 3)]
    best = minimize(enthalpy, start, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    a, c = best.x[0], best.x[-1]
    return float(best.fun), float(a**3 / np.sqrt(2) if kind == "fcc" else a * a * c * np.sqrt(0.75) / 2)


def walked(atoms: Atoms, spec: MinimaHoppingSpec, target: float, hops: int) -> MinimaHoppingState:
    own = MinimaHoppingSettings("crystal", spec)
    potential = LennardJones(cutoff=CUTOFF)
    state = start_hopping(atoms, own, np.random.default_rng(3))
    while state.hops < hops and not (state.started and state.lowest.energy / len(atoms) < target):
        state = hop(potential, state, own).state
    return state


def wrong_crystal(kind: str) -> Atoms:
    if kind == "simple cubic":
        atoms = bulk("H", "sc", a=1.1) * (2, 2, 1)
        atoms.rattle(0.02, seed=0)
        return atoms
    return random_crystal("H4", 4.9, np.random.default_rng(6), skewed=0.25)


@pytest.mark.parametrize("pressure", [0.0, 500.0])
@pytest.mark.parametrize("kind", ["simple cubic", "random"])
def test_four_atoms_get_to_a_close_packing(kind, pressure):
    """Under pressure too, where enthalpy and volume are those of the lattice sum."""
    expected, volume = min(pair_enthalpy(each, pressure * units.GPa) for each in ("fcc", "hcp"))
    spec = MinimaHoppingSpec(
        cell=True, pressure=pressure, temperature=2000.0, energy_difference=1.0, force_tolerance=3e-3
    )
    state = walked(wrong_crystal(kind), spec, expected + 1e-4, hops=300)
    assert state.lowest.energy / 4 == pytest.approx(expected, abs=1e-4)
    assert abs(np.linalg.det(state.lowest.cell)) / 4 == pytest.approx(volume, rel=2e-3)


def test_cells_stay_reduced_and_minima_are_minima():
    spec = MinimaHoppingSpec(cell=True, temperature=6000.0, energy_difference=1.0)
    state = walked(wrong_crystal("random"), spec, -np.inf, hops=30)
    potential = LennardJones(cutoff=CUTOFF)
    assert len(state.history.minima) > 1
    for each in state.history.minima:
        atoms = state.atoms(each)
        assert is_minkowski_reduced(atoms.cell)
        found = potential.evaluate(atoms)
        assert found.energy == pytest.approx(each.energy, abs=1e-9)
        assert np.linalg.norm(found.forces, axis=1).max() < 0.011
        assert np.abs(found.stress).max() * atoms.get_volume() / 4 < 0.011


def test_fixed_cell_stays():
    atoms = wrong_crystal("simple cubic")
    state = walked(atoms, MinimaHoppingSpec(temperature=3000.0), -np.inf, hops=5)
    for each in state.history.minima:
        np.testing.assert_array_equal(each.cell, atoms.cell.array)


def test_slab_cannot_move_its_cell():
    atoms = wrong_crystal("random")
    atoms.pbc = (True, True, False)
    own = MinimaHoppingSettings("slab", MinimaHoppingSpec(cell=True))
    with pytest.raises(ForgefieldError, match=r"periodicity .* cannot relax; relax it with a fixed cell"):
        start_hopping(atoms, own, np.random.default_rng(0))
