"""One crystal of a database by its identifier, and its oxidation states."""

from __future__ import annotations

import re
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Candidate
from forgefield.structures.compound_spec import MaterialsProjectSpec, WebSpec
from forgefield.structures.ions import Ion
from forgefield.structures.materials_project import NoKeyError, is_identifier, materials_project_crystal
from forgefield.structures.optimade_entry import entry_candidate, entry_identifier
from forgefield.structures.optimade_query import base_address, database_name, entries, question
from forgefield.structures.oxidation_states import guessed_ions

_MATERIALS_PROJECT = "materials-project"
# What could end the text of a filter is not part of any identifier.
_ENTRY = re.compile(r"""[^\s"'\\]+""")


def crystal_by_id(identifier: str, cache: Path, web: WebSpec | None = None) -> Candidate:
    """The crystal of one entry, as the database has it.

    The Materials Project is asked through its own interface if there is a key in ``MP_API_KEY``, else through OPTIMADE
    as all others. Answers are kept in a folder; the same question is not asked twice.

    Args:
        identifier: ``mp-2657`` of the Materials Project; or the name or address of a database that speaks OPTIMADE, a
            colon and the entry's identifier there, such as ``cod:1010942`` or ``https://optimade.example.org:17``.
        cache: folder for the answers.
        web: time-out and attempts.

    Raises:
        ForgefieldError: an identifier that is malformed or not known, a database that is not known or gives no usable
            answer, or an entry that is disordered, not periodic in three dimensions, or cannot be read.
    """
    web = web or WebSpec()
    if is_identifier(identifier):
        try:
            spec = MaterialsProjectSpec(timeout=max(1, round(web.timeout)))
            return materials_project_crystal(identifier, spec, cache)
        except NoKeyError:
            return _optimade_crystal(_MATERIALS_PROJECT, identifier, cache, web)
    # An address has colons of its own.
    split = identifier.rpartition if identifier.startswith("http") else identifier.partition
    provider, _, entry = split(":")
    if provider in ("", "http", "https") or not _ENTRY.fullmatch(entry):
        raise ForgefieldError(
            f"{identifier!r} is no identifier of a database's entry",
            "write it like mp-2657, cod:1010942 or https://optimade.example.org:17",
        )
    return _optimade_crystal(provider, entry, cache, web)


def ions_of(candidate: Candidate) -> tuple[Ion, ...]:
    """The oxidation states of a crystal's elements, guessed from its bond lengths and its formula.

    Raises:
        ForgefieldError: some element is in several states, or no neutral assignment is found.
    """
    ions = guessed_ions(candidate.atoms)
    if ions is None:
        formula = candidate.atoms.get_chemical_formula("metal", empirical=True)
        raise ForgefieldError(
            f"the oxidation states of {formula} ({candidate.trajectory}) are mixed or unknown",
            "give the species with their oxidation states, such as Ti4+ and O2-, or those of a metal without charges",
        )
    return ions


def _optimade_crystal(provider: str, entry: str, cache: Path, web: WebSpec) -> Candidate:
    name = database_name(provider)
    url = question(base_address(provider), f'id="{entry}"', 1)
    # A server that does not know the filter may send anything.
    found = next((each for each in entries(url, cache, web) if entry_identifier(each) == entry), None)
    if found is None:
        raise ForgefieldError(
            f"{name} has no entry {entry}", "look its identifier up on the database's own pages"
        )
    try:
        return entry_candidate(found, name)
    except ValueError as error:
        raise ForgefieldError(
            f"{entry} of {name} cannot be used: {error}", "choose another entry or give a structure file"
        ) from None
