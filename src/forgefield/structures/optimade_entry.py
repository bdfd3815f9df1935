"""Atoms from an entry of an OPTIMADE database.

The format: Andersen et al., Sci. Data 8, 217 (2021); specification 1.2, section "Structures Entries".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from forgefield.atoms.records import Candidate

FIELDS = (
    "elements",
    "nsites",
    "dimension_types",
    "lattice_vectors",
    "cartesian_site_positions",
    "species",
    "species_at_sites",
)


def entry_identifier(entry: Any) -> str:
    """What a database calls an entry."""
    return str(entry.get("id", "?")) if isinstance(entry, dict) else "?"


def entry_candidate(entry: Any, database: str) -> Candidate:
    """The crystal of one entry.

    Args:
        entry: one item of the answer's ``data``.
        database: name of the database.

    Raises:
        ValueError: what is wrong with the entry, as in :func:`atoms_from_entry`, or that it is no crystal.
    """
    atoms = atoms_from_entry(entry)
    if not atoms.pbc.all():
        raise ValueError("it is not periodic in three dimensions")
    label = entry_identifier(entry)
    note = f"{atoms.get_chemical_formula('metal')}, {label} of {database}"
    return Candidate(atoms, "database", f"database/{database}/{label}", note=note)


def atoms_from_entry(entry: Any) -> Atoms:
    """The atoms of one entry of the endpoint ``structures``.

    Args:
        entry: one item of the answer's ``data``.

    Raises:
        ValueError: what is wrong with the entry: a field that is missing or contradicts another, sites that are shared
            by several elements or partly empty, or a cell without volume.
    """
    attributes = entry.get("attributes") if isinstance(entry, dict) else None
    if not isinstance(attributes, dict):
        raise ValueError("it has no attributes")
    missing = [field for field in FIELDS[2:] if not attributes.get(field)]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    symbols = _symbols(attributes["species"], attributes["species_at_sites"])
    positions = _numbers(attributes["cartesian_site_positions"], "cartesian_site_positions")
    if positions.shape != (len(symbols), 3):
        raise ValueError(f"it has {len(symbols)} species_at_sites, but positions of shape {positions.shape}")
    nsites = attributes.get("nsites")
    if nsites is not None and nsites != len(symbols):
        raise ValueError(f"it has {len(symbols)} sites, but says nsites {nsites}")
    periodic = _numbers(attributes["dimension_types"], "dimension_types").astype(bool)
    vectors = [
        vector if vector and None not in vector else [0, 0, 0] for vector in attributes["lattice_vectors"]
    ]
    cell = _numbers(vectors, "lattice_vectors")
    if cell.shape != (3, 3) or periodic.shape != (3,):
        raise ValueError("its lattice_vectors or dimension_types are not three")
    atoms = Atoms(symbols, positions, cell=cell, pbc=periodic)
    if periodic.all() and atoms.get_volume() < len(atoms):
        raise ValueError(f"its cell of {atoms.get_volume():.3g} Å³ is too small for {len(atoms)} atoms")
    return atoms


def _symbols(species: Any, at_sites: Any) -> list[str]:
    try:
        known = {each["name"]: (each["chemical_symbols"], each["concentration"]) for each in species}
        kinds = [known[name] for name in at_sites]
    except (TypeError, KeyError) as error:
        raise ValueError(f"its species cannot be read ({type(error).__name__}: {error})") from None
    for symbols, shares in kinds:
        if len(symbols) != 1 or abs(float(shares[0]) - 1.0) > 1e-6:
            raise ValueError("some of its sites are shared by several elements or partly empty")
        if atomic_numbers.get(symbols[0], 0) == 0:
            raise ValueError(f"{symbols[0]!r} on its sites is no element")
    return [symbols[0] for symbols, _ in kinds]


def _numbers(values: Any, name: str) -> np.ndarray:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"its {name} are not numbers") from None
    if not np.isfinite(array).all():
        raise ValueError(f"its {name} are not finite")
    return array
