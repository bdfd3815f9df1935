"""Neural network potentials on disk: `potential.json` says what it is, `weights.npz` holds networks and scaling."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from forgefield.atoms.array_files import read_arrays
from forgefield.atoms.errors import ForgefieldError
from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction
from forgefield.potentials.hdnnp.definition import Hdnnp, Network, Scaling, Units

FAMILY = "hdnnp"
_NUMBERS = ("mean_energy", "conv_energy", "conv_length")


def save(folder: Path, hdnnp: Hdnnp) -> None:
    """Write a potential; the description comes last, so a torn write is not taken for a potential."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        f"statistics.{symbol}": rows for symbol, rows in zip(hdnnp.species, hdnnp.statistics, strict=True)
    }
    for member, networks in enumerate(hdnnp.networks):
        for symbol, network in zip(hdnnp.species, networks, strict=True):
            for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
                arrays[f"{member}.{symbol}.{layer}.weight"] = weight
                arrays[f"{member}.{symbol}.{layer}.bias"] = bias
    np.savez(folder / "weights.npz", **arrays)  # type: ignore[arg-type]
    first = hdnnp.networks[0]
    description = {
        "family": FAMILY,
        "species": list(hdnnp.species),
        "members": len(hdnnp.networks),
        "cutoff_function": asdict(hdnnp.cutoff_function),
        "scaling": asdict(hdnnp.scaling),
        "units": asdict(hdnnp.units),
        "normalised_nodes": first[0].normalised,
        "activations": [network.activations for network in first],
        "atom_energies": list(hdnnp.atom_energies),
        **{name: getattr(hdnnp, name) for name in _NUMBERS},
        "functions": [asdict(function) for function in hdnnp.functions],
    }
    (folder / "potential.json").write_text(json.dumps(description, indent=1) + "\n")


def load(folder: Path) -> Hdnnp:
    """Read what `save` wrote.

    Raises:
        ForgefieldError: the folder's files are incomplete.
    """
    try:
        content = json.loads((folder / "potential.json").read_text())
        species = tuple(content["species"])
        functions = tuple(
            SymmetryFunction(**{**each, "neighbours": tuple(each["neighbours"])})
            for each in content["functions"]
        )
        stored = read_arrays(folder / "weights.npz")
        statistics = tuple(stored[f"statistics.{symbol}"] for symbol in species)
        networks = tuple(
            tuple(
                Network(
                    tuple(stored[f"{member}.{symbol}.{layer}.weight"] for layer in range(len(letters))),
                    tuple(stored[f"{member}.{symbol}.{layer}.bias"] for layer in range(len(letters))),
                    letters,
                    content["normalised_nodes"],
                )
                for symbol, letters in zip(species, content["activations"], strict=True)
            )
            for member in range(content["members"])
        )
        return Hdnnp(
            species,
            functions,
            CutoffFunction(**content["cutoff_function"]),
            Scaling(**content["scaling"]),
            statistics,
            networks,
            Units(**content["units"]),
            atom_energies=tuple(content["atom_energies"]),
            **{name: content[name] for name in _NUMBERS},
        )
    except (KeyError, TypeError, ValueError, OSError, RecursionError) as error:
        raise ForgefieldError(
            f"the potential in {folder} cannot be read ({error})", "restore its files, or train again"
        ) from None
