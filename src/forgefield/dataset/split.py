"""Training and validation sides, parted by trajectory and never by frame."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from forgefield.atoms.errors import ForgefieldError
from forgefield.dataset.records import Entry, Record

Filed = TypeVar("Filed", Record, Entry)


@dataclass(frozen=True, slots=True)
class Split(Generic[Filed]):
    """Two sides of a data set; each keeps the order in which the records were given."""

    train: tuple[Filed, ...]
    validation: tuple[Filed, ...]


def split_by_trajectory(
    records: Sequence[Filed],
    fraction: float = 0.1,
    seed: int = 0,
    always_train: Collection[str] = ("isolated-atom",),
    largest: float = math.inf,
) -> Split[Filed]:
    """Part the records so that no trajectory is on both sides.

    Frames of one trajectory resemble each other, so a split by frame would flatter the potential. Each
    trajectory draws a number in [0, 1) from the hash of (seed, trajectory) and is validated if that lies
    below ``fraction``: the sides of the others do not depend on it, and a growing data set moves
    nothing across. Two exceptions keep both sides filled. If no trajectory drew validation, the one with the
    smallest number is validated; it goes back to training when a later one draws validation. If all drew
    validation, the one with the largest number is trained on.

    Args:
        records: labelled structures, or what they are filed under.
        fraction: expected share of trajectories to validate on, 0 to 1 exclusive; 0 for none.
        seed: another seed gives another split.
        always_train: sources whose records are never validated on, such as isolated atoms, which are unlike
            anything else.
        largest: atoms; trajectories with a larger structure are never validated on either, such as the few wide
            cells among many small ones, which cost most and teach most.

    Raises:
        ForgefieldError: a fraction outside [0, 1).
    """
    if not 0.0 <= fraction < 1.0:
        raise ForgefieldError(f"validation fraction {fraction} is not in [0, 1)", "choose one such as 0.1")
    kept = {record.trajectory for record in records if record.n_atoms > largest}
    numbers = {
        record.trajectory: _draw(seed, record.trajectory)
        for record in records
        if record.source not in always_train and record.trajectory not in kept
    }
    validated = {trajectory for trajectory, number in numbers.items() if number < fraction}
    if fraction > 0.0 and len(numbers) >= 2:
        if not validated:
            validated = {min(numbers, key=lambda trajectory: numbers[trajectory])}
        elif len(validated) == len(numbers):
            validated.remove(max(numbers, key=lambda trajectory: numbers[trajectory]))
    elif len(numbers) < 2:
        validated = set()
    sides: tuple[list[Filed], list[Filed]] = ([], [])
    for record in records:
        sides[record.trajectory in validated and record.source not in always_train].append(record)
    return Split(train=tuple(sides[0]), validation=tuple(sides[1]))


def _draw(seed: int, trajectory: str) -> float:
    digest = hashlib.sha256(f"{seed}\n{trajectory}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64
