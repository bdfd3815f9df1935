"""Which structures repeat one that is known or has been kept: fingerprints in, indices and twins out.

The diversity check of Mirhosseini, Tahmasbi, Kuchana, Ghasemi, Kühne, Comput. Mater. Sci. 197, 110567 (2021): two
structures are alike if neither their fingerprints nor, where they are given, their energies differ by more than a
tolerance; structures are compared within one composition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.selection import diversity_kernel as kernel

_BLOCK = 512
"""Structures compared side by side with those kept before them; among themselves they are compared in turn."""
_AXES, _SAMPLE = 16, 512
_PROJECTED = 4096
_FREE = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class Described:
    """Structures as the diversity check sees them.

    Attributes:
        rows: (M, D) fingerprints in float64 or float32; Euclidean distances count.
        energies: (M,) eV/atom, or None.
        groups: (M,) names; structures of different groups are not compared. None puts all into one.
    """

    rows: NDArray[np.floating]
    energies: Array | None = None
    groups: Sequence[str] | None = None

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class DiversityCheck:
    """What a diversity check kept, and what it dropped because of which other structure.

    Attributes:
        kept: (K,) indices of candidates, in the order of priority.
        dropped: (L,) indices of the others, in the order of priority.
        twins: (L,) index of the nearest structure among those kept and known, for each one dropped.
        of_known: (L,) True where the twin is a known structure, False where it is a candidate that was kept.
        distances: (L,) to the twin.
    """

    kept: NDArray[np.int64]
    dropped: NDArray[np.int64]
    twins: NDArray[np.int64]
    of_known: NDArray[np.bool_]
    distances: Array


def drop_similar(
    candidates: Described,
    tolerance: float | Array,
    known: Described | None = None,
    priority: ArrayLike | None = None,
    energy_window: float | None = None,
) -> DiversityCheck:
    """Keep a candidate only if it is farther than the tolerance from everything known and everything kept.

    Candidates are taken one after the other, those of low priority values first. The result does not depend on the
    number of threads. Memory beyond the fingerprints is some 300 bytes for each structure: distances are never kept.

    Args:
        candidates: M structures.
        tolerance: largest distance at which two structures are one; or (M,) for each candidate its own.
        known: structures that every candidate is compared with; those that are alike stay.
        priority: (M,) such as energies; the lowest comes first, ties and None in the order given.
        energy_window: eV/atom; structures whose energies differ by more are different.

    Raises:
        ForgefieldError: a negative tolerance or window, widths or lengths that do not fit, energies or groups of one
            side only, numbers that are not finite.
    """
    if known is None:
        known = Described(
            candidates.rows[:0],
            None if candidates.energies is None else candidates.energies[:0],
            None if candidates.groups is None else [],
        )
    _check_settings(candidates, known, tolerance, energy_window)
    order = _order(len(candidates.rows), priority)
    tolerances = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), len(order))
    window = _FREE if energy_window is None else float(energy_window)
    axes, slack = _axes(candidates.rows, known.rows)
    own, theirs = _side(candidates, axes), _side(known, axes)
    twins, squares = np.empty(len(order), dtype=np.int64), np.empty(len(order))
    from_kept = np.empty(len(order), dtype=bool)
    for places, members in _groups(candidates, known, order):
        twins[places], squares[places], from_kept[places] = _pass(
            order[places], own, theirs, members, tolerances[order[places]], window, slack
        )
    alike = twins >= 0
    return DiversityCheck(
        kept=order[~alike],
        dropped=order[alike],
        twins=twins[alike],
        of_known=~from_kept[alike],
        distances=np.sqrt(squares[alike]),
    )


_Side = tuple[NDArray[np.floating], Array, Array]
"""Rows (M, D), sketches (M, C) and energies (M,)."""


def _side(described: Described, axes: Array) -> _Side:
    rows = np.ascontiguousarray(described.rows)
    energies = np.zeros(len(rows)) if described.energies is None else described.energies
    return rows, _projected(rows, axes), np.asarray(energies, dtype=np.float64)


def _pass(
    order: NDArray[np.int64], own: _Side, known: _Side, members: NDArray[np.int64], tolerances: Array, window: float,
    slack: float,
) -> tuple[NDArray[np.int64], Array, NDArray[np.bool_]]:  # fmt: skip
    """One group in the order of priority, with those of the known structures that belong to it.

    Returns:
        (n,) twins, −1 for those kept; squared distances to them; whether they are kept candidates.
    """
    twins, squares = np.full(len(order), -1, dtype=np.int64), tolerances**2
    from_kept = np.zeros(len(order), dtype=bool)
    if len(members):
        rows, sketches, energies = known
        others = (rows, np.ascontiguousarray(sketches[members].T), energies[members], members)
        kernel.search(order, own, others, len(members), window, slack, twins, squares, from_kept, False)
    columns = np.zeros((own[1].shape[1], len(order)))
    kept = (own[0], columns, np.zeros(len(order)), np.zeros(len(order), dtype=np.int64))
    n_kept = 0
    for begin in range(0, len(order), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        found = twins[block], squares[block], from_kept[block]
        kernel.search(order[block], own, kept, n_kept, window, slack, *found, True)
        n_kept = kernel.settle(order[block], own, kept, n_kept, window, slack, *found)
    return twins, squares, from_kept


def _groups(
    candidates: Described, known: Described, order: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each group of candidates: places in the order of priority, and indices of the known ones."""
    if candidates.groups is None or known.groups is None:
        yield np.arange(len(order)), np.arange(len(known.rows))
        return
    names, numbers = np.unique(np.array([*candidates.groups, *known.groups]), return_inverse=True)
    ours, theirs = numbers[: len(order)][order], numbers[len(order) :]
    yield from zip(_members(ours, len(names)), _members(theirs, len(names)), strict=True)


