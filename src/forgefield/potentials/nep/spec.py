"""Settings of the neuroevolution potential."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec


class NepSpec(Spec):
    """Learned radial channels → radial, 3-, 4- and 5-body invariants → one hidden layer per element (NEP4)."""

    cutoff: float = Field(default=6.0, gt=1.0, le=12.0)
    """Cutoff radius of the radial descriptors, Å."""
    angular_cutoff: float = Field(default=5.0, gt=1.0, le=8.0)
    """Cutoff radius of the angular descriptors, Å."""
    n_max_radial: int = Field(default=8, ge=0, le=19)
    """Radial channels, less one."""
    n_max_angular: int = Field(default=6, ge=0, le=19)
    """Angular channels, less one."""
    basis_size_radial: int = Field(default=10, ge=0, le=19)
    """Chebyshev functions that a radial channel is made of, less one."""
    basis_size_angular: int = Field(default=10, ge=0, le=19)
    """Chebyshev functions that an angular channel is made of, less one."""
    l_max: int = Field(default=4, ge=0, le=4)
    """Highest degree of the 3-body invariants."""
    l_max_4body: Literal[0, 2] = 2
    """Degree of the 4-body invariants; 0 leaves them out."""
    l_max_5body: Literal[0, 1] = 1
    """Degree of the 5-body invariants; 0 leaves them out."""
    neurons: int = Field(default=40, ge=1, le=100)
    """Width of the hidden layer."""
    zbl: tuple[float, float] | None = None
    """Inner and outer cutoff of the universal repulsion of nuclei, Å; none if left out."""

    @model_validator(mode="after")
    def _fits_together(self) -> NepSpec:
        if self.angular_cutoff > self.cutoff:
            raise ValueError(
                f"angular_cutoff {self.angular_cutoff} is larger than cutoff {self.cutoff}; lower it or raise cutoff"
            )
        if self.l_max < max(self.l_max_4body, self.l_max_5body):
            raise ValueError(
                f"l_max {self.l_max} is below the degree of the 4- or 5-body invariants; raise it or leave those out"
            )
        # Programs that read nep.txt look for the repulsion among the angular neighbours.
        if self.zbl is not None and not 0 < self.zbl[0] < self.zbl[1] <= min(2.5, self.angular_cutoff):
            raise ValueError(
                f"zbl {self.zbl[0]}, {self.zbl[1]} is not 0 < inner < outer <= 2.5; choose, say, 0.7 and 1.4"
            )
        return self
