"""Settings of minima hopping."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec
from forgefield.sampling.timestep import check_timestep


class MinimaHoppingSpec(Spec):
    """How minima hopping walks over the minima of a potential.

    Factors are those of Goedecker, J. Chem. Phys. 120, 9911 (2004), and Schönborn et al., J. Chem. Phys. 130, 144108
    (2009).
    """

    cell: bool = False
    """Let the cell move, in escapes and relaxations; needs periodicity in three directions."""

    pressure: float = 0.0
    """Pressure in GPa; minima are then those of the enthalpy. Needs a moving cell."""

    temperature: float = Field(default=1000.0, gt=0.0)
    """Temperature in K of the first escape."""

    temperature_window: tuple[float, float] | None = (100.0, 10_000.0)
    """Lowest and highest temperature in K that the feedback may reach; null: it is free, and rises without end where
    all minima are known."""

    energy_difference: float = Field(default=0.5, gt=0.0)
    """E_diff in eV at first: a minimum is accepted that is higher than the present one by less."""

    beta1: float = Field(default=1.05, ge=1.0)
    """What the kinetic energy is multiplied by where an escape has led back to the same minimum."""

    beta2: float = Field(default=1.05, ge=1.0)
    """What it is multiplied by where the minimum had been visited before."""

    beta3: float = Field(default=1 / 1.05, gt=0.0, le=1.0)
    """What it is multiplied by where the minimum is new."""

    revisits: float = Field(default=0.1, ge=0.0)
    """c in β2 (1 + c ln n): the kinetic energy grows faster where a minimum has been visited n times before."""

    alpha1: float = Field(default=1 / 1.02, gt=0.0, le=1.0)
    """What E_diff is multiplied by where a minimum was accepted."""

    alpha2: float = Field(default=1.02, ge=1.0)
    """What E_diff is multiplied by where a minimum was rejected."""

    minima_passed: int = Field(default=2, ge=1)
    """mdmin: minima of the potential energy along the trajectory after which an escape ends."""

    escape_steps: int = Field(default=1000, ge=1)
    """Longest escape in steps."""

    softening_steps: int = Field(default=2, ge=0)
    """How often the first velocity is turned towards low curvature; 0: it is random. Smooth landscapes such as those of
    clusters with pair potentials may gain by more, rough ones lose: small crystals then try one low barrier after
    another."""

    timestep_fs: float | Literal["auto"] = "auto"
    """Time step of escapes in fs; `auto` follows the curvature and then how well energy is conserved."""

    force_tolerance: float = Field(default=0.01, gt=0.0)
    """Largest force in eV/Å that a relaxation leaves; with a moving cell, also virial per atom in eV."""

    relaxation_steps: int = Field(default=1000, ge=1)
    """Evaluations after which a relaxation is given up."""

    energy_tolerance: float = Field(default=1e-4, gt=0.0)
    """Energy in eV/atom within which two minima may be one."""

    fingerprint_tolerance: float = Field(default=0.03, gt=0.0)
    """Largest difference of their fingerprints within which they are."""

    judge_every: int = Field(default=10, ge=1)
    """Steps between two looks at geometry and uncertainty."""

    candidate_every: int | None = Field(default=None, ge=1)
    """Steps of an escape between two snapshots that are handed out as candidates; null: none are."""

    reach: float = Field(default=2.5, gt=1.0)
    """A cluster is in one piece while its atoms are linked by distances below this multiple of the sum of their
    covalent radii (and within the potential's cutoff)."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        check_timestep(self.timestep_fs)
        if self.pressure != 0.0 and not self.cell:
            raise ValueError(f"a pressure of {self.pressure} GPa needs a moving cell: cell: true")
        if self.temperature_window is not None:
            low, high = self.temperature_window
            if not 0.0 < low <= high:
                raise ValueError(
                    f"temperature_window {list(self.temperature_window)}: the lower one comes first and lies above 0 K"
                )
        return self
