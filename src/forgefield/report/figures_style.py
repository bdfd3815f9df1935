"""How every figure looks, and how it gets into the page."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from forgefield.report.html import Html, element

if TYPE_CHECKING:
    import plotly.graph_objects as go

POTENTIAL = "#2f7fd6"
REFERENCE = "#d9781f"
REFERENCE_BAND = "rgba(217,120,31,0.55)"
"""Of broad reference lines that the potential's thin line runs along."""
QUIET = "#8a929b"
# Mid-tones that can be told apart on white and on black, also by people who confuse red and green.
CATEGORIES = (
    "#2f7fd6", "#d9781f", "#2a9d78", "#b565a7", "#c9a227",
    "#5aa9e6", "#c44e52", "#7a8793", "#7f6fd0", "#9c6b3f",
)  # fmt: skip
MOST_POINTS = 4000
"""Points of one scatter plot, at most: more make the page slow and show nothing new."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"


def rounded(values: Iterable[float], decimals: int) -> list[float | None]:
    """Numbers with as many decimals as the eye can use; None, a gap, where a number is not finite."""
    return [round(float(value), decimals) if math.isfinite(value) else None for value in values]


def thinned(n_points: int) -> slice:
    """Which of many points to show: all, or every second, third …"""
    return slice(None, None, max(1, -(-n_points // MOST_POINTS)))


def thinning_note(n_points: int) -> str:
    """A sentence on what `thinned` left out; empty if nothing."""
    step = thinned(n_points).step
    return f" One point in {step} of {n_points:,} is shown." if step > 1 else ""


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name."""
    return {name: CATEGORIES[place % len(CATEGORIES)] for place, name in enumerate(names)}


def faint(colour: str, opacity: float) -> str:
    """A ``#rrggbb`` colour that lets others through."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def new_figure(x: str, y: str, height: int = 320, **layout: Any) -> go.Figure:
    """An empty figure with two axes."""
    import plotly.graph_objects as go

    figure = go.Figure()
    apply_style(figure, height)
    figure.update_xaxes(title_text=x)
    figure.update_yaxes(title_text=y)
    return figure.update_layout(**layout)


def apply_style(figure: go.Figure, height: int) -> None:
    """Give a figure the report's looks; colours of text and lines come from the page's style sheet."""
    import plotly.graph_objects as go

    figure.update_layout(
        template=go.layout.Template(),
        font={"family": _FONT, "size": 12, "color": "#555555"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 58, "r": 12, "t": 12, "b": 48},
        height=height,
        showlegend=False,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 11}},
        hoverlabel={"font": {"family": _FONT, "color": "#ffffff"}},
    )
    axis = {
        "showgrid": True, "gridcolor": "#dddddd", "zeroline": False, "showline": True, "linecolor": "#888888",
        "ticks": "outside", "ticklen": 4, "tickcolor": "#888888", "automargin": True, "title_standoff": 8,
    }  # fmt: skip
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)


def with_legend(figure: go.Figure) -> None:
    """Show the legend above the drawing, and make room for it."""
    figure.update_layout(showlegend=True, margin_t=34)


def anchor(*parts: str) -> str:
    """An identifier of a figure from words and names, which may hold anything."""
    text = "-".join(part for part in parts if part).lower()
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)


def draw(identifier: str, figure: go.Figure, title: str, caption: str = "", kind: str | None = None) -> Html:
    """The figure as a piece of the page.

    The title stands outside of the drawing, where it can wrap.

    Args:
        identifier: unique among the figures.
        figure: what to draw.
        title: above the figure; also read out to those who cannot see it.
        caption: below the figure.
        kind: CSS class, such as ``narrow``.
    """
    height = int(figure.layout.height)
    # A "<" in a name must not end the script element that carries the data.
    data = json.dumps(figure.to_plotly_json(), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return element(
        "figure",
        element("p", title, class_="figure-title"),
        element(
            "div",
            "This figure needs JavaScript.",
            id=f"figure-{identifier}",
            class_="plot",
            style=f"height:{height}px",
            role="img",
            aria_label=title,
        ),
        Html(f'<script type="application/json" id="figure-{identifier}-data">{data}</script>'),
        element("figcaption", caption) if caption else None,
        class_=kind,
    )