def _members(numbers: NDArray[np.int64], n_groups: int) -> list[NDArray[np.int64]]:
    """Places of each number, in their order."""
    edges = np.cumsum(np.bincount(numbers, minlength=n_groups))
    return np.split(np.argsort(numbers, kind="stable"), edges[:-1])


def _axes(rows: NDArray[np.floating], known: NDArray[np.floating]) -> tuple[Array, float]:
    """(D, C) leading principal axes of a sample of the rows, and a bound on the rounding error of a projection."""
    parts = [
        each[:: max(1, -(-len(each) // _SAMPLE))].astype(np.float64) for each in (rows, known) if len(each)
    ]
    if not parts:
        return np.zeros((rows.shape[1], 0)), 0.0
    sample = np.concatenate(parts)
    largest = max(float(np.linalg.norm(each, axis=1).max()) for each in parts)
    axes = np.linalg.svd(sample - sample.mean(axis=0), full_matrices=False)[2][:_AXES].T
    return axes, 1e-12 * largest


def _projected(rows: NDArray[np.floating], axes: Array) -> Array:
    """(M, C) sketches."""
    sketches = np.empty((len(rows), axes.shape[1]))
    for begin in range(0, len(rows), _PROJECTED):
        block = slice(begin, begin + _PROJECTED)
        sketches[block] = rows[block].astype(np.float64) @ axes
    return sketches


def _order(n: int, priority: ArrayLike | None) -> NDArray[np.int64]:
    if priority is None:
        return np.arange(n)
    values = np.asarray(priority, dtype=np.float64)
    if values.shape != (n,) or np.isnan(values).any():
        raise ForgefieldError(
            f"priorities of shape {values.shape} for {n} candidates, {int(np.isnan(values).sum())} of them unknown",
            "pass one number for each candidate",
        )
    return np.argsort(values, kind="stable")


def _check(described: Described) -> None:
    rows = described.rows
    if rows.ndim != 2 or rows.dtype not in (np.float64, np.float32):
        raise ForgefieldError(
            f"fingerprints have shape {rows.shape} and type {rows.dtype}",
            "pass one row for each structure, in float64 or float32",
        )
    if len(rows) and not rows.shape[1]:
        raise ForgefieldError(
            f"fingerprints of {len(rows)} structures have no features", "choose a fingerprint"
        )
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise ForgefieldError(
            f"fingerprints are not finite, first in row {int(finite.argmin())}",
            "screen the structures before",
        )
    for name in ("energies", "groups"):
        given = getattr(described, name)
        if given is not None and len(given) != len(rows):
            raise ForgefieldError(
                f"{len(given)} {name} for {len(rows)} fingerprints", "pass one for each structure"
            )
    if described.energies is not None and not np.isfinite(described.energies).all():
        raise ForgefieldError("energies are not finite", "leave out structures whose energy is unknown")


def _check_settings(
    candidates: Described, known: Described, tolerance: float | Array, window: float | None
) -> None:
    if np.shape(tolerance) not in ((), (len(candidates.rows),)):
        raise ForgefieldError(
            f"tolerances of shape {np.shape(tolerance)} for {len(candidates.rows)} candidates",
            "pass one number, or one for each candidate",
        )
    if not np.all((np.asarray(tolerance) >= 0.0) & np.isfinite(tolerance)):
        raise ForgefieldError(
            f"a tolerance of {tolerance} compares nothing", "choose a finite one, 0 or above"
        )
    widths = candidates.rows.shape[1], known.rows.shape[1]
    if widths[0] != widths[1]:
        raise ForgefieldError(
            f"candidates have {widths[0]} features, known structures {widths[1]}",
            "compute both with one fingerprint",
        )
    if (candidates.groups is None) != (known.groups is None):
        raise ForgefieldError(
            "only the candidates or only the known structures have groups",
            "name the groups of both or of none",
        )
    if window is None:
        return
    if not 0.0 <= window < np.inf:
        raise ForgefieldError(
            f"an energy window of {window} eV/atom is not a width", "choose one of 0 or above"
        )
    if candidates.energies is None or known.energies is None:
        raise ForgefieldError(
            "an energy window needs the energies of all structures", "pass them, or leave the window out"
        )
