"""From cycle to cycle: what counts as alike shrinks to the noise, what counts as too close loosens to a floor.

Mirhosseini et al., Comput. Mater. Sci. 197, 110567 (2021), change both from one training cycle to the next: early
potentials are trusted near the data only and are served best by few, very different structures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.selection.diversity_spec import DiversitySpec


@dataclass(frozen=True, slots=True)
class SimilarityScale:
    """What distances of fingerprints mean in some data.

    Attributes:
        noise: distance of a structure from a copy that does not count as different.
        spread: mean distance between the known structures.
        atoms: median number of atoms of the structures that the noise comes from.
    """

    noise: float
    spread: float
    atoms: float


def similarity_tolerance(spec: DiversitySpec, scale: SimilarityScale, cycle: int) -> float:
    """Distance up to which two structures are one: t_k = noise + (t_1 − noise) τ^(k − 1).

    t_1 is ``spread_share`` of the spread, at least the noise; τ is ``tightening``. ``spec.tolerance`` goes before all.

    Args:
        spec: settings.
        scale: from `selection.similarity.similarity_scale`.
        cycle: k, from 1 on.

    Raises:
        ForgefieldError: a cycle below 1.
    """
    if spec.tolerance is not None:
        return spec.tolerance
    first = max(scale.noise, spec.spread_share * scale.spread)
    return _approach(first, scale.noise, spec.tightening, cycle)


def tolerances_by_size(tolerance: float, scale: SimilarityScale, n_atoms: ArrayLike) -> Array:
    """(M,) tolerance of each structure: wide cells get a smaller one, t √(a/N) where N atoms are more than the usual a.

    A fingerprint is a mean over atoms: displaced at random, a structure of N atoms moves by 1/√N of what one atom's
    surroundings do, and a vacancy that relaxes among N atoms by 1/N only.

    Args:
        tolerance: t, from `similarity_tolerance`.
        scale: with the usual number of atoms a.
        n_atoms: (M,) atoms of each structure.
    """
    return tolerance * np.sqrt(np.minimum(1.0, scale.atoms / np.asarray(n_atoms, dtype=np.float64)))


def distance_ratio(spec: DiversitySpec, cycle: int) -> float:
    """Shortest allowed distance over the shortest one in the data: f + (r − f) λ^(k − 1).

    r is ``distance_ratio``, f ``distance_ratio_floor`` and λ ``loosening``.

    Args:
        spec: settings.
        cycle: k, from 1 on.

    Raises:
        ForgefieldError: a cycle below 1.
    """
    return _approach(spec.distance_ratio, spec.distance_ratio_floor, spec.loosening, cycle)


def _approach(first: float, end: float, share: float, cycle: int) -> float:
    if cycle < 1:
        raise ForgefieldError(f"there is no cycle {cycle}", "count cycles from 1")
    return end + (first - end) * share ** (cycle - 1)
