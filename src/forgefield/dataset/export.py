"""The data set for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from forgefield.atoms.formats import write_extxyz
from forgefield.dataset.records import Record


def export_extxyz(records: Sequence[Record], path: Path | str) -> None:
    """Write records as extended XYZ with energy, forces, stress and their provenance on the comment line.

    Raises:
        ForgefieldError: the file cannot be written.
    """
    frames = []
    for record in records:
        atoms = record.atoms.copy()
        atoms.info = {
            name: value
            for name in ("key", "source", "trajectory", "parent", "step", "cycle", "note")
            if (value := getattr(record, name)) != ""
        }
        atoms.info["recipe"] = record.labels.recipe
        frames.append((atoms, record.labels))
    write_extxyz(path, frames)
