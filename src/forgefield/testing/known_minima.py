"""What minima hopping is tried on: potentials with minima that are known, and random starts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.build import bulk

from forgefield.atoms.contacts import closest_contact
from forgefield.atoms.fingerprints import structure_fingerprint
from forgefield.atoms.records import Array
from forgefield.potentials.contract import Potential
from forgefield.sampling.conditions import Guard
from forgefield.sampling.minima_hopping_spec import MinimaHoppingSpec
from forgefield.sampling.minima_hopping_state import History, MinimaHoppingSettings
from forgefield.sampling.relaxation import relax
from forgefield.testing.lennard_jones import LennardJones
from forgefield.testing.tersoff import TersoffSilicon, lattice_constant

LOWEST = {13: -44.326801, 38: -173.928427}
"""ε; Wales & Doye, J. Phys. Chem. A 101, 5111 (1997)."""
EPSILON = 1.0 / units.kB
"""K; the temperature kT = ε of a Lennard-Jones system with ε = 1 eV."""


@dataclass(frozen=True, slots=True)
class KnownMinimum:
    """A minimum that is to be found.

    Attributes:
        name: its usual name.
        energy: eV.
        tolerance: eV within which it is this one,
        fingerprint: if that agrees too; None where the energy says enough.
    """

    name: str
    energy: float
    tolerance: float
    fingerprint: Array | None = None

    def among(self, history: History) -> bool:
        """Whether it has been found."""
        first = bisect_left(history.energies, self.energy - self.tolerance)
        last = bisect_right(history.energies, self.energy + self.tolerance)
        return any(
            self.fingerprint is None or np.abs(each.fingerprint - self.fingerprint).max() < 0.05
            for each in history.minima[first:last]
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """What is walked on, from where, and what is to be found.

    Attributes:
        settings: of its walks, with its name.
        potential: whose minima are known.
        start: makes a random structure.
        known: the minima.
    """

    settings: MinimaHoppingSettings
    potential: Potential
    start: Callable[[np.random.Generator], Atoms]
    known: tuple[KnownMinimum, ...]


def random_cluster(n_atoms: int, rng: np.random.Generator) -> Atoms:
    """Hydrogen atoms anywhere in a sphere of 2.1 Å³ each, none nearer than 0.7 Å to another."""
    radius, positions = 0.8 * np.cbrt(n_atoms), np.empty((0, 3))
    while len(positions) < n_atoms:
        trial = rng.uniform(-radius, radius, 3)
        if np.linalg.norm(trial) < radius and (np.linalg.norm(positions - trial, axis=1) > 0.7).all():
            positions = np.vstack([positions, trial])
    return Atoms(f"H{n_atoms}", positions)


def random_crystal(formula: str, volume: float, rng: np.random.Generator, skewed: float = 0.3) -> Atoms:
    """Atoms anywhere in a random cell, none nearer to another than 0.7 sums of covalent radii.

    Args:
        formula: chemical formula.
        volume: of the cell, Å³.
        rng: moves on.
        skewed: largest change of the components of a cubic cell's vectors, as a share of their length.
    """
    while True:
        shape = np.eye(3) + rng.uniform(-skewed, skewed, (3, 3))
        atoms = Atoms(formula, cell=shape * np.cbrt(volume / np.linalg.det(shape)), pbc=True)
        atoms.set_scaled_positions(rng.random((len(atoms), 3)))
        if closest_contact(atoms).ratio > 0.7:
            return atoms


def cluster_trial(n_atoms: int) -> Trial:
    """A Lennard-Jones cluster; more softening than by default, as its landscape is smooth."""
    spec = MinimaHoppingSpec(
        temperature=0.35 * EPSILON,
        temperature_window=(0.05 * EPSILON, 2.0 * EPSILON),
        energy_difference=1.0,
        softening_steps=5,
    )
    known = KnownMinimum("the global minimum", LOWEST[n_atoms], 1e-3)
    settings = MinimaHoppingSettings(f"LJ{n_atoms}", spec)
    return Trial(settings, LennardJones(), lambda rng: random_cluster(n_atoms, rng), (known,))


def silicon_trial(moving: bool) -> Trial:
    """Eight silicon atoms, in a moving cell or in that of diamond; Tersoff's potential gives lonsdaleite its energy."""
    potential, a = TersoffSilicon(), lattice_constant()
    lonsdaleite = bulk("SiSi", "wurtzite", a=a / 2**0.5, c=2 * a / 3**0.5, u=0.375) * (2, 1, 1)
    known = tuple(
        KnownMinimum(name, potential.evaluate(atoms).energy, 8e-3, structure_fingerprint(atoms))
        for name, atoms in (("diamond", bulk("Si", a=a, cubic=True)), ("lonsdaleite", lonsdaleite))
    )
    settings = MinimaHoppingSettings(
        "Si8" if moving else "Si8-fixed",
        MinimaHoppingSpec(cell=moving, force_tolerance=0.02),
        Guard(min_distance=0.5, min_volume=8.0, max_volume=80.0),
    )
    skewed = 0.3 if moving else 0.0
    return Trial(
        settings,
        potential,
        lambda rng: random_crystal("Si8", a**3, rng, skewed),
        known if moving else known[:1],
    )


def stacking_trial() -> Trial:
    """Four Lennard-Jones atoms in a moving cell: face-centred cubic, hexagonal and double hexagonal close packing."""
    potential = LennardJones(cutoff=2.5)
    double = Atoms("H4", cell=bulk("H", "hcp", a=1.1, c=3.6).cell, pbc=True)
    double.set_scaled_positions([[0, 0, 0], [1 / 3, 2 / 3, 0.25], [0, 0, 0.5], [2 / 3, 1 / 3, 0.75]])
    known = []
    for name, atoms in (
        ("fcc", bulk("H", "fcc", a=1.55, cubic=True)),
        ("hcp", bulk("H", "hcp", a=1.1, c=1.8) * (2, 1, 1)),
        ("dhcp", double),
    ):
        relaxed = relax(atoms, potential.calculator(), force_tolerance=1e-4)
        known.append(KnownMinimum(name, relaxed.energy, 4e-4, structure_fingerprint(relaxed.atoms)))
    spec = MinimaHoppingSpec(
        cell=True, temperature=0.2 * EPSILON, energy_difference=1.0, force_tolerance=3e-3
    )
    settings = MinimaHoppingSettings("LJ4-crystal", spec)
    return Trial(settings, potential, lambda rng: random_crystal("H4", 4.5, rng), tuple(known))


TRIALS: dict[str, Callable[[], Trial]] = {
    "lj13": lambda: cluster_trial(13),
    "lj38": lambda: cluster_trial(38),
    "si8": lambda: silicon_trial(True),
    "si8-fixed": lambda: silicon_trial(False),
    "lj4": stacking_trial,
}
