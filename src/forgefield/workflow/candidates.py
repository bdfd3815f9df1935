"""Candidates on disk: extended XYZ with their origin on the comment line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ase import Atoms

from forgefield.atoms.formats import from_info, read_structures, to_info, write_extxyz
from forgefield.atoms.records import Candidate

_ORIGIN = ("source", "trajectory", "parent", "note")


def write_candidates(path: Path, candidates: Sequence[Candidate]) -> None:
    """Write candidates in order; the file appears whole or not at all."""
    frames = []
    for candidate in candidates:
        atoms = candidate.atoms.copy()
        # Empty values do not survive the comment line.
        atoms.info = {name: to_info(getattr(candidate, name)) for name in _ORIGIN if getattr(candidate, name)}
        frames.append((atoms, None))
    write_extxyz(path, frames)


def read_candidates(path: Path) -> list[Candidate]:
    """Read what `write_candidates` wrote; none if it wrote none."""
    if not path.exists() or path.stat().st_size == 0:
        return []
    return [_candidate(atoms) for atoms in read_structures(path)]


def _candidate(atoms: Atoms) -> Candidate:
    origin = {name: from_info(atoms.info.get(name, "")) for name in _ORIGIN}
    bare = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if atoms.has("initial_magmoms"):
        bare.set_initial_magnetic_moments(atoms.get_initial_magnetic_moments())
    return Candidate(bare, **origin)
