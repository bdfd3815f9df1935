"""Symmetry of a crystal: operations, equivalent sites, space group."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import spglib
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.records import Array


def site_permutations(atoms: Atoms, tolerance: float = 1e-3) -> NDArray[np.int64]:
    """(O, N) where each symmetry operation of the cell takes each atom; the identity alone if none is found.

    Args:
        atoms: N atoms of a crystal.
        tolerance: how far an atom may be from where symmetry puts it, Å.
    """
    rotations, translations = symmetry_operations(atoms, tolerance)
    scaled = atoms.get_scaled_positions()
    permutations = []
    for rotation, translation in zip(rotations, translations, strict=True):
        moved = scaled @ rotation.T + translation
        away = moved[:, None, :] - scaled[None, :, :]
        away -= np.round(away)
        distances = np.linalg.norm(away @ atoms.cell.array, axis=2)
        distances[atoms.numbers[:, None] != atoms.numbers[None, :]] = np.inf
        images = distances.argmin(axis=1)
        if len(set(images.tolist())) == len(atoms):
            permutations.append(images)
    return np.array(permutations, dtype=np.int64)


def distinct_atoms(atoms: Atoms, tolerance: float = 1e-3) -> NDArray[np.int64]:
    """Index of one atom of each kind of site of the crystal, whatever the shape of its cell."""
    dataset = _asked(spglib.get_symmetry_dataset, atoms, tolerance)
    if dataset is None:
        return np.arange(len(atoms))
    return np.asarray(np.unique(dataset.crystallographic_orbits, return_index=True)[1], dtype=np.int64)


def space_group(atoms: Atoms, tolerance: float = 1e-3) -> str:
    """Symbol and number of a crystal's space group, such as ``P4_2/mnm (136)``; ``P1 (1)`` if none is found."""
    dataset = _asked(spglib.get_symmetry_dataset, atoms, tolerance)
    return "P1 (1)" if dataset is None else f"{dataset.international} ({dataset.number})"


def symmetry_operations(atoms: Atoms, tolerance: float = 1e-3) -> tuple[NDArray[np.int64], Array]:
    """(O, 3, 3) rotations and (O, 3) translations in fractional coordinates, the identity among them."""
    found = _asked(spglib.get_symmetry, atoms, tolerance)
    if found is None:
        return np.eye(3, dtype=np.int64)[None], np.zeros((1, 3))
    return np.asarray(found["rotations"], dtype=np.int64), np.asarray(found["translations"])


def _asked(function: Any, atoms: Atoms, tolerance: float) -> Any:
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    with warnings.catch_warnings():
        # spglib warns at every call that it will raise, one day, where it returns None today.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        try:
            return function(cell, symprec=tolerance)
        except spglib.SpglibError:
            return None
