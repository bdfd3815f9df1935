"""What engines in plane waves have in common: settings, what they ask of a structure, bands, moments, names."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping

import numpy as np
from ase import Atoms
from ase.data import ground_state_magnetic_moments
from pydantic import JsonValue

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.vacuum import is_isolated_atom, plane_spacings
from forgefield.reference.spec import ReferenceSpec

_MARGIN = 3.0  # Å between atoms and the end of the box along axes without periodicity


def shared_parameters(spec: ReferenceSpec, cutoff: float) -> dict[str, JsonValue]:
    """The part of a recipe's parameters that all these engines take from the spec, with the settled cutoff, eV."""
    return {
        "xc": spec.xc,
        "cutoff": cutoff,
        "k_spacing": spec.k_spacing,
        # Left out by default, so that labels from before there was a choice are found again.
        **({} if spec.k_mesh == "gamma" else {"k_mesh": spec.k_mesh}),
        "smearing": spec.smearing,
        "spin": spec.spin,
    }


def lacks_room(atoms: Atoms) -> str | None:
    """Why a structure does not fit a code that repeats its box in all directions, or None."""
    if atoms.cell.rank < 3:
        return "the structure has no cell; put it into a box with vacuum around it"
    spacings = plane_spacings(atoms)
    fractional = atoms.get_scaled_positions(wrap=False)
    for axis in np.flatnonzero(~atoms.pbc):
        low, high = fractional[:, axis].min(), fractional[:, axis].max()
        margin = min(low, 1.0 - high) * spacings[axis]
        if margin < _MARGIN:
            return (
                f"axis {'abc'[axis]} is not periodic and an atom lies {margin:.2f} Å from the end of the "
                f"box; leave at least {_MARGIN:g} Å"
            )
    return None


def with_moments(atoms: Atoms, spin: bool) -> Atoms:
    """Starting moments: none without spin, else the structure's own.

    Where it has none, 1 μB per atom to break the symmetry, and Hund's rule for an isolated atom.
    """
    structure = atoms.copy()
    if not spin:
        structure.set_initial_magnetic_moments(None)
    elif is_isolated_atom(structure) and not structure.get_initial_magnetic_moments().any():
        structure.set_initial_magnetic_moments(ground_state_magnetic_moments[structure.numbers])
    elif not structure.get_initial_magnetic_moments().any():
        structure.set_initial_magnetic_moments(np.ones(len(structure)))
    return structure


def number_of_bands(electrons: float, moments: float) -> int:
    """Bands that leave the highest one empty: a fifth more than occupied ones, and four.

    Programs' own defaults may cut a shell of equal bands in which electrons still are. Eight Si atoms at Γ have a
    shell of six above the gap: with pw.x's 20 bands the energy is 1.4 meV per atom too high, and ABINIT never
    reaches self-consistency; 24 bands give what 28 do.

    Args:
        electrons: valence electrons of the structure.
        moments: sum of the starting moments' magnitudes, μB.
    """
    occupied = 0.5 * (electrons + moments)
    return math.ceil(1.2 * occupied) + 4


def check_names(
    names: Collection[str], known: Collection[str], owned: Mapping[str, str], program: str
) -> None:
    """Check the names in ``reference.parameters``.

    Args:
        names: as the user wrote them.
        known: what the program takes.
        owned: what the spec's own settings decide: name → setting.
        program: the program's name for people.

    Raises:
        ForgefieldError: a name is unknown, or would override a setting.
    """
    refuse_owned(names, owned)
    for name in names:
        if name not in known:
            nearest = difflib.get_close_matches(name, sorted(known), n=1)
            raise ForgefieldError(
                f"reference.parameters.{name} is no parameter that {program} takes here",
                f"did you mean {nearest[0]}?" if nearest else _known(known, program),
            )


def refuse_owned(names: Collection[str], owned: Mapping[str, str]) -> None:
    """Refuse names in ``reference.parameters`` that the spec's own settings decide.

    Raises:
        ForgefieldError: so.
    """
    for name in names:
        if name in owned:
            raise ForgefieldError(
                f"reference.parameters.{name} would override reference.{owned[name]}",
                f"set reference.{owned[name]} instead",
            )


def _known(names: Collection[str], program: str) -> str:
    return f"known: {', '.join(sorted(names))}" if len(names) < 30 else f"see the manual of {program}"


def check_functional(xc: str, known: Collection[str], engine: str) -> None:
    """Refuse a functional that the engine's adapter does not know.

    Raises:
        ForgefieldError: so.
    """
    if xc not in known:
        nearest = difflib.get_close_matches(xc, sorted(known), n=1)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        raise ForgefieldError(f"xc {xc} is unknown to engine {engine}", f"{hint}known: {', '.join(known)}")
