"""Neuroevolution potentials on disk: `potential.json` says what it is, `nep.txt` holds the numbers."""

from __future__ import annotations

import json
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.nep.nep_txt import read_nep_txt, write_nep_txt
from forgefield.potentials.nep.parameters import NepParameters

FAMILY = "nep"


def save(folder: Path, model: NepParameters) -> None:
    """Write a potential; the description comes last, so a torn write is not taken for a potential."""
    folder.mkdir(parents=True, exist_ok=True)
    write_nep_txt(model, folder / "nep.txt")
    description = {"family": FAMILY, "species": list(model.species)}
    (folder / "potential.json").write_text(json.dumps(description, indent=2) + "\n")


def load(folder: Path) -> NepParameters:
    """Read what `save` wrote.

    Raises:
        ForgefieldError: a file that is missing or torn.
    """
    model = read_nep_txt(folder / "nep.txt")
    described = json.loads((folder / "potential.json").read_text())["species"]
    if tuple(described) != model.species:
        raise ForgefieldError(
            f"{folder} describes species {', '.join(described)}, its nep.txt has {', '.join(model.species)}",
            "restore the folder",
        )
    return model
