"""Slabs with low-index surfaces."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ase import Atoms
from ase.cell import Cell

from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.structures.compound_spec import SlabSpec
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion, charges_of
from forgefield.structures.pymatgen_bridge import from_pymatgen, require_pymatgen, to_pymatgen
from forgefield.structures.source_result import LeftOut, SourceResult


def slabs(
    parents: Sequence[Candidate],
    spec: SlabSpec,
    ions: Sequence[Ion] = (),
    duplicate_tolerance: float = 0.01,
) -> SourceResult:
    """All low-index slabs of crystals, with all terminations that differ, made by pymatgen.

    Tran et al., Sci. Data 3, 160080 (2016). Vacuum lies along the third cell vector, which is normal to the surface;
    the cell is periodic in all directions, as plane-wave engines need it. Left out and listed: slabs that are too
    large, whose two faces differ, and, where ions are given, that are charged or have a dipole across.

    Args:
        parents: crystals.
        spec: faces, thickness, vacuum, limits.
        ions: if given, of all elements of the parents.
        duplicate_tolerance: Å, as in :func:`~forgefield.structures.duplicates.remove_duplicates`.

    Raises:
        ForgefieldError: pymatgen is not installed.
    """
    require_pymatgen("slabs")
    made: list[Candidate] = []
    left_out: list[LeftOut] = []
    for parent in parents:
        taken = 0
        for label, number, slab, problem in _terminations(parent.atoms, spec, ions):
            name = f"slab ({label}) {number} of {parent.trajectory}"
            if problem:
                left_out.append(LeftOut(name, problem))
                continue
            if taken == spec.count:
                left_out.append(LeftOut(name, f"one more than count {spec.count}"))
                continue
            taken += 1
            atoms = _upright(from_pymatgen(slab))
            note = f"({label}) of {parent.trajectory}, {len(atoms)} atoms, {spec.vacuum:g} Å of vacuum"
            trajectory = f"slab/{parent.trajectory}/{label}-{number}"
            made.append(Candidate(atoms, "slab", trajectory, structure_key(parent.atoms), note))
        if not taken:
            left_out.append(
                LeftOut(
                    f"slabs of {parent.trajectory}",
                    "none remains; raise max_atoms or max_index, or set symmetric: false",
                )
            )
    return SourceResult(tuple(remove_duplicates(made, duplicate_tolerance)), tuple(left_out))


def _terminations(
    atoms: Atoms, spec: SlabSpec, ions: Sequence[Ion]
) -> list[tuple[str, int, Any, str | None]]:
    """Miller indices, number, slab, and what is wrong with it."""
    from pymatgen.core.surface import SlabGenerator, get_symmetrically_distinct_miller_indices
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        primitive = to_pymatgen(atoms, charges_of(ions))
        crystal = SpacegroupAnalyzer(primitive).get_conventional_standard_structure()
        for face in get_symmetrically_distinct_miller_indices(crystal, spec.max_index):
            generator = SlabGenerator(
                crystal,
                face,
                min_slab_size=spec.thickness,
                min_vacuum_size=spec.vacuum,
                lll_reduce=True,
                center_slab=True,
                max_normal_search=max(abs(index) for index in face),
            )
            label = "".join(str(int(index)) for index in face)
            for number, slab in enumerate(generator.get_slabs()):
                upright = slab.get_orthogonal_c_slab()
                found.append((label, number, upright, _problem(upright, spec, ions)))
    return found


def _problem(slab: Any, spec: SlabSpec, ions: Sequence[Ion]) -> str | None:
    if len(slab) > spec.max_atoms:
        return f"{len(slab)} atoms, more than max_atoms {spec.max_atoms}"
    charged = any(ion.charge for ion in ions)
    if charged and abs(slab.charge) > 1e-6:
        return f"has the charge {slab.charge:+g}"
    if charged and slab.is_polar():
        return "is polar: it has a dipole across"
    if spec.symmetric and not slab.is_symmetric():
        return "has two different faces"
    return None


def _upright(atoms: Atoms) -> Atoms:
    """The same slab, or its mirror image, with its third cell vector along z and its first along x."""
    copy = atoms.copy()
    copy.set_cell(Cell.fromcellpar(atoms.cell.cellpar()), scale_atoms=True)
    copy.wrap()
    return copy
