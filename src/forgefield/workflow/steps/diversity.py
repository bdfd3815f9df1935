"""The diversity check of a cycle: which candidates are sane by the data so far, and unlike everything known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from forgefield.selection.diversity import Described, drop_similar
from forgefield.selection.diversity_schedule import similarity_tolerance, tolerances_by_size
from forgefield.selection.reference_bounds import reference_bounds, screen_by_reference
from forgefield.selection.screen import limits_from
from forgefield.selection.similarity import comparison_groups, fingerprint_for, similarity_scale
from forgefield.workflow.context import Context


@dataclass(frozen=True, slots=True)
class Checked:
    """What is left of some candidates.

    Attributes:
        kept: their indices, those of high priority first.
        screened_out: how many lie outside of what the data allow.
        alike: how many repeat a known structure or a kept one.
        tolerance: distance of fingerprints up to which two structures of the usual size were one.
    """

    kept: NDArray[np.int64]
    screened_out: int
    alike: int
    tolerance: float

    def summary(self) -> dict[str, float]:
        """The numbers, for a manifest."""
        return {"screened_out": self.screened_out, "alike": self.alike, "tolerance": self.tolerance}


def different_and_sane(
    context: Context, candidates: Sequence[Atoms], cycle: int, priority: ArrayLike | None = None
) -> Checked:
    """Check candidates against all labelled structures and against each other.

    Args:
        context: the run.
        candidates: structures.
        cycle: counts from 1; tolerance and shortest distances shrink from cycle to cycle.
        priority: of each candidate; of two that are alike the one with the lower value is kept.
    """
    spec, species = context.spec.selection, context.spec.system.symbols
    known = [record.atoms for record in context.training_records()]
    limits = limits_from(known, spec.min_distance_ratio, spec.volume_window)
    bounds = reference_bounds(known, species, limits, spec.diversity, cycle)
    sane = np.flatnonzero(screen_by_reference(candidates, bounds).mask)
    ranks = None if priority is None else np.asarray(priority, dtype=float)[sane]
    fingerprint = fingerprint_for(spec.diversity, species)

    def described(structures: Sequence[Atoms]) -> Described:
        return Described(fingerprint.rows(structures), groups=comparison_groups(structures, spec.diversity))

    theirs = described(known)
    rng = context.rng("similarity", cycle)
    scale = similarity_scale(known, theirs, fingerprint, spec.diversity, rng)
    tolerance = similarity_tolerance(spec.diversity, scale, cycle)
    ours = [candidates[int(i)] for i in sane]
    sizes = [len(atoms) for atoms in ours]
    tolerances = (
        tolerances_by_size(tolerance, scale, sizes) if spec.diversity.tolerance is None else tolerance
    )
    found = drop_similar(described(ours), tolerances, theirs, ranks)
    return Checked(sane[found.kept], len(candidates) - len(sane), len(found.dropped), tolerance)
