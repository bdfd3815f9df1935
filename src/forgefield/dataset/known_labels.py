"""Labels that were computed elsewhere and exported: what they say need not be computed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Labels
from forgefield.dataset.export import exported_records


def read_known_labels(files: Sequence[Path], recipe: str, engine: str) -> dict[str, Labels]:
    """Labels of one recipe in files of :func:`forgefield.dataset.export.export_extxyz`, by structure key.

    Those of other recipes are left aside: labels of different recipes do not mix.

    Args:
        files: extended XYZ.
        recipe: key of the recipe.
        engine: name and version that the recipe stands for.

    Raises:
        ForgefieldError: a file cannot be read, or holds no label of the recipe.
    """
    known: dict[str, Labels] = {}
    for file in files:
        found: Counter[str] = Counter()
        for record in exported_records(file):
            found[record.labels.recipe] += 1
            if record.labels.recipe == recipe:
                known[record.key] = replace(record.labels, engine=engine, seconds=0.0)
        if not found[recipe]:
            others = ", ".join(sorted(filter(None, found))) or "none"
            raise ForgefieldError(
                f"{file} holds no label of recipe {recipe} ({engine} with these settings); its recipes: {others}",
                "use the settings and the version that made them, or train on the file with: forgefield train",
            )
    return known
