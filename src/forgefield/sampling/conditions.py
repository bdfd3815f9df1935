"""What a trajectory is asked to do, and when it has to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms

from forgefield.atoms.contacts import closest_contact
from forgefield.atoms.errors import ForgefieldError

ENSEMBLES = ("nvt", "npt")
Outcome = Literal["completed", "uncertain", "overlap", "volume", "overheated"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a trajectory ended: its outcome and one line for people."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions of one molecular-dynamics trajectory, in the user's units.

    Attributes:
        name: the trajectory's name, such as ``cycle-02/nvt-900K-01``.
        ensemble: ``nvt`` or ``npt``.
        temperature_start: K.
        temperature_end: K.
        ramp_steps: the temperature goes linearly from start to end over so many steps, then stays.
        pressure: GPa; counts for ``npt`` only.
        isotropic: ``npt`` moves the volume alone instead of the whole cell.
        timestep: fs.
        steps: length in steps, at most.
        sample_every: steps between two frames.
        damping_time: fs; how long the thermostat lets a velocity live.
        barostat_time: fs; how fast the cell follows the pressure.
        bulk_modulus: GPa; rough value, it only sets the pace of the barostat.
    """

    name: str
    ensemble: str
    temperature_start: float
    temperature_end: float
    ramp_steps: int = 0
    pressure: float = 0.0
    isotropic: bool = False
    timestep: float = 2.0
    steps: int = 1000
    sample_every: int = 10
    damping_time: float = 100.0
    barostat_time: float = 100.0
    bulk_modulus: float = 100.0

    def __post_init__(self) -> None:
        if self.ensemble not in ENSEMBLES:
            raise ForgefieldError(
                f"unknown ensemble {self.ensemble!r}", f"choose from {', '.join(ENSEMBLES)}"
            )
        if (coldest := min(self.temperature_start, self.temperature_end)) < 0.0:
            raise ForgefieldError(
                f"temperature {coldest} K of {self.name} is negative",
                "give temperatures in kelvin",
            )
        for key in ("timestep", "damping_time", "barostat_time", "bulk_modulus", "steps", "sample_every"):
            if not getattr(self, key) > 0:
                raise ForgefieldError(
                    f"{key} {getattr(self, key)} of {self.name} is not positive", f"raise {key}"
                )

    def check_cell(self, atoms: Atoms) -> None:
        """Refuse constant pressure for a structure that is not periodic in three directions.

        Raises:
            ForgefieldError: it is not.
        """
        if self.ensemble == "npt" and not (atoms.pbc.all() and atoms.cell.rank == 3):
            raise ForgefieldError(
                f"{self.name}: constant pressure needs a structure that is periodic in three directions, "
                f"{atoms.get_chemical_formula()} has periodicity {atoms.pbc.tolist()}",
                "use the nvt ensemble for it",
            )

    def temperature_at(self, step: int) -> float:
        """Target temperature in K at a step."""
        if step >= self.ramp_steps:
            return self.temperature_end
        share = step / self.ramp_steps
        # In this form a temperature that stays is the same to the bit, whatever the length of its ramp.
        return self.temperature_start + share * (self.temperature_end - self.temperature_start)


@dataclass(frozen=True, slots=True)
class Guard:
    """Bounds within which a trajectory is worth following.

    Attributes:
        stop_above: eV/Å; largest calibrated force uncertainty of any atom. Infinity: never stop for it,
            and potentials without an uncertainty will do.
        scale: calibration: what the potential's own uncertainty is multiplied by.
        min_distance: smallest distance / (sum of covalent radii).
        min_volume: Å³ per atom; counts for structures that are periodic in three directions.
        max_volume: Å³ per atom.
        overheat: stop when the temperature of the atoms exceeds this multiple of the target, with an
            allowance for fluctuations of few atoms and for the heat that an unrelaxed start sets free.
    """

    stop_above: float = float("inf")
    scale: float = 1.0
    min_distance: float = 0.6
    min_volume: float = 0.0
    max_volume: float = float("inf")
    overheat: float = 2.0

    def geometry_problem(self, atoms: Atoms) -> Stop | None:
        """``overlap`` or ``volume`` if the structure itself is out of bounds."""
        if atoms.pbc.all():
            volume = float(atoms.cell.volume) / len(atoms)
            # Written so that a volume of NaN is caught as well.
            if not self.min_volume <= volume <= self.max_volume:
                return Stop(
                    "volume",
                    f"{volume:.2f} Å³ per atom lies outside {self.min_volume:.2f} to {self.max_volume:.2f}",
                )
        contact = closest_contact(atoms, search=self.min_distance)
        if contact.ratio < self.min_distance:
            i, j = contact.pair
            return Stop(
                "overlap",
                f"{atoms.symbols[i]}{i}–{atoms.symbols[j]}{j} at {contact.distance:.2f} Å, "
                f"{contact.ratio:.2f} of the covalent distance (limit {self.min_distance:.2f})",
            )
        return None

    def overheating(self, temperature: float, target: float, n_atoms: int) -> Stop | None:
        """``overheated`` if the atoms are far hotter than asked for.

        The canonical temperature of N atoms fluctuates by T √(2 / 3N); five of these and 500 K (a start
        some 0.1 eV/atom above its minimum) are allowed on top of the multiple.
        """
        limit = target * (self.overheat + 5.0 * np.sqrt(2.0 / (3.0 * n_atoms))) + 500.0
        if temperature <= limit:
            return None
        return Stop(
            "overheated", f"{temperature:.0f} K where {target:.0f} K were asked for (limit {limit:.0f} K)"
        )
