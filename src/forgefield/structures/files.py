"""Structures that the user brings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import read_structures
from forgefield.atoms.records import Candidate


def structures_from_files(
    files: Sequence[Path], species: Sequence[str], as_trajectories: bool = True
) -> list[Candidate]:
    """All structures of some files, as they are, without calculators, momenta or constraints.

    Args:
        files: in any format that ASE reads.
        species: the elements of the system; others are refused.
        as_trajectories: whether the frames of one file share a trajectory, or each is one of its own.

    Raises:
        ForgefieldError: an unreadable file, or an element that is not of the system.
    """
    candidates = []
    for number, path in enumerate(files):
        name = f"file/{number:02d}-{Path(path).stem}"
        for index, frame in enumerate(read_structures(path)):
            foreign = sorted(set(frame.get_chemical_symbols()) - set(species))
            if foreign:
                raise ForgefieldError(
                    f"structure {index} of {path} contains {', '.join(foreign)}, but the system's species "
                    f"are {', '.join(species)}",
                    "add the element to the species or take the structure out of the file",
                )
            atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
            if frame.has("initial_magmoms"):
                atoms.set_initial_magnetic_moments(frame.get_initial_magnetic_moments())
            trajectory = name if as_trajectories else f"{name}/{index:05d}"
            candidates.append(
                Candidate(atoms, "file", trajectory, note=f"structure {index} of {Path(path).name}")
            )
    return candidates
