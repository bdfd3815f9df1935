"""Settings of the exploration."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from forgefield.atoms.spec import Spec
from forgefield.sampling.minima_hopping_spec import MinimaHoppingSpec
from forgefield.sampling.timestep import check_timestep

Thermostat = Literal["langevin", "nose-hoover"]
Method = Literal["on-the-fly", "md", "minima-hopping"]


class SegmentSpec(Spec):
    """One segment of a programme: the temperature goes linearly from one value to another, or stays."""

    model_config = ConfigDict(populate_by_name=True)

    start: float = Field(alias="from", gt=0.0)
    """Temperature in K at the start of the segment."""

    end: float | None = Field(default=None, alias="to", gt=0.0)
    """Temperature in K at its end; without it the temperature stays."""

    steps: int = Field(ge=1)
    """Length of the segment in steps."""

    ensemble: Literal["nvt", "npt"] = "nvt"
    """Fixed cell (`nvt`) or moving cell (`npt`)."""

    thermostat: Thermostat = "langevin"
    """`langevin`, or `nose-hoover` for a chain of thermostats without random numbers (`nvt` only)."""

    pressure: float = 0.0
    """Pressure in GPa at the start of the segment; counts for `npt`."""

    end_pressure: float | None = None
    """Pressure in GPa at its end; without it the pressure stays."""

    cell_shape: Literal["free", "isotropic"] = "free"
    """Whether `npt` moves the whole cell or the volume alone."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.ensemble == "npt" and self.thermostat == "nose-hoover":
            raise ValueError(
                "thermostat nose-hoover keeps the cell: choose ensemble nvt, or thermostat langevin"
            )
        if self.ensemble == "nvt" and (self.pressure != 0.0 or self.end_pressure is not None):
            raise ValueError(f"a pressure of {self.end_pressure or self.pressure} GPa needs ensemble npt")
        return self


class OnTheFlySpec(Spec):
    """How a trajectory learns while it moves."""

    target_error: float = Field(default=0.2, gt=0.0)
    """Force error in eV/Å that is good enough for every atom: below it nothing is asked."""

    block: int = Field(default=2, ge=1)
    """New structures after which the potential is refitted."""

    urgent: float = Field(default=4.0, gt=1.0)
    """Uncertainty, as a multiple of the threshold, from which on a block is not waited for."""

    wait: int = Field(default=10, ge=1)
    """Fewest steps between two requests of a trajectory: consecutive frames teach almost the same."""

    judge_every: int = Field(default=5, ge=1)
    """Steps between two evaluations of the uncertainty."""

    check_every: int | None = Field(default=2000, ge=1)
    """Steps without a request after which a frame is asked for however certain it seems: calibration needs errors."""

    initial: int = Field(default=3, ge=0)
    """Structures asked for before the motion starts: the start itself, then rattled copies of it."""

    initial_rattle: float = Field(default=0.05, gt=0.0)
    """Standard deviation in Å of the rattled copies' displacements."""

    snapshot_every: int = Field(default=50, ge=1)
    """Steps between two trusted frames that are kept to go back to."""


class ExplorationSpec(Spec):
    """How the potential explores structures on its own."""

    method: Method | tuple[Method, ...] = "on-the-fly"
    """`on-the-fly`: a Bayesian potential moves the atoms, asks where it is unsure, and learns at once; `md`: the
    trained potential moves them, stops where it is unsure, and learns in the next cycle; `minima-hopping`: the trained
    potential escapes from minimum to minimum. A list has one for each cycle, from 0 on, the last for all later ones:
    `[on-the-fly, minima-hopping]`. What needs a trained potential begins in cycle 1."""

    on_the_fly: OnTheFlySpec = OnTheFlySpec()
    """How it learns on the fly."""

    programme: tuple[SegmentSpec, ...] = ()
    """On the fly: segments that every trajectory goes through, such as `{from: 300, to: 1500, steps: 10000}`, in place
    of `temperatures`, `ramp`, `ensembles`, `pressures`, `cell_shape` and `steps`."""

    temperatures: tuple[float, ...] = Field(default=(300.0, 600.0, 900.0, 1200.0, 1500.0), min_length=1)
    """Temperatures in K that the trajectories end at; they are shared out evenly over the trajectories."""

    ramp: bool = True
    """Heat from the lowest temperature to the trajectory's own during its first half; else hold its own."""

    ensembles: tuple[Literal["nvt", "npt"], ...] = Field(default=("nvt", "npt"), min_length=1)
    """Fixed cell (`nvt`), moving cell (`npt`), or both; structures that are not crystals stay at `nvt`."""

    pressures: tuple[float, ...] = Field(default=(0.0,), min_length=1)
    """Pressures in GPa for `npt`, taken in turn."""

    cell_shape: Literal["free", "isotropic"] = "free"
    """Whether `npt` moves the whole cell or the volume alone."""

    timestep_fs: float | Literal["auto"] = "auto"
    """Time step in fs; `auto` is 2 fs, shortened to 0.5 fs × √(mass in u) for atoms lighter than oxygen."""

    steps: int = Field(default=1000, ge=1)
    """Longest length of a trajectory in steps."""

    trajectories: int = Field(default=10, ge=1)
    """Trajectories in each cycle."""

    sample_every: int = Field(default=10, ge=1)
    """Steps between two frames that are looked at; the uncertainty is evaluated on these."""

    max_atoms: int = Field(default=64, ge=1)
    """Largest cell in atoms that seeds are repeated to; larger cells mean costlier reference calculations."""

    grow_to: int | None = Field(default=None, ge=1)
    """On the fly: when all trajectories have ended, as many again run in cells of up to this many atoms, with what was
    learned in small ones, where a reference calculation costs little; null: none."""

    seed_energy_window: float = Field(default=0.1, ge=0.0)
    """Trajectories start from structures within this energy (eV/atom) of the lowest of their composition."""

    minima_hopping: MinimaHoppingSpec = MinimaHoppingSpec(
        cell=True, candidate_every=100, force_tolerance=0.03
    )
    """How walks hop over minima; cells move of crystals only."""

    walks: int = Field(default=6, ge=1)
    """Walks over minima in each cycle, from structures at rest in turn."""

    hops: int = Field(default=15, ge=1)
    """Hops of each walk, at most; it ends where the potential is lost."""

    temperature_windows: tuple[tuple[float, float], ...] = ()
    """Lowest and highest temperature in K of the walks of each cycle from 1 on, the last for all later ones; without
    them `minima_hopping.temperature_window` holds for all."""

    def method_of(self, cycle: int) -> Method:
        """The method of a cycle."""
        if isinstance(self.method, str):
            return self.method
        return self.method[min(cycle, len(self.method) - 1)]

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not self.method:
            raise ValueError("method is an empty list: name on-the-fly, md or minima-hopping")
        if any(not 0.0 < low <= high for low, high in self.temperature_windows):
            raise ValueError(
                f"temperature_windows {[list(each) for each in self.temperature_windows]}: the lower temperature comes "
                "first and lies above 0 K"
            )
        if any(temperature <= 0.0 for temperature in self.temperatures):
            raise ValueError(f"temperatures {list(self.temperatures)}: every temperature must lie above 0 K")
        check_timestep(self.timestep_fs)
        if self.grow_to is not None and self.grow_to <= self.max_atoms:
            raise ValueError(f"grow_to {self.grow_to} is not larger than max_atoms {self.max_atoms}")
        if self.sample_every > self.steps:
            raise ValueError(
                f"sample_every {self.sample_every} is larger than steps {self.steps}: no frame would be seen"
            )
        return self
