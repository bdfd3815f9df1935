"""What users may get wrong in a set of symmetry functions."""

import pytest
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction
from forgefield.descriptors.symmetry_functions.descriptor import SymmetryFunctions

from .conftest import function

COMPACT = {"inner_radius": 0.5, "subtype": "p2"}


@pytest.mark.parametrize(
    ("arguments", "others", "message"),
    [
        ((7, "H"), {}, "type 7 is unknown"),
        ((2, "H"), {"eta": 1.0}, "type 2 for H has 0 neighbour elements"),
        ((12, "H", "O"), {"eta": 1.0}, "type 12 for H has 1 neighbour elements"),
        ((2, "H", "O"), {"cutoff": 0.0}, "has cutoff 0.0"),
        ((2, "H", "O"), {"eta": -0.1}, "has eta -0.1"),
        ((3, "H", "O", "H"), {"lambda_": 1.0}, "has zeta 0.0"),
        ((9, "H", "O", "H"), {"lambda_": 2.0, "zeta": 1.0}, "has lambda 2.0"),
        ((20, "H", "O"), {"inner_radius": 7.0, "subtype": "p2"}, "inner radius 7.0 beyond its cutoff 7.0"),
        ((20, "H", "O"), {"inner_radius": 0.5, "subtype": "q"}, "unknown subtype 'q'"),
        ((21, "H", "O", "H"), {**COMPACT, "left_angle": 90.0, "right_angle": 30.0}, "left angle 90.0 above"),
        ((22, "H", "O", "H"), {**COMPACT, "left_angle": -9.0, "right_angle": 30.0}, "spans -9.0° to 30.0°"),
        ((25, "H"), {**COMPACT, "left_angle": 99.0, "right_angle": 200.0}, "spans 99.0° to 200.0°"),
    ],
)
def test_functions_that_make_no_sense_are_refused(arguments, others, message):
    with pytest.raises(ForgefieldError, match=message):
        function(*arguments, **others)


@pytest.mark.parametrize(
    ("kind", "inner", "message"), [(9, 0.0, "type 9"), (1, 1.0, "1.0"), (1, -0.1, "-0.1")]
)
def test_cutoff_functions_that_make_no_sense_are_refused(kind, inner, message):
    with pytest.raises(ForgefieldError, match=message):
        CutoffFunction(kind, inner)


def test_elements_must_be_known():
    radial = SymmetryFunction(2, "H", ("O",), 6.0, eta=1.0)
    with pytest.raises(ForgefieldError, match="type 2 names element O, which is not among H"):
        SymmetryFunctions(("H",), [radial], CutoffFunction(1))
    functions = SymmetryFunctions(("H", "O"), [radial], CutoffFunction(1))
    assert functions.functions_of == {"H": (radial,), "O": ()}
    assert functions.width == 1
    with pytest.raises(ForgefieldError, match="element Si is not among the potential's species H, O"):
        functions.species_index(Atoms("SiH", [[0, 0, 0], [0, 0, 1]]))
    with pytest.raises(ForgefieldError, match="no symmetry functions"):
        SymmetryFunctions(("H",), [], CutoffFunction(1))
