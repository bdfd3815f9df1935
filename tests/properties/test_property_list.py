"""Names by which properties are chosen."""

import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties.property_list import PROPERTIES, chosen_properties


def test_each_property_can_be_chosen_alone() -> None:
    for each in PROPERTIES:
        assert chosen_properties([each.name]) == (each,)


def test_a_group_is_all_of_its_properties() -> None:
    assert {each.name for each in chosen_properties(["motion"])} > {"dynamics", "melting"}
    assert chosen_properties(["all"]) == PROPERTIES
    assert all(each.usual for each in chosen_properties([]))


def test_a_slip_of_the_pen_is_understood() -> None:
    with pytest.raises(ForgefieldError, match="no property 'phonon'") as caught:
        chosen_properties(["phonon"])
    assert "did you mean phonons?" in caught.value.remedy
