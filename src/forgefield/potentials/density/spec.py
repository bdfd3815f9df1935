"""Settings of the density-expansion potential."""

from __future__ import annotations

from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec


class DensitySpec(Spec):
    """Density expansion → radial, 3-body and 4-body invariants → one network per element, as a committee."""

    cutoff: float = Field(default=6.0, gt=1.0, le=12.0)
    """Cutoff radius, Å."""
    n_radial: int = Field(default=16, ge=2, le=30)
    """Chebyshev radial functions per neighbour species."""
    l_max: int = Field(default=4, ge=0, le=6)
    """Highest degree of the spherical harmonics in the power spectrum."""
    channels: int = Field(default=8, ge=1, le=20)
    """Learned radial contractions, shared by 3- and 4-body invariants."""
    l_max_4body: int = Field(default=3, ge=0, le=6)
    """Highest degree in the 4-body invariants; 0 leaves them out."""
    l_max_5body: int = Field(default=2, ge=0, le=4)
    """Highest degree in the 5-body invariants; 0 leaves them out."""
    hidden: tuple[int, ...] = Field(default=(32, 32), min_length=1, max_length=4)
    """Width of each hidden layer."""
    members: int = Field(default=4, ge=1, le=32)
    """Networks in the committee, which differ in initial weights and in the weight of each structure."""

    @model_validator(mode="after")
    def _degrees_fit(self) -> DensitySpec:
        if self.l_max_4body > self.l_max:
            raise ValueError(
                f"l_max_4body {self.l_max_4body} is larger than l_max {self.l_max}; lower it or raise l_max"
            )
        return self
