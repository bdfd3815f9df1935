"""Diffusion tensors against closed formulas and a walk."""

import numpy as np
import pytest
from ase.build import bulk
from ase.spacegroup import crystal

from forgefield.properties.defect_diffusivity import DefectDiffusivity, diffusion_tensor
from forgefield.properties.hops import HopSpec, Jumps, vacancy_hops

RATE = np.array([3e9])


@pytest.mark.parametrize(
    ("atoms", "distance", "neighbours"),
    [
        (bulk("Cu", a=3.6), 3.6 / np.sqrt(2), 12),
        (bulk("Cu", a=3.6, cubic=True), 3.6 / np.sqrt(2), 12),
        (bulk("Si", a=5.4), 5.4 * np.sqrt(3) / 4, 4),
        (bulk("Po", "sc", a=3.3), 3.3, 6),
    ],
)
def test_cubic_crystals(atoms, distance, neighbours):
    """D = z d² k/6."""
    (hop,) = vacancy_hops(atoms, HopSpec())
    tensor = diffusion_tensor([hop.jumps], RATE)
    assert tensor == pytest.approx(np.eye(3) * neighbours * (distance * 1e-10) ** 2 * 3e9 / 6, abs=1e-16)


def test_rutile_along_and_across_the_chains():
    rutile = crystal(
        ["Ti", "O"],
        [(0, 0, 0), (0.305, 0.305, 0)],
        spacegroup=136,
        cellpar=[4.594, 4.594, 2.959, 90, 90, 90],
    )
    pair, across, along = (hop.jumps for hop in vacancy_hops(rutile, HopSpec(species=("O",))))
    # Back and forth within a pair leads nowhere, and along the chain only along it.
    assert np.abs(diffusion_tensor([pair], RATE)).max() < 1e-30
    chain = diffusion_tensor([along], RATE)
    assert chain == pytest.approx(np.diag([0, 0, (2.959e-10) ** 2 * 3e9]), abs=1e-18)
    rates = np.array([1.0, 0.3, 0.6])
    together = diffusion_tensor([pair, across, along], rates)
    walked = walk([pair, across, along], rates, np.random.default_rng(1))
    assert np.diag(together)[:2] == pytest.approx([together[0, 0]] * 2)
    for axes in ([0, 1], [2]):
        assert np.diag(together)[axes].mean() == pytest.approx(np.diag(walked)[axes].mean(), rel=0.05)


def walk(kinds, rates, rng, walkers=3000, steps=400):
    """⟨r r⟩/2t of walkers in m²/s, each with the same number of jumps: all sites are left at one rate."""
    starts = np.concatenate([kind.starts for kind in kinds])
    ends, vectors = (np.concatenate([getattr(kind, name) for kind in kinds]) for name in ("ends", "vectors"))
    each = np.concatenate([np.full(len(kind.starts), rate) for kind, rate in zip(kinds, rates, strict=True)])
    leaving = [np.flatnonzero(starts == site) for site in range(kinds[0].n_sites)]
    chances = np.array([each[jumps] for jumps in leaving])
    site, place = rng.integers(len(leaving), size=walkers), np.zeros((walkers, 3))
    for _ in range(steps):
        drawn = (rng.random((walkers, 1)) > np.cumsum(chances / chances[0].sum(), axis=1)[site]).sum(axis=1)
        jump = np.array(leaving)[site, drawn]
        place, site = place + vectors[jump], ends[jump]
    return place.T @ place / walkers / (2 * steps / chances[0].sum()) * 1e-20


@pytest.mark.parametrize(("k", "q"), [(5.0, 0.5), (2e12, 3e-8)])
def test_a_chain_with_two_barriers(k, q):
    """Period a, two sites half-way, rates k and q by turns: D = a² kq/2(k + q)."""
    a = 4.0
    step = np.array([[a / 2, 0, 0], [-a / 2, 0, 0]])
    first = Jumps(np.array([0, 1]), np.array([1, 0]), step, 2, True)
    second = Jumps(np.array([1, 0]), np.array([0, 1]), step, 2, True)
    tensor = diffusion_tensor([first, second], np.array([k, q]))
    assert tensor[0, 0] == pytest.approx(a**2 * k * q / (2 * (k + q)) * 1e-20, rel=1e-5)
    assert np.abs(tensor - np.diag([tensor[0, 0], 0, 0])).max() < 1e-9 * tensor[0, 0]


def test_one_number_for_each_temperature():
    tensors = np.array([np.diag([1e-12, 2e-12, 6e-12]), np.eye(3) * 1e-9])
    found = DefectDiffusivity("O vacancy", np.array([300.0, 900.0]), tensors)
    assert [q.name for q in found.quantities] == [
        "O vacancy, diffusivity at 300 K",
        "O vacancy, diffusivity at 900 K",
    ]
    assert [q.value for q in found.quantities] == pytest.approx([3e-12, 1e-9])
    assert found.quantities[0].unit == "m²/s"
