"""Who starts where: seeds and conditions of one cycle's trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Candidate
from forgefield.sampling.conditions import Conditions
from forgefield.sampling.spec import ExplorationSpec


class _TimestepSettings(Protocol):
    @property
    def timestep_fs(self) -> float | Literal["auto"]: ...


@dataclass(frozen=True, slots=True)
class Assignment:
    """One trajectory to run: its start and its conditions."""

    start: Candidate
    conditions: Conditions


def seeds_within(structures: Sequence[Atoms], energies: Array, window: float) -> list[int]:
    """Indices of the structures within an energy window of the lowest one of the same composition.

    Args:
        structures: M structures.
        energies: (M,) total energies, eV.
        window: eV/atom.
    """
    return [int(index) for index in np.flatnonzero(energies_above_lowest(structures, energies) <= window)]


def energies_above_lowest(structures: Sequence[Atoms], energies: Array) -> Array:
    """(M,) energies above the lowest one of the same composition, eV/atom.

    Args:
        structures: M structures.
        energies: (M,) total energies, eV.
    """
    formulas = [_composition(atoms) for atoms in structures]
    per_atom = [float(e) / len(atoms) for e, atoms in zip(energies, structures, strict=True)]
    lowest: dict[str, float] = {}
    for formula, energy in zip(formulas, per_atom, strict=True):
        lowest[formula] = min(energy, lowest.get(formula, np.inf))
    return np.array(
        [energy - lowest[formula] for formula, energy in zip(formulas, per_atom, strict=True)], dtype=float
    )


def stable_timestep(spec: _TimestepSettings, atoms: Atoms) -> float:
    """Time step in fs: what the spec says, or 2 fs, at most 0.5 fs × √(lightest mass in u)."""
    if spec.timestep_fs != "auto":
        return spec.timestep_fs
    return float(min(2.0, 0.5 * np.sqrt(atoms.get_masses().min())))


def plan_trajectories(
    spec: ExplorationSpec,
    seeds: Sequence[Candidate],
    cycle: int,
    rng: np.random.Generator,
    bulk_modulus: float = 100.0,
) -> list[Assignment]:
    """Share seeds, temperatures, ensembles and pressures out over a cycle's trajectories.

    Every seed is used before one is used twice, and so is every combination of ensemble, temperature and
    pressure; which seed meets which combination is drawn at random.

    Args:
        spec: the settings.
        seeds: start structures, already repeated to the cells that are wanted.
        cycle: number of the cycle, for the names.
        rng: shuffles.
        bulk_modulus: rough value in GPa, if one is known.

    Raises:
        ForgefieldError: no seeds.
    """
    if not seeds:
        raise ForgefieldError(
            "there is no structure from which a trajectory could start",
            "raise exploration.seed_energy_window or add start structures",
        )
    coldest = min(spec.temperatures)
    conditions = [("nvt", temperature, 0.0) for temperature in spec.temperatures if "nvt" in spec.ensembles]
    if "npt" in spec.ensembles:
        conditions += [("npt", t, pressure) for t in spec.temperatures for pressure in spec.pressures]
    assignments = []
    for number, (which, how) in enumerate(
        zip(
            _dealt(len(seeds), spec.trajectories, rng),
            _dealt(len(conditions), spec.trajectories, rng),
            strict=True,
        ),
        start=1,
    ):
        start = seeds[which]
        ensemble, temperature, pressure = conditions[how]
        if not start.atoms.pbc.all():
            ensemble, pressure = "nvt", 0.0
        assignments.append(
            Assignment(
                start=start,
                conditions=Conditions(
                    name=f"cycle-{cycle:02d}/{ensemble}-{temperature:.0f}K-{number:02d}",
                    ensemble=ensemble,
                    temperature_start=coldest if spec.ramp else temperature,
                    temperature_end=temperature,
                    ramp_steps=spec.steps // 2 if spec.ramp else 0,
                    pressure=pressure,
                    isotropic=spec.cell_shape == "isotropic",
                    timestep=stable_timestep(spec, start.atoms),
                    steps=spec.steps,
                    sample_every=spec.sample_every,
                    bulk_modulus=bulk_modulus,
                ),
            )
        )
    return assignments


def _dealt(kinds: int, count: int, rng: np.random.Generator) -> list[int]:
    """``count`` cards from as many shuffled decks of 0 … kinds − 1 as it takes."""
    decks = [rng.permutation(kinds) for _ in range(-(-count // kinds))]
    return [int(card) for card in np.concatenate(decks)[:count]]


def _composition(atoms: Atoms) -> str:
    return str(atoms.symbols.formula.reduce()[0].format("hill"))
