"""Bayesian potentials on disk: `potential.json` says what it is, `weights.npz` holds the numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from forgefield.atoms.array_files import read_arrays
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.potentials.bayesian.kernel_model import PolynomialBasis
from forgefield.potentials.bayesian.model import Basis, BayesianModel, LinearBasis, descriptor_of
from forgefield.potentials.bayesian.spec import BayesianSpec

FAMILY = "bayesian"
_DESCRIPTION = "description"
_MODEL = ("free_energies", "bound_energies", "weights", "root")


def save(folder: Path, spec: BayesianSpec, species: tuple[str, ...], model: BayesianModel) -> None:
    """Write a potential; the description comes last, so a torn write is not taken for a potential."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {name: getattr(model, name) for name in _MODEL} | basis_arrays(model.basis)
    np.savez(folder / "weights.npz", **arrays)
    (folder / "potential.json").write_text(json.dumps(describe(spec, species), indent=2) + "\n")


def load(folder: Path) -> tuple[BayesianSpec, tuple[str, ...], BayesianModel]:
    """Read a potential's settings, species and model."""
    spec, species = described(json.loads((folder / "potential.json").read_text()))
    stored = read_arrays(folder / "weights.npz")
    model = BayesianModel(basis_from(spec, species, stored), *(stored[name] for name in _MODEL))
    return spec, species, model


def describe(spec: BayesianSpec, species: tuple[str, ...]) -> dict[str, Any]:
    """What is stored beside the numbers."""
    return {"family": FAMILY, "species": list(species), "spec": spec.model_dump(mode="json")}


def described(description: dict[str, Any]) -> tuple[BayesianSpec, tuple[str, ...]]:
    """Settings and species, from what `describe` gave."""
    return BayesianSpec.model_validate(description["spec"]), tuple(description["species"])


def basis_arrays(basis: Basis) -> dict[str, Array]:
    """The numbers of a basis."""
    arrays = {"scales": basis.scales}
    if isinstance(basis, PolynomialBasis):
        arrays |= {"units": basis.units}
        arrays |= {f"references_{k}": each for k, each in enumerate(basis.references)}
    return arrays


def basis_from(spec: BayesianSpec, species: tuple[str, ...], stored: Any) -> Basis:
    """A basis from its numbers, by name."""
    linear = LinearBasis(descriptor_of(spec, species), stored["scales"])
    if spec.kernel == "linear":
        return linear
    references = tuple(stored[f"references_{k}"] for k in range(len(species)))
    return PolynomialBasis(linear, stored["units"], spec.power, references)


def write_state(path: Path, description: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Write a description and arrays into one file that is either there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = arrays | {_DESCRIPTION: np.array(json.dumps(description))}
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    partial.replace(path)


def read_state(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what `write_state` wrote.

    Raises:
        ForgefieldError: there is no such file, or it is damaged.
    """
    try:
        arrays = read_arrays(path)
        return json.loads(str(arrays.pop(_DESCRIPTION))), arrays
    except (ForgefieldError, ValueError, KeyError) as error:
        raise ForgefieldError(
            f"{path} holds no state of a Bayesian fit ({error})", "restore the file, or fit anew"
        ) from None
