"""Settings of the diversity check and of the bounds that the data set."""

from __future__ import annotations

from typing import Literal, Self

from ase.data import chemical_symbols
from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec


class DiversitySpec(Spec):
    """Which candidates repeat others, and which lie too far from the data.

    Left alone, tolerance and shortest distances follow from the data and from the cycle: tolerances shrink, distances
    shrink, both quickly in the first cycles and then less and less.
    """

    fingerprint: Literal["oganov-valle", "mean-environments"] = "oganov-valle"
    """`oganov-valle`: distances between atoms of each pair of elements; `mean-environments`: mean distances and angles
    around the atoms of each element."""

    cutoff: float | None = Field(default=None, gt=0.0, le=30.0)
    """How far a fingerprint sees, Å; left alone 10 for `oganov-valle` and 6 for `mean-environments`."""

    smearing: float = Field(default=0.08, gt=0.0, le=1.0)
    """Standard deviation in Å by which `oganov-valle` smears distances."""

    compare: Literal["composition", "formula", "all"] = "composition"
    """Structures are compared with those of the same composition, whatever their number of atoms, with those that have
    the same number of atoms of each element too (`formula`), or with all."""

    energy_window: float | None = Field(default=None, ge=0.0)
    """Structures whose energies differ by more, eV/atom, are different even if they look alike."""

    tolerance: float | None = Field(default=None, ge=0.0)
    """Distance of fingerprints up to which two structures are one, in all cycles; left alone it follows from the
    data."""

    noise: float = Field(default=0.01, gt=0.0, le=0.2)
    """Displacement in Å (standard deviation) below which structures never count as different: the tolerance ends where
    nine of ten copies rattled by it lie."""

    spread_share: float = Field(default=0.1, ge=0.0, le=1.0)
    """Tolerance of the first cycle as a share of the mean distance between known structures."""

    tightening: float = Field(default=0.5, ge=0.0, le=1.0)
    """Each cycle leaves this share of the way between the tolerance and its end."""

    distance_ratio: float = Field(default=0.95, gt=0.0, le=1.0)
    """Shortest allowed distance in the first cycle as a share of the shortest one in the data, for each pair of
    elements."""

    distance_ratio_floor: float = Field(default=0.8, gt=0.0, le=1.0)
    """What that share falls to."""

    loosening: float = Field(default=0.5, ge=0.0, le=1.0)
    """Each cycle leaves this share of the way to the floor."""

    min_distances: dict[str, float] = Field(default={})
    """Shortest allowed distances in Å in place of those that follow from the data, such as `{O-Ti: 1.5}`."""

    seed_force: float = Field(default=0.10, gt=0.0)
    """New explorations start from structures whose atoms all feel less than this, eV/Å."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.distance_ratio_floor > self.distance_ratio:
            raise ValueError(
                f"distance_ratio_floor {self.distance_ratio_floor} lies above distance_ratio {self.distance_ratio}: "
                "the shortest distance can only be loosened"
            )
        for pair, distance in self.min_distances.items():
            symbols = pair.split("-")
            if len(symbols) != 2 or not all(symbol in chemical_symbols[1:] for symbol in symbols):
                raise ValueError(f"min_distances {pair}: name two elements, such as O-Ti")
            if not 0.0 <= distance < 10.0:
                raise ValueError(f"min_distances {pair} {distance} Å must lie between 0 and 10")
        return self
