"""Crystals in which each ion is replaced by one that often takes its place in nature.

Hautier, Fischer, Ehrlacher, Jain and Ceder, Inorg. Chem. 50, 656 (2011), learned from the Inorganic Crystal Structure
Database how probable it is that one ion takes the sites of another; pymatgen ships their table.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from ase import Atoms

from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.structures.aflow import aflow_library
from forgefield.structures.cell_limits import cell_problem, repeated_if_small, room_problem
from forgefield.structures.charge_balance import reduced_formula
from forgefield.structures.compound_spec import CrystalSpec, SubstitutionSpec
from forgefield.structures.crystal_size import predicted_scale, scaled
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion, known_ions, listed
from forgefield.structures.oxidation_states import guessed_ions
from forgefield.structures.source_result import LeftOut, SourceResult


def library_parents() -> list[Candidate]:
    """The compounds of the AFLOW library, for :func:`ionic_substitutions` to start from."""
    return [
        Candidate(entry.atoms, "aflow", f"aflow/{number:03d}-{entry.label}", note=entry.mineral)
        for number, entry in enumerate(aflow_library())
        if len(set(entry.atoms.symbols)) > 1
    ]


def ionic_substitutions(
    parents: Sequence[Candidate],
    ions: Sequence[Ion],
    spec: SubstitutionSpec,
    limits: CrystalSpec,
    duplicate_tolerance: float = 0.01,
) -> SourceResult:
    """Every way to put the ions on the sites of known crystals, if it is neutral and probable enough.

    The oxidation states of the parents are guessed; parents with another number of elements, with ions that the table
    lacks, and those that are made of the very ions already, are passed over. A crystal is scaled until its bond
    valences add up to its charges. The most probable come first. Where the table lacks a wanted ion, the result is
    empty and says so.

    Args:
        parents: crystals of any compounds: :func:`library_parents`, the user's files, entries of databases.
        ions: the wanted ions.
        spec: threshold and number.
        limits: what crystals must be like.
        duplicate_tolerance: Å, as in :func:`~forgefield.structures.duplicates.remove_duplicates`.

    Raises:
        ForgefieldError: unknown ions, or pymatgen is not installed.
    """
    ions = known_ions(ions)
    table = _table()
    name = f"substitution by {listed(ions)}"
    missing = _missing(table, ions)
    if missing:
        return SourceResult((), (LeftOut(name, missing),))
    found: list[tuple[float, Candidate]] = []
    left_out: list[LeftOut] = []
    best = 0.0
    for parent in parents:
        if len(set(parent.atoms.symbols)) != len(ions):
            continue
        parent_name = f"{parent.trajectory} ({parent.atoms.get_chemical_formula('metal')})"
        problem = cell_problem(parent.atoms, limits)
        if problem:
            left_out.append(LeftOut(parent_name, problem))
            continue
        states = guessed_ions(parent.atoms)
        if states is None:
            left_out.append(LeftOut(parent_name, "its oxidation states are mixed or unknown"))
            continue
        for number, (replaced, probability) in enumerate(_exchanges(parent.atoms, states, ions, table)):
            best = max(best, probability)
            if probability < spec.threshold:
                continue
            candidate = _substituted(parent, states, replaced, probability, number, limits)
            problem = room_problem(candidate.atoms, ions, limits)
            if problem:
                left_out.append(LeftOut(f"{parent_name}, {candidate.note}", problem))
            else:
                found.append((probability, candidate))
    found.sort(key=lambda pair: -pair[0])
    kept = remove_duplicates([candidate for _, candidate in found], duplicate_tolerance)[: spec.count]
    if not kept:
        left_out.append(
            LeftOut(
                name,
                f"nothing remains of {len(parents)} crystals; the most probable exchange has probability "
                f"{best:.1e}, the threshold is {spec.threshold:g}: lower it or give other crystals",
            )
        )
    return SourceResult(tuple(kept), tuple(left_out))


def _exchanges(
    atoms: Atoms, states: tuple[Ion, ...], ions: tuple[Ion, ...], table: Any
) -> Iterator[tuple[tuple[Ion, ...], float]]:
    """Neutral assignments of the ions to the parent's, in the order of its states, with their probabilities."""
    symbols = [str(symbol) for symbol in atoms.symbols]
    counts = [symbols.count(ion.element) for ion in states]
    old = [_species(ion) for ion in states]
    if any(species not in table.species for species in old):
        return
    for order in itertools.permutations(ions):
        charge = sum(n * ion.charge for n, ion in zip(counts, order, strict=True))
        if charge or order == states:
            continue
        yield order, float(table.cond_prob_list([_species(ion) for ion in order], old))


def _substituted(
    parent: Candidate,
    states: tuple[Ion, ...],
    ions: tuple[Ion, ...],
    probability: float,
    number: int,
    limits: CrystalSpec,
) -> Candidate:
    new = {before.element: after.element for before, after in zip(states, ions, strict=True)}
    atoms = Atoms(parent.atoms.numbers, parent.atoms.positions, cell=parent.atoms.cell, pbc=True)
    atoms.symbols[:] = [new[symbol] for symbol in parent.atoms.symbols]
    scale = predicted_scale(atoms, ions)
    atoms = repeated_if_small(scaled(atoms, scale), limits)
    formula = reduced_formula(atoms.symbols.formula.count(), ions)
    pairs = ", ".join(f"{b} for {a}" for a, b in zip(states, ions, strict=True) if a != b)
    return Candidate(
        atoms,
        "substitution",
        f"substitution/{formula}/{parent.trajectory}-{number}",
        structure_key(parent.atoms),
        f"{pairs} with probability {probability:.2g}, lengths × {scale:.2f}",
    )


def _species(ion: Ion) -> Any:
    from pymatgen.core import Species

    return Species(ion.element, ion.charge)


@cache
def _table() -> Any:
    from pymatgen.core.structure_prediction.substitution_probability import SubstitutionProbability

    return SubstitutionProbability()


def _missing(table: Any, ions: Sequence[Ion]) -> str | None:
    """Which ion the table lacks, and what it has instead."""
    for ion in ions:
        if _species(ion) not in table.species:
            known = sorted(
                Ion(species.symbol, int(species.oxi_state))
                for species in table.species
                if species.symbol == ion.element
            )
            instead = f"it knows {listed(known)}" if known else f"it has no {ion.element} at all"
            return f"the table of substitution probabilities has no {ion}; {instead}"
    return None
