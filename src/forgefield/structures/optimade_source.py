"""Structures from the databases that speak OPTIMADE.

OPTIMADE: Andersen et al., Sci. Data 8, 217 (2021). Its Python client is not used: it repeats a request to a busy
server without end, prints to the terminal, and brings half a dozen packages for what two addresses say.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlparse

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Candidate
from forgefield.structures.cell_limits import cell_problem, repeated_if_small
from forgefield.structures.compound_spec import CrystalSpec, OptimadeSpec
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion
from forgefield.structures.optimade_entry import FIELDS, atoms_from_entry
from forgefield.structures.oxidation_states import fitting_states
from forgefield.structures.prototypes import known_element
from forgefield.structures.source_result import LeftOut, SourceResult
from forgefield.structures.web_json import WebError, fetched_json

PROVIDERS = {
    "aflow": "https://aflow.org/API/optimade",
    "alexandria": "https://alexandria.icams.rub.de/pbe",
    "alexandria-pbesol": "https://alexandria.icams.rub.de/pbesol",
    "cod": "https://www.crystallography.net/cod/optimade",
    "gnome": "https://optimade-gnome.odbx.science",
    "jarvis": "https://jarvis.nist.gov/optimade/jarvisdft",
    "materials-cloud": "https://aiida.materialscloud.org/mc3d/optimade",
    "materials-project": "https://optimade.materialsproject.org",
    "nomad": "https://nomad-lab.eu/prod/rae/optimade",
    "odbx": "https://optimade.odbx.science",
    "omdb": "https://optimade.openmaterialsdb.se",
    "oqmd": "https://oqmd.org/optimade",
}
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
        providers: names in :data:`PROVIDERS`, or base addresses such as ``https://optimade.example.org``.
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
    addresses = {provider: _address(provider) for provider in providers}
    found: list[Candidate] = []
    left_out: list[LeftOut] = []
    for provider, address in addresses.items():
        name = provider if provider in PROVIDERS else urlparse(provider).netloc
        read = taken = 0
        try:
            for entry in _entries(address, wanted, spec, limits, cache):
                if read == spec.limit:
                    left_out.append(
                        LeftOut(name, f"has more than {spec.limit} entries; raise limit for the others")
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
            left_out.append(LeftOut(name, str(error)))
            continue
        if not taken:
            left_out.append(LeftOut(name, f"has no structure of {', '.join(wanted)} with these limits"))
    if ions:
        fitting = fitting_states(found, ions)
        found, left_out = list(fitting.candidates), [*left_out, *fitting.left_out]
    return SourceResult(tuple(remove_duplicates(found, duplicate_tolerance)), tuple(left_out))


def _address(provider: str) -> str:
    if provider in PROVIDERS:
        return PROVIDERS[provider]
    if urlparse(provider).scheme in ("http", "https") and urlparse(provider).netloc:
        return provider.rstrip("/").removesuffix("/v1")
    near = difflib.get_close_matches(provider.lower(), PROVIDERS, 1, 0.4)
    raise ForgefieldError(
        f"there is no OPTIMADE database {provider!r}",
        f"{f'did you mean {near[0]}? ' if near else ''}known are {', '.join(PROVIDERS)}; any other by its "
        "address, such as https://optimade.example.org",
    )


def _entries(
    address: str, elements: list[str], spec: OptimadeSpec, limits: CrystalSpec, cache: Path
) -> Iterator[Any]:
    """All entries, page by page; a server that does not know the whole filter is asked with less."""
    alternatives = _filters(elements, spec, limits)
    for filters in alternatives:
        try:
            fetched_json(_query(address, filters[0], spec), cache, spec.web)
            break
        except WebError as error:
            if error.status not in _UNSUPPORTED or filters is alternatives[-1]:
                raise
    # The first page comes from the folder now.
    for wanted in filters:
        yield from _pages(_query(address, wanted, spec), cache, spec)


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


def _pages(url: str, cache: Path, spec: OptimadeSpec) -> Iterator[Any]:
    seen = {url}
    while True:
        page = fetched_json(url, cache, spec.web)
        data = page.get("data")
        if not isinstance(data, list):
            raise WebError(
                f"{urlparse(url).netloc} sent an answer without a list of data", "report it to its owners"
            )
        yield from data
        following = _next(page)
        if following is None or not data:
            return
        url = urljoin(url, following)
        if url in seen:
            raise WebError(f"{urlparse(url).netloc} repeats its pages", "what came before that was taken")
        seen.add(url)


def _query(address: str, wanted: str, spec: OptimadeSpec) -> str:
    query = {"filter": wanted, "page_limit": spec.page_limit, "response_fields": ",".join(FIELDS)}
    return f"{address}/v1/structures?{urlencode(query)}"


def _next(page: dict[str, Any]) -> str | None:
    """The address of the next page, which a server gives as text or as an object."""
    links = page.get("links")
    following = links.get("next") if isinstance(links, dict) else None
    if isinstance(following, dict):
        following = following.get("href")
    return following if isinstance(following, str) and following else None


def _candidate(
    entry: Any, name: str, elements: list[str], spec: OptimadeSpec, limits: CrystalSpec
) -> Candidate | LeftOut:
    label = str(entry.get("id", "?")) if isinstance(entry, dict) else "?"
    entry_name = f"{name} {label}"
    try:
        atoms = atoms_from_entry(entry)
    except ValueError as error:
        return LeftOut(entry_name, str(error))
    present = sorted(set(atoms.get_chemical_symbols()))
    if present != elements and not (spec.subsets and set(present) <= set(elements)):
        return LeftOut(entry_name, f"contains {', '.join(present)}, not {', '.join(elements)}")
    problem = cell_problem(atoms, limits)
    if problem is None and not atoms.pbc.all():
        problem = "is not periodic in three dimensions"
    if problem:
        return LeftOut(entry_name, problem)
    formula = atoms.get_chemical_formula("metal")
    cell = repeated_if_small(atoms, limits)
    return Candidate(cell, "database", f"database/{name}/{label}", note=f"{formula}, {label} of {name}")
