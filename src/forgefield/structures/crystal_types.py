"""The same type of crystal, whatever its size and however its atoms are shifted a little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ase import Atoms

from forgefield.atoms.neighbours import shortest_distance
from forgefield.atoms.records import Candidate
from forgefield.structures.pymatgen_bridge import require_pymatgen, to_pymatgen

# How far atoms may be from a translation of the primitive cell, Å.
_SHIFTED = 0.5


def same_types(candidates: Sequence[Candidate]) -> list[int | None]:
    """For each candidate the index of the earlier one of the same type; None for the first of its type.

    Two crystals are of one type if pymatgen's ``StructureMatcher`` maps their primitive cells onto each other, scaled
    to one volume, with its default tolerances: lengths of the cell agree within 20 %, angles within 5°, and no atom is
    farther from its partner than 0.3 (V/N)^(1/3). That is coarser than
    :func:`~forgefield.structures.duplicates.twins`: rutile stays rutile when it is relaxed, squeezed or rattled, but
    a crystal and a small distortion of it are one, too. Magnetic moments do not count, and what is not periodic in
    three dimensions is never of a type met before.

    Args:
        candidates: structures of any elements and periodicity.

    Raises:
        ForgefieldError: pymatgen is not installed.
    """
    require_pymatgen("types of crystals")
    from pymatgen.core.structure_matcher import StructureMatcher

    matcher = StructureMatcher()
    found: list[int | None] = []
    firsts: dict[str, list[tuple[int, Any]]] = {}
    for number, candidate in enumerate(candidates):
        if not candidate.atoms.pbc.all():
            found.append(None)
            continue
        crystal = _reduced(candidate.atoms)
        # Primitive cells with different numbers of atoms never match.
        known = firsts.setdefault(crystal.formula, [])
        first = next(
            (index for index, other in known if matcher.fit(other, crystal, skip_structure_reduction=True)),
            None,
        )
        if first is None:
            known.append((number, crystal))
        found.append(first)
    return found


def _reduced(atoms: Atoms) -> Any:
    """The Niggli cell of the primitive cell, as pymatgen's ``Structure``, in the order in which the matcher reduces."""
    # The matcher's own 0.25 Å is too little for supercells rattled by 0.05 Å; much of a bond would make H2 one atom.
    tolerance = min(_SHIFTED, 0.25 * shortest_distance(atoms, 4.0 * _SHIFTED))
    niggli = to_pymatgen(atoms).get_reduced_structure("niggli")
    return niggli.get_primitive_structure(tolerance=tolerance)
