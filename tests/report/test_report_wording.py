"""Numbers and elements as people and browsers read them."""

import math

import pytest

from forgefield.report.figures_style import colours, faint, rounded, thinned
from forgefield.report.html import Html, element, joined
from forgefield.report.wording import amount, count, duration, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (97.8612, "97.86"),
        (0.0301449, "0.03014"),
        (-4.63005, "−4.630"),
        (1234.6, "1235"),
        (1234567.0, "1,234,567"),
        (0.0, "0"),
        (1.2e-5, "1.200e−05"),
        (2.5e9, "2.500e+09"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_number_keeps_four_digits(value, text):
    assert number(value) == text


def test_amounts_counts_and_times():
    assert amount(0.158, "%") == "0.16 %"
    assert amount(-12.3456, "meV/atom") == "−12.3 meV/atom"
    assert amount(None, "%") == "–"
    assert [count(n, "trajectory", "trajectories") for n in (1, 2000)] == [
        "1 trajectory",
        "2,000 trajectories",
    ]
    assert [duration(s) for s in (4.24, 59.99, 192, 7499)] == [
        "4.2 s",
        "1 min 0 s",
        "3 min 12 s",
        "2 h 5 min",
    ]


def test_text_is_escaped_and_html_is_not():
    inner = element("b", "a < b & c")
    assert inner == "<b>a &lt; b &amp; c</b>"
    assert element("td", inner, "<i>", class_='"x"') == (
        '<td class="&quot;x&quot;"><b>a &lt; b &amp; c</b>&lt;i&gt;</td>'
    )
    assert joined([inner, ["<"]], None, Html("<hr>")) == "<b>a &lt; b &amp; c</b>&lt;<hr>"


def test_figures_get_few_and_finite_numbers():
    assert rounded([1.23456, math.nan, -math.inf], 2) == [1.23, None, None]
    assert [len(range(n)[thinned(n)]) for n in (10, 4000, 4001, 100_000)] == [10, 4000, 2001, 4000]
    assert faint("#2f7fd6", 0.5) == "rgba(47,127,214,0.5)"
    assert len(set(colours([str(n) for n in range(10)]).values())) == 10
