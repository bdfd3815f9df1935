"""Density-expansion potentials on disk: `potential.json` says what it is, `weights.npz` holds the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from forgefield.atoms.array_files import read_arrays
from forgefield.potentials.density.model import DensityModel
from forgefield.potentials.density.spec import DensitySpec

FAMILY = "density"


def save(folder: Path, spec: DensitySpec, species: tuple[str, ...], model: DensityModel) -> None:
    """Write a potential; the description comes last, so a torn write is not taken for a potential."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    np.savez(folder / "weights.npz", **weights)
    description = {"family": FAMILY, "species": list(species), "spec": spec.model_dump(mode="json")}
    (folder / "potential.json").write_text(json.dumps(description, indent=2) + "\n")


def load(folder: Path) -> tuple[DensitySpec, tuple[str, ...], DensityModel]:
    """Read a potential's settings, species and model."""
    description = json.loads((folder / "potential.json").read_text())
    spec = DensitySpec.model_validate(description["spec"])
    species = tuple(description["species"])
    model = DensityModel(spec, len(species), seed=0)
    weights = read_arrays(folder / "weights.npz")
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return spec, species, model.requires_grad_(False)
