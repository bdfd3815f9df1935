"""Settings of the selection."""

from __future__ import annotations

from pydantic import Field

from forgefield.atoms.spec import Spec
from forgefield.selection.diversity_spec import DiversitySpec


class SelectionSpec(Spec):
    """Which explored structures go to the reference calculation."""

    per_cycle: int = Field(default=20, ge=1)
    """Reference calculations in each cycle, at most."""

    diversity_weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """0 takes the most uncertain structures, 1 the most unlike ones; between them, both count."""

    separation: float = Field(default=0.05, ge=0.0)
    """Structures closer than this to one already chosen, as a fraction of the spread of all structures in
    descriptor space, count as the same."""

    min_distance_ratio: float = Field(default=0.6, gt=0.0, lt=1.5)
    """Shortest allowed distance between two atoms as a fraction of the sum of their covalent radii."""

    volume_window: float = Field(default=1.3, ge=1.0)
    """Volume per atom may lie outside the range of the known structures by this factor on either side."""

    diversity: DiversitySpec = DiversitySpec()
    """When two structures count as one, and how close atoms may come, judged by the data of earlier cycles."""
