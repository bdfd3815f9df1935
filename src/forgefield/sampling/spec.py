"""Settings of the exploration."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec


class ExplorationSpec(Spec):
    """How the potential explores structures on its own."""

    method: Literal["md"] = "md"
    """How to explore: `md` is molecular dynamics that stops where the potential is unsure."""

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

    seed_energy_window: float = Field(default=0.1, ge=0.0)
    """Trajectories start from structures within this energy (eV/atom) of the lowest of their composition."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if any(temperature <= 0.0 for temperature in self.temperatures):
            raise ValueError(f"temperatures {list(self.temperatures)}: every temperature must lie above 0 K")
        if self.timestep_fs != "auto" and not 0.0 < self.timestep_fs <= 10.0:
            raise ValueError(f"timestep_fs {self.timestep_fs} must lie above 0 and at most at 10 fs")
        if self.sample_every > self.steps:
            raise ValueError(
                f"sample_every {self.sample_every} is larger than steps {self.steps}: no frame would be seen"
            )
        return self
