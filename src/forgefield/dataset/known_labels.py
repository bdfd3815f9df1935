"""Labels that were computed elsewhere and exported: what they say need not be computed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import iterate_structures
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Labels


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
        for atoms in iterate_structures(file):
            made_by = str(atoms.info.get("recipe", ""))
            results = atoms.calc.results if atoms.calc is not None else {}
            if "energy" not in results or "forces" not in results:
                continue
            found[made_by] += 1
            if made_by == recipe:
                known[structure_key(atoms)] = Labels(
                    float(results["energy"]), results["forces"], results.get("stress"), recipe, engine, 0.0
                )
        if not found[recipe]:
            others = ", ".join(sorted(filter(None, found))) or "none"
            raise ForgefieldError(
                f"{file} holds no label of recipe {recipe} ({engine} with these settings); its recipes: {others}",
                "use the settings and the version that made them, or train on the file with: forgefield train",
            )
    return known
