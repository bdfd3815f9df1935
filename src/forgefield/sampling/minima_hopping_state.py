"""Minima hopping: its settings, its state, and the state on disk."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.array_files import read_arrays
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.fingerprints import structure_fingerprint
from forgefield.atoms.records import Array
from forgefield.sampling.conditions import Guard
from forgefield.sampling.minima_hopping_spec import MinimaHoppingSpec

_FILE = "minima-hopping.npz"
_DESCRIPTION = "description"


@dataclass(frozen=True, slots=True)
class MinimaHoppingSettings:
    """What stays the same all along a walk.

    Attributes:
        name: the walk's name.
        spec: the user's settings.
        guard: geometry that must not be left, and the uncertainty at which a hop is lost; `overheat` does not count.
        fingerprint: gives a structure's vector; of two that agree in energy and in this, one is a copy of the other.
    """

    name: str
    spec: MinimaHoppingSpec = field(default_factory=MinimaHoppingSpec)
    guard: Guard = field(default_factory=Guard)
    fingerprint: Callable[[Atoms], Array] = structure_fingerprint


@dataclass(frozen=True, slots=True)
class Minimum:
    """A minimum of the energy, or of the enthalpy.

    Attributes:
        number: in order of discovery, from 0; −1 for a start that is not relaxed yet.
        energy: eV; enthalpy if the cell moves.
        positions: (N, 3) Å.
        cell: (3, 3) Å.
        fingerprint: (F,).
        visits: how often it was found.
    """

    number: int
    energy: float
    positions: Array
    cell: Array
    fingerprint: Array
    visits: int = 1


@dataclass(frozen=True, slots=True)
class History:
    """All minima that were found, from the lowest to the highest.

    Attributes:
        minima: M of them.
        energies: M, eV; the same numbers once more, to search in.
    """

    minima: tuple[Minimum, ...] = ()
    energies: tuple[float, ...] = ()

    def find(self, found: Minimum, energy_tolerance: float, fingerprint_tolerance: float) -> Minimum | None:
        """The minimum that this one is; None if it is new.

        Args:
            found: its number and visits do not count.
            energy_tolerance: eV.
            fingerprint_tolerance: of the largest difference.
        """
        first = bisect_left(self.energies, found.energy - energy_tolerance)
        last = bisect_right(self.energies, found.energy + energy_tolerance)
        distances = [
            float(np.abs(each.fingerprint - found.fingerprint).max()) for each in self.minima[first:last]
        ]
        if not distances or min(distances) > fingerprint_tolerance:
            return None
        return self.minima[first + int(np.argmin(distances))]

    def with_visit(self, known: Minimum, found: Minimum) -> tuple[History, Minimum]:
        """The history after one of its minima was found again, and that minimum as it was found: the same crystal may
        have come in a cell of another shape, from which there are other ways on."""
        place = bisect_left(self.energies, known.energy)
        while self.minima[place].number != known.number:
            place += 1
        visited = replace(known, visits=known.visits + 1)
        minima = (*self.minima[:place], visited, *self.minima[place + 1 :])
        return replace(self, minima=minima), replace(found, number=visited.number, visits=visited.visits)

    def with_new(self, found: Minimum) -> tuple[History, Minimum]:
        """The history after a new minimum was found, and that minimum with its number."""
        place = bisect_left(self.energies, found.energy)
        new = replace(found, number=len(self.minima), visits=1)
        return History(
            (*self.minima[:place], new, *self.minima[place:]),
            (*self.energies[:place], new.energy, *self.energies[place:]),
        ), new


@dataclass(frozen=True, slots=True)
class MinimaHoppingState:
    """Everything that decides how a walk goes on, beside the potential.

    Attributes:
        numbers: (N,) atomic numbers.
        pbc: (3,) periodicity.
        moments: (N,) initial magnetic moments, for the reference; None without.
        current: where the walker is; of infinite energy until the start is relaxed.
        history: all minima that were found.
        temperature: K; of the next escape.
        energy_difference: E_diff, eV.
        timestep: of the next escape, ASE units; None: the curvature decides.
        generator: state of the random bit generator, as NumPy gives it.
        hops: done, the relaxation of the start among them.
        accepted: hops that ended where the walker now goes on.
        lost: hops that the guard ended.
        evaluations: of the potential.
    """

    numbers: NDArray[np.int64]
    pbc: NDArray[np.bool_]
    moments: Array | None
    current: Minimum
    history: History
    temperature: float
    energy_difference: float
    timestep: float | None
    generator: Mapping[str, Any]
    hops: int = 0
    accepted: int = 0
    lost: int = 0
    evaluations: int = 0

    @property
    def started(self) -> bool:
        """Whether the start is relaxed."""
        return bool(np.isfinite(self.current.energy))

    @property
    def lowest(self) -> Minimum:
        """The lowest minimum found.

        Raises:
            ForgefieldError: none was found yet.
        """
        if not self.history.minima:
            raise ForgefieldError("minima hopping has found no minimum yet", "do at least one hop")
        return self.history.minima[0]

    def atoms(self, minimum: Minimum) -> Atoms:
        """A minimum as a structure, without a calculator."""
        atoms = Atoms(self.numbers, minimum.positions, cell=minimum.cell, pbc=self.pbc)
        if self.moments is not None:
            atoms.set_initial_magnetic_moments(self.moments)
        return atoms


_PLAIN = (
    "temperature",
    "energy_difference",
    "timestep",
    "generator",
    "hops",
    "accepted",
    "lost",
    "evaluations",
)


def save_state(state: MinimaHoppingState, folder: Path) -> None:
    """Write a state, to the bit, so that it is there whole or not at all.

    One file: arrays over all minima, the walker's in the last row, and JSON for everything else.

    Args:
        state: to be kept.
        folder: is made if it is missing.
    """
    rows = (*state.history.minima, state.current)
    arrays: dict[str, Any] = {
        "numbers": state.numbers,
        "pbc": state.pbc,
        "number": np.array([each.number for each in rows]),
        "visits": np.array([each.visits for each in rows]),
        "energy": np.array([each.energy for each in rows]),
        "positions": np.array([each.positions for each in rows]),
        "cell": np.array([each.cell for each in rows]),
        "fingerprint": np.array([each.fingerprint for each in rows]),
        _DESCRIPTION: np.array(json.dumps({name: getattr(state, name) for name in _PLAIN})),
    }
    if state.moments is not None:
        arrays["moments"] = state.moments
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{_FILE}.partial"
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    partial.replace(folder / _FILE)


def load_state(folder: Path) -> MinimaHoppingState:
    """Read what `save_state` wrote.

    Raises:
        ForgefieldError: nothing there, or nothing that can be read.
    """
    try:
        arrays = read_arrays(folder / _FILE)
        plain = json.loads(str(arrays[_DESCRIPTION]))
        *minima, current = (
            Minimum(int(number), float(energy), positions, cell, fingerprint, int(visits))
            for number, energy, positions, cell, fingerprint, visits in zip(
                *(
                    arrays[name]
                    for name in ("number", "energy", "positions", "cell", "fingerprint", "visits")
                ),
                strict=True,
            )
        )
        return MinimaHoppingState(
            numbers=arrays["numbers"],
            pbc=arrays["pbc"],
            moments=arrays.get("moments"),
            current=current,
            history=History(tuple(minima), tuple(each.energy for each in minima)),
            **{name: plain[name] for name in _PLAIN},
        )
    except (ForgefieldError, ValueError, KeyError, TypeError) as error:
        raise ForgefieldError(
            f"{folder / _FILE} holds no state of minima hopping ({error})", "start the walk anew"
        ) from error
