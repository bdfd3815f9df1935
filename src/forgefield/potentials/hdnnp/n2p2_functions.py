"""Symmetry functions as `symfunction_short` lines of n2p2's `input.nn`: one table for reading and writing.

n2p2, SymFnc*::setParameters and getSettingsLine.
"""

from __future__ import annotations

from forgefield.atoms.errors import ForgefieldError
from forgefield.descriptors.symmetry_functions.definition import SymmetryFunction
from forgefield.potentials.hdnnp.n2p2_lines import Line

_ANGULAR = ("eta", "lambda_", "zeta", "cutoff", "shift")
_ANGLES = ("inner_radius", "cutoff", "left_angle", "right_angle", "subtype")
# Of each type: how many neighbour elements, then what the further words mean.
FIELDS: dict[int, tuple[int, tuple[str, ...]]] = {
    2: (1, ("eta", "shift", "cutoff")),
    3: (2, _ANGULAR),
    9: (2, _ANGULAR),
    12: (0, ("eta", "shift", "cutoff")),
    13: (0, ("eta", "shift", "lambda_", "zeta", "cutoff")),
    20: (1, ("inner_radius", "cutoff", "subtype")),
    21: (2, _ANGLES),
    22: (2, _ANGLES),
    23: (0, ("inner_radius", "cutoff", "subtype")),
    24: (0, _ANGLES),
    25: (0, _ANGLES),
}


def parse_function(line: Line, species: tuple[str, ...]) -> SymmetryFunction:
    """The function of a ``symfunction_short`` line.

    Raises:
        ForgefieldError: an unknown type or element, or parameters that are missing or out of range.
    """
    centre = line.element(1, species)
    known = ", ".join(str(kind) for kind in FIELDS)
    kind = line.whole(2, f"a symmetry function type: {known}")
    if kind not in FIELDS:
        raise ForgefieldError(
            f"{line.path}, line {line.number}: symmetry function type {kind} is not supported",
            f"use types {known}",
        )
    n_neighbours, names = FIELDS[kind]
    expected = " ".join(["symfunction_short <element>", str(kind), *["<element>"] * n_neighbours])
    expected += "".join(f" <{name.rstrip('_')}>" for name in names)
    neighbours = tuple(line.element(3 + k, species) for k in range(n_neighbours))
    start = 3 + n_neighbours
    # The shift of types 3 and 9 came later than the types themselves and may be left out.
    if names is _ANGULAR and len(line.words) == start + len(names) - 1:
        names = names[:-1]
    textual = names[-1] == "subtype"
    values = line.numbers(start, start + len(names) - textual, expected)
    fields = dict(zip(names, values, strict=False))
    if len(line.words) < start + len(names):
        raise line.error(expected)
    subtype = line.words[start + len(names) - 1] if textual else ""
    try:
        return SymmetryFunction(kind, centre, neighbours, subtype=subtype, **fields)
    except ForgefieldError as error:
        raise ForgefieldError(f"{line.path}, line {line.number}: {error.problem}", error.remedy) from None


def function_line(function: SymmetryFunction) -> str:
    """The ``symfunction_short`` line of a function, with all digits."""
    _, names = FIELDS[function.kind]
    words = [f"{function.centre:2s}", f"{function.kind:2d}", *(f"{each:2s}" for each in function.neighbours)]
    for name in names:
        value = getattr(function, name)
        words.append(value if name == "subtype" else f"{value!r:>8}")
    return "symfunction_short " + " ".join(words)
