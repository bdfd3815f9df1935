"""Structures from the Materials Project.

Jain et al., APL Mater. 1, 011002 (2013). Its interface is asked through pymatgen's client.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ase.data import atomic_numbers

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Candidate
from forgefield.structures.cell_limits import cell_problem, repeated_if_small
from forgefield.structures.compound_spec import CrystalSpec, MaterialsProjectSpec
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion
from forgefield.structures.oxidation_states import fitting_states
from forgefield.structures.pymatgen_bridge import from_pymatgen, require_pymatgen
from forgefield.structures.source_result import LeftOut, SourceResult
from forgefield.structures.web_json import WebError, remembered

KEY = "MP_API_KEY"
_NAME = "materials-project"
_FIELDS = "material_id,structure,energy_above_hull"
_IDENTIFIER = re.compile(r"^(mp|mvc)-[A-Za-z0-9]+$")


class NoKeyError(WebError):
    """The Materials Project cannot be asked because there is no key."""


def materials_project_crystal(identifier: str, spec: MaterialsProjectSpec, cache: Path) -> Candidate:
    """One crystal by its identifier, as it is, from the folder of answers or with a personal key.

    Args:
        identifier: such as ``mp-2657``.
        spec: time-out.
        cache: folder for the answers.

    Raises:
        NoKeyError: there is no key in the environment variable ``MP_API_KEY``.
        WebError: no usable answer.
        ForgefieldError: no such crystal, one that is disordered or cannot be read, or pymatgen is not installed.
    """
    require_pymatgen("structures of the Materials Project")
    for document in _documents({"material_ids": identifier}, _FIELDS, spec, cache):
        try:
            return _crystal(document)
        except ValueError as error:
            raise ForgefieldError(
                f"{identifier} of the Materials Project {error}",
                "choose another crystal or give a structure file",
            ) from None
    raise ForgefieldError(
        f"the Materials Project has no {identifier}", "look it up at https://materialsproject.org"
    )


def materials_project_structures(
    query: str,
    spec: MaterialsProjectSpec,
    limits: CrystalSpec,
    cache: Path,
    ions: Sequence[Ion] = (),
    duplicate_tolerance: float = 0.01,
) -> SourceResult:
    """One crystal by its identifier, or those of a chemical system, the lowest above the convex hull first.

    Needs a personal key in the environment variable ``MP_API_KEY``. Without it, without a connection or with an error
    of the server, the result is empty and says why. Answers are kept in a folder; the same question is not asked
    twice, nor is a key needed for it.

    Args:
        query: an identifier such as ``mp-2657``, or a chemical system such as ``Ti-O``.
        spec: limits and time-out.
        limits: what crystals must be like.
        cache: folder for the answers.
        ions: if given, only structures in these oxidation states are kept.
        duplicate_tolerance: Å, as in :func:`~forgefield.structures.duplicates.remove_duplicates`.

    Raises:
        ForgefieldError: a query that is neither, or pymatgen is not installed.
    """
    require_pymatgen("structures of the Materials Project")
    criteria = _criteria(query)
    left_out: list[LeftOut] = []
    found: list[Candidate] = []
    try:
        identifiers = [query]
        if "chemsys" in criteria:
            identifiers, left_out = _chosen(
                _documents(criteria, "material_id,nsites,energy_above_hull", spec, cache), spec, limits
            )
        documents = []
        if identifiers:
            documents = _documents({"material_ids": ",".join(identifiers)}, _FIELDS, spec, cache)
    except WebError as error:
        return SourceResult((), (*left_out, LeftOut(_NAME, str(error), general=True)))
    for document in documents:
        result = _candidate(document, limits)
        if isinstance(result, LeftOut):
            left_out.append(result)
        else:
            found.append(result)
    order = {f"database/{_NAME}/{identifier}": number for number, identifier in enumerate(identifiers)}
    found.sort(key=lambda candidate: order.get(candidate.trajectory, len(order)))
    if not found:
        left_out.append(LeftOut(_NAME, f"has no structure for {query} with these limits", general=True))
    if ions:
        fitting = fitting_states(found, ions)
        found, left_out = list(fitting.candidates), [*left_out, *fitting.left_out]
    return SourceResult(tuple(remove_duplicates(found, duplicate_tolerance)), tuple(left_out))


def is_identifier(text: str) -> bool:
    """Whether a text is written like an identifier of the Materials Project."""
    return _IDENTIFIER.match(text) is not None


def _criteria(query: str) -> dict[str, str]:
    if is_identifier(query):
        return {"material_ids": query}
    symbols = query.split("-")
    if all(atomic_numbers.get(symbol, 0) for symbol in symbols):
        return {"chemsys": "-".join(sorted(set(symbols)))}
    raise ForgefieldError(
        f"{query!r} is neither an identifier of the Materials Project nor a chemical system",
        "write it like mp-2657 or Ti-O",
    )


def _documents(criteria: dict[str, str], fields: str, spec: MaterialsProjectSpec, cache: Path) -> list[Any]:
    question = f"{_NAME} {sorted(criteria.items())} {fields}"
    answer = remembered(question, cache, lambda: {"data": _asked(criteria, fields, spec)})
    data = answer.get("data")
    return data if isinstance(data, list) else []


def _asked(criteria: dict[str, str], fields: str, spec: MaterialsProjectSpec) -> list[Any]:
    from pymatgen.ext.matproj import MPRester, MPRestError
    from requests import RequestException

    key = os.environ.get(KEY, "")
    if not key:
        raise NoKeyError(
            f"the environment variable {KEY} is not set",
            "get a key at https://materialsproject.org/api and put it there",
        )
    try:
        with MPRester(key) as rester:
            route = f"materials/summary/?_fields={fields}&_all_fields=False"
            data = rester.request(route, criteria, mp_decode=False, timeout=spec.timeout)
    except ValueError:
        raise WebError(
            f"the key in {KEY} is not one of the Materials Project: it has {len(key)} letters instead of 32",
            "get a key at https://materialsproject.org/api and put it there",
        ) from None
    except MPRestError as error:
        reason = str(error).splitlines()[0][:200] if str(error) else "no reason given"
        if isinstance(error.__context__, RequestException):
            # Its own words name the machine's proxy.
            reason = type(error.__context__).__name__
        raise WebError(
            f"the Materials Project gave no usable answer ({reason})",
            f"check the network connection and the key in {KEY}, or try again later",
        ) from None
    if not isinstance(data, list):
        raise WebError("the Materials Project answered without a list of data", "try again later")
    return data


def _chosen(
    summaries: list[Any], spec: MaterialsProjectSpec, limits: CrystalSpec
) -> tuple[list[str], list[LeftOut]]:
    """Identifiers of the small and stable ones, the most stable first, and what was passed over."""
    left_out, suitable = [], []
    for summary in summaries:
        try:
            name, size = str(summary["material_id"]), int(summary["nsites"])
            above = float(summary["energy_above_hull"])
        except (KeyError, TypeError, ValueError):
            left_out.append(LeftOut(f"{_NAME} {summary!s:.60}", "its summary cannot be read"))
            continue
        if size > limits.max_atoms:
            problem = f"{size} atoms, more than max_atoms {limits.max_atoms}"
            left_out.append(LeftOut(f"{_NAME} {name}", problem))
        elif above > spec.above_hull:
            left_out.append(
                LeftOut(
                    f"{_NAME} {name}", f"{above:.2f} eV/atom above the hull, more than {spec.above_hull:g}"
                )
            )
        else:
            suitable.append((above, name))
    suitable.sort()
    left_out.extend(
        LeftOut(f"{_NAME} {name}", f"one more than limit {spec.limit}") for _, name in suitable[spec.limit :]
    )
    return [name for _, name in suitable[: spec.limit]], left_out


def _candidate(document: Any, limits: CrystalSpec) -> Candidate | LeftOut:
    try:
        candidate = _crystal(document)
    except ValueError as error:
        return LeftOut(f"{_NAME} {_identifier(document)}", str(error))
    problem = cell_problem(candidate.atoms, limits)
    if problem:
        return LeftOut(f"{_NAME} {_identifier(document)}", problem)
    return replace(candidate, atoms=repeated_if_small(candidate.atoms, limits))


def _crystal(document: Any) -> Candidate:
    """The crystal of a document.

    Raises:
        ValueError: what is wrong with the document.
    """
    from pymatgen.core import Structure

    try:
        name = str(document["material_id"])
        atoms = from_pymatgen(Structure.from_dict(document["structure"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"cannot be read ({type(error).__name__}: {error})") from None
    above = document.get("energy_above_hull")
    height = f", {1000.0 * above:.0f} meV/atom above the hull" if isinstance(above, int | float) else ""
    note = f"{atoms.get_chemical_formula('metal')}, {name} of the Materials Project{height}"
    return Candidate(atoms, "database", f"database/{_NAME}/{name}", note=note)


def _identifier(document: Any) -> str:
    return str(document.get("material_id", "?")) if isinstance(document, dict) else f"{document!s:.60}"
