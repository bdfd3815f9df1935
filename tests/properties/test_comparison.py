"""Numbers side by side: what agrees, what differs, what cannot be said."""

import math

import pytest

from forgefield.properties.comparison import Limit, LimitsSpec, compare
from forgefield.properties.quantities import Quantity

LIMITS = LimitsSpec()


def row(mine, theirs, differences=()):
    (found,) = compare(mine, theirs, differences, LIMITS)
    return found


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("equilibrium volume", "1 %"),
        ("bulk modulus", "3 %"),
        ("pressure derivative of the bulk modulus", ""),
        ("bulk modulus from elastic constants", ""),
        ("C44", "8 % or 2 GPa"),
        ("surface (111) 2, energy unrelaxed", "8 %"),
        ("vacancy Si, formation energy", "0.15 GPa"),
        ("Cu vacancy, 2.54 Å, barrier backward", "10 % or 0.05 GPa"),
        ("Cu vacancy, 2.54 Å, energy of the end", ""),
    ],
)
def test_limits_belong_to_names(name, limit):
    assert row([Quantity(name, 1.0, "GPa")], [Quantity(name, 1.0, "GPa")]).limit == limit


def test_one_of_two_limits_is_enough():
    near = row([Quantity("C12", 11.5, "GPa")], [Quantity("C12", 10.0, "GPa")])
    assert near.judgement == "agrees"
    assert near.difference == pytest.approx(1.5)
    assert near.percent == pytest.approx(15.0)
    assert row([Quantity("C12", 113.0, "GPa")], [Quantity("C12", 100.0, "GPa")]).judgement == "differs"
    assert row([Quantity("C12", 107.0, "GPa")], [Quantity("C12", 100.0, "GPa")]).judgement == "agrees"


def test_a_number_that_one_method_lacks_does_not_hold():
    lacking = row([], [Quantity("C12", 100.0, "GPa")])
    assert lacking.judgement == "differs"
    assert lacking.value is None
    assert row([Quantity("C12", math.nan, "GPa")], [Quantity("C12", 1.0, "GPa")]).judgement == "differs"
    assert row([Quantity("C12", 1.0, "GPa")], []).judgement is None
    assert row([Quantity("angle", 1.0, "°")], [Quantity("angle", 0.0, "°")]).percent is None


def test_differences_are_judged_by_themselves():
    small = row([], [], [Quantity("phonon RMSE", 0.1, "THz")])
    assert small.judgement == "agrees"
    assert small.reference is None
    assert row([], [], [Quantity("phonon RMSE", 0.2, "THz")]).judgement == "differs"


def test_limits_of_ones_own():
    own = LimitsSpec(limits={"*": Limit(absolute=1.0), "C??": Limit(relative=50.0)})
    first, second = compare(
        [Quantity("C11", 70.0, "GPa"), Quantity("angle", 3.0, "°")],
        [Quantity("C11", 100.0, "GPa"), Quantity("angle", 1.0, "°")],
        (),
        own,
    )
    assert (first.judgement, first.limit) == ("agrees", "50 %")
    assert (second.judgement, second.limit) == ("differs", "1 °")


@pytest.mark.parametrize(
    ("value", "error", "reference_error", "judgement"),
    [
        (118.0, 5.0, None, "differs"),
        (118.0, 6.0, 8.0, "unclear"),
        (103.0, 10.0, None, "unclear"),
        (103.0, 6.0, None, "agrees"),
        (118.0, None, None, "differs"),
    ],
)
def test_errors_too_large_to_tell_are_said(
    value: float, error: float | None, reference_error: float | None, judgement: str
) -> None:
    name, unit = "thermal conductivity at 300 K", "W/(m K)"
    found = row([Quantity(name, value, unit, error)], [Quantity(name, 100.0, unit, reference_error)])
    assert found.judgement == judgement
