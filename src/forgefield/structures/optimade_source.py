"""Structures from the databases that speak OPTIMADE."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from forgefield.atoms.records import Candidate
from forgefield.structures.cell_limits import cell_problem, repeated_if_small
from forgefield.structures.compound_spec import CrystalSpec, OptimadeSpec
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion
from forgefield.structures.optimade_entry import entry_candidate, entry_identifier
from forgefield.structures.optimade_query import base_address, database_name, entries, question
from forgefield.structures.oxidation_states import fitting_states
from forgefield.structures.prototypes import known_element
from forgefield.structures.source_result import LeftOut, SourceResult
from forgefield.structures.web_json import WebError, fetched_json

# What servers answer that do not know a property or an operator of the filter.
_UNSUPPORTED = (400, 501)


def optimade_structures(
    providers: Sequence[str],
    elements: Sequence[str],
    spec: OptimadeSpec,
    limits: CrystalSpec,
    cache: Path,
    ions: Sequence[Ion] = (),
    duplicate_tolerance: float = 0.01,
) -> SourceResult:
    """The crystals of some elements in some databases.

    A database that cannot be reached or answers with an error is listed with the reason, and the others are asked all
    the same. So are entries that are malformed, disordered, too large, or not made of the wanted ions. What a server
    is not able to filter is filtered here. Answers are kept in a folder; the same question is not asked twice.

    Args:
        providers: names in :data:`~forgefield.structures.optimade_query.PROVIDERS`, or base addresses such as ``https://optimade.example.org``.
        elements: exactly these, or with ``spec.subsets`` some of these.
        spec: limits, time-out, attempts.
        limits: what crystals must be like.
        cache: folder for the answers.
        ions: if given, only structures in these oxidation states are kept.
        duplicate_tolerance: Å, as in :func:`~forgefield.structures.duplicates.remove_duplicates`.

    Raises:
        ForgefieldError: an unknown element or name of a database.
    """
    wanted = sorted({known_element(element) for element in elements})
    addresses = {provider: base_address(provider) for provider in providers}
    found: list[Candidate] = []
    left_out: list[LeftOut] = []
    for provider, address in addresses.items():
        name = database_name(provider)
        read = taken = 0
        try:
            for entry in _entries(address, wanted, spec, limits, cache):
                if read == spec.limit:
                    left_out.append(
                        LeftOut(
                            name,
                            f"has more than {spec.limit} entries; raise limit for the others",
                            general=True,
                        )
                    )
                    break
                read += 1
                result = _candidate(entry, name, wanted, spec, limits)
                if isinstance(result, Candidate):
                    found.append(result)
                    taken += 1
                else:
                    left_out.append(result)
        except WebError as error:
            left_out.append(LeftOut(name, str(error), general=True))
            continue
        if not taken:
            left_out.append(
                LeftOut(name, f"has no structure of {', '.join(wanted)} with these limits", general=True)
            )
    if ions:
        fitting = fitting_states(found, ions)
        found, left_out = list(fitting.candidates), [*left_out, *fitting.left_out]
    return SourceResult(tuple(remove_duplicates(found, duplicate_tolerance)), tuple(left_out))


def _entries(
    address: str, elements: list[str], spec: OptimadeSpec, limits: CrystalSpec, cache: Path
) -> Iterator[Any]:
    """All entries, page by page; a server that does not know the whole filter is asked with less."""
    alternatives = _filters(elements, spec, limits)
    for filters in alternatives:
        try:
            fetched_json(question(address, filters[0], spec.page_limit), cache, spec.web)
            break
        except WebError as error:
            if error.status not in _UNSUPPORTED or filters is alternatives[-1]:
                raise
    # The first page comes from the folder now.
    for wanted in filters:
        yield from entries(question(address, wanted, spec.page_limit), cache, spec.web)


def _filters(elements: list[str], spec: OptimadeSpec, limits: CrystalSpec) -> list[list[str]]:
    """Ways to ask for the same, the best first; each is one or several filters."""
    small = f"nsites<={limits.max_atoms}"
    if not spec.subsets:
        return [[f"{_exactly(elements)} AND {small}"], [_exactly(elements)]]
    # HAS ONLY is optional in the specification.
    sets = [
        list(some) for size in range(1, len(elements) + 1) for some in itertools.combinations(elements, size)
    ]
    return [[f"elements HAS ONLY {_quoted(elements)} AND {small}"], [_exactly(some) for some in sets]]


def _exactly(elements: list[str]) -> str:
    return f"elements HAS ALL {_quoted(elements)} AND nelements={len(elements)}"


def _quoted(elements: list[str]) -> str:
    return ", ".join(f'"{element}"' for element in elements)


def _candidate(
    entry: Any, name: str, elements: list[str], spec: OptimadeSpec, limits: CrystalSpec
) -> Candidate | LeftOut:
    entry_name = f"{name} {entry_identifier(entry)}"
    try:
        candidate = entry_candidate(entry, name)
    except ValueError as error:
        return LeftOut(entry_name, str(error))
    present = sorted(set(candidate.atoms.get_chemical_symbols()))
    if present != elements and not (spec.subsets and set(present) <= set(elements)):
        return LeftOut(entry_name, f"contains {', '.join(present)}, not {', '.join(elements)}")
    problem = cell_problem(candidate.atoms, limits)
    if problem:
        return LeftOut(entry_name, problem)
    return replace(candidate, atoms=repeated_if_small(candidate.atoms, limits))
