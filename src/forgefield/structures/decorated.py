"""Known crystal structures with the species of a compound on their sites."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from forgefield.atoms.records import Candidate
from forgefield.structures.aflow import AflowCrystal, aflow_library
from forgefield.structures.cell_limits import cell_problem, repeated_if_small, room_problem
from forgefield.structures.charge_balance import BalancedFormula
from forgefield.structures.compound_spec import CrystalSpec
from forgefield.structures.crystal_size import predicted_scale, scaled
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import known_ions
from forgefield.structures.source_result import LeftOut, SourceResult, joined


def decorated_prototypes(
    formulas: Sequence[BalancedFormula], spec: CrystalSpec, duplicate_tolerance: float = 0.01
) -> SourceResult:
    """Every crystal of the AFLOW library that has a formula's proportions, with the formula's ions on its sites.

    All assignments of ions to the crystal's elements that keep the proportions are made. A crystal is scaled until
    its bond valences add up to its charges; one of the very compound keeps its measured size. Crystals of similar
    elements come first, by the distance on Pettifor's chemical scale (Solid State Commun. 51, 31 (1984)).

    Left out and listed: cells that are too large or too small, crystals that bring ions together or are sparse, and
    formulas for which nothing remains.

    Args:
        formulas: neutral formulas.
        spec: limits.
        duplicate_tolerance: Å, as in :func:`~forgefield.structures.duplicates.remove_duplicates`.

    Raises:
        ForgefieldError: unknown ions, or pymatgen is not installed.
    """
    return joined(_of_formula(formula, spec, duplicate_tolerance) for formula in formulas)


def _of_formula(formula: BalancedFormula, spec: CrystalSpec, tolerance: float) -> SourceResult:
    known_ions(formula.ions)
    made: list[tuple[float, Candidate]] = []
    left_out: list[LeftOut] = []
    for crystal in aflow_library():
        if _proportions(crystal.atoms) != sorted(formula.counts):
            continue
        own = crystal.mineral or crystal.atoms.get_chemical_formula("metal", empirical=True)
        name = f"{own} ({crystal.label}) as {formula}"
        problem = cell_problem(crystal.atoms, spec)
        if problem:
            left_out.append(LeftOut(name, problem))
            continue
        for number, (atoms, note) in enumerate(_decorations(crystal, formula)):
            problem = room_problem(atoms, formula.ions, spec)
            if problem:
                left_out.append(LeftOut(f"{name}, {note}", problem))
                continue
            trajectory = f"prototype/{formula}/{_slug(crystal)}-{number}"
            repeated = repeated_if_small(atoms, spec)
            candidate = Candidate(repeated, "prototype", trajectory, note=f"{name}, {note}")
            made.append((_strangeness(crystal, atoms), candidate))
    made.sort(key=lambda pair: pair[0])
    kept = remove_duplicates([candidate for _, candidate in made], tolerance)
    if not kept:
        proportions = ":".join(str(n) for n in sorted(formula.counts))
        left_out.append(
            LeftOut(
                str(formula),
                f"no crystal of the AFLOW library with the proportions {proportions} remains; raise max_atoms or "
                "use another source, such as substitution or a database",
                general=True,
            )
        )
    return SourceResult(tuple(kept), tuple(left_out))


def _proportions(atoms: Atoms) -> list[int]:
    counts = list(atoms.symbols.formula.count().values())
    return sorted(int(n) // int(np.gcd.reduce(counts)) for n in counts)


def _decorations(crystal: AflowCrystal, formula: BalancedFormula) -> Iterator[tuple[Atoms, str]]:
    counts = {str(symbol): int(n) for symbol, n in crystal.atoms.symbols.formula.count().items()}
    units = len(crystal.atoms) // sum(formula.counts)
    for order in itertools.permutations(range(len(counts))):
        if any(n != units * formula.counts[k] for n, k in zip(counts.values(), order, strict=True)):
            continue
        ions = {symbol: formula.ions[k] for symbol, k in zip(counts, order, strict=True)}
        atoms = crystal.atoms.copy()
        atoms.symbols[:] = [ions[symbol].element for symbol in crystal.atoms.symbols]
        if all(symbol == ion.element for symbol, ion in ions.items()):
            yield atoms, "as measured"
            continue
        scale = predicted_scale(atoms, formula.ions)
        pairs = ", ".join(f"{ion} for {symbol}" for symbol, ion in ions.items() if symbol != ion.element)
        yield scaled(atoms, scale), f"{pairs}, lengths × {scale:.2f}"


def _strangeness(crystal: AflowCrystal, atoms: Atoms) -> float:
    """Mean difference on Pettifor's chemical scale between the crystal's own elements and those on its sites."""
    from pymatgen.core import Element

    pairs = zip(crystal.atoms.symbols, atoms.symbols, strict=True)
    return float(np.mean([abs(Element(a).mendeleev_no - Element(b).mendeleev_no) for a, b in pairs]))


def _slug(crystal: AflowCrystal) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", crystal.mineral.lower()).strip("-")
    return f"{crystal.label}-{words or crystal.atoms.get_chemical_formula('metal', empirical=True)}"
