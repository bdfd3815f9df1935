"""Elements in given oxidation states."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.prototypes import known_element
from forgefield.structures.pymatgen_bridge import require_pymatgen

_WRITTEN = re.compile(r"([A-Z][a-z]?)(?:(\d*)([+-]))?")


@dataclass(frozen=True, slots=True, order=True)
class Ion:
    """An element in one oxidation state.

    Attributes:
        element: chemical symbol.
        charge: oxidation state in elementary charges; 0 for a metal or where states mean nothing.
    """

    element: str
    charge: int

    def __str__(self) -> str:
        return (
            f"{self.element}{abs(self.charge)}{'+' if self.charge > 0 else '-'}"
            if self.charge
            else self.element
        )


def ion_from_text(text: str) -> Ion:
    """The ion that a text such as ``Ti4+``, ``Na+`` or, for a metal, ``Al`` names.

    Raises:
        ForgefieldError: it is not written like that, or there is no such element.
    """
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise ForgefieldError(
            f"{text!r} is no ion",
            "write the element and its charge, the sign last, such as Ti4+, O2- or Na+, or a metal's symbol alone",
        )
    element, size, sign = written.groups()
    return Ion(known_element(element), int(f"{sign}{size or 1}") if sign else 0)


def known_ions(ions: Sequence[Ion]) -> tuple[Ion, ...]:
    """The ions themselves, if each element is there once and in a state in which it is found.

    Raises:
        ForgefieldError: no ions, no such element, an element given twice, or a state in which neither
            textbooks nor the Inorganic Crystal Structure Database (pymatgen's tables) know it.
    """
    require_pymatgen("oxidation states")
    from pymatgen.core import Element

    if not ions:
        raise ForgefieldError(
            "no species are given", "name them with their oxidation states, such as Ti4+, O2-"
        )
    for number, ion in enumerate(ions):
        element = Element(known_element(ion.element))
        twins = [other for other in ions[:number] if other.element == ion.element]
        if twins:
            raise ForgefieldError(
                f"{ion.element} is given twice, as {twins[0]} and {ion}, but compounds of mixed valence are left out",
                f"decide for one oxidation state of {ion.element}",
            )
        known = sorted({*element.oxidation_states, *element.icsd_oxidation_states})
        if ion.charge not in (0, *known):
            names = ", ".join(str(Ion(ion.element, int(charge))) for charge in known)
            raise ForgefieldError(
                f"{ion} is no known oxidation state of {ion.element}",
                f"known are {names}" if names else f"give {ion.element} without a charge",
            )
    return tuple(ions)


def charges_of(ions: Sequence[Ion]) -> dict[str, int]:
    """Element → oxidation state."""
    return {ion.element: ion.charge for ion in ions}


@cache
def ionic_radius(ion: Ion) -> float | None:
    """Å, the mean over coordination numbers, or None where it is not known (Shannon, Acta Cryst. A 32, 751 (1976))."""
    from pymatgen.core import Species

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No ionic radius")
        radius = Species(ion.element, ion.charge).ionic_radius if ion.charge else None
    return None if radius is None else float(radius)


def listed(ions: Sequence[Ion]) -> str:
    """The ions in a row for people: ``Ti4+, O2-``."""
    return ", ".join(str(ion) for ion in ions)
