"""Where the data came from, how exploration went, and what everything cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from forgefield.dataset.records import Record
from forgefield.report.figures_style import POTENTIAL, colours, draw, faint, new_figure, rounded, with_legend
from forgefield.report.html import Html

_OUTCOME_COLOURS = {
    "completed": "#2a9d78",
    "uncertain": "#2f7fd6",
    "overlap": "#c44e52",
    "volume": "#d9781f",
    "overheated": "#b565a7",
}


def sources_plot(records: Sequence[Record]) -> Html:
    """Labelled structures of each cycle, by source."""
    counts = Counter((record.source, record.cycle) for record in records)
    cycles = sorted({cycle for _, cycle in counts})
    sources = source_order(records)
    palette = colours(sources)
    figure = new_figure("", "structures", height=340, barmode="stack", bargap=_gap(len(cycles)))
    for source in sources:
        figure.add_bar(
            x=[f"cycle {cycle}" for cycle in cycles],
            y=[counts[source, cycle] for cycle in cycles],
            name=plain(source),
            marker={"color": palette[source]},
            hovertemplate="%{x}: %{y}<extra>" + plain(source) + "</extra>",
        )
    figure.update_layout(
        showlegend=True,
        legend={"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top", "traceorder": "normal"},
    )
    return draw("sources", figure, "Labelled structures by cycle and source")


def energy_volume_plot(records: Sequence[Record]) -> Html | None:
    """Energy against volume of every labelled crystal; None if there is no crystal."""
    crystals = [record for record in records if record.atoms.pbc.all() and record.source != "isolated-atom"]
    if not crystals:
        return None
    sources = source_order(records)
    palette = colours(sources)
    energies = {record.key: record.labels.energy / len(record.atoms) for record in crystals}
    lowest = min(energies.values())
    figure = new_figure("volume, Å³/atom", "energy above the lowest, eV/atom", height=340)
    for source in sources:
        mine = [record for record in crystals if record.source == source]
        if not mine:
            continue
        figure.add_scatter(
            x=rounded((record.atoms.get_volume() / len(record.atoms) for record in mine), 3),
            y=rounded((energies[record.key] - lowest for record in mine), 4),
            mode="markers",
            name=plain(source),
            text=[
                plain(f"{record.atoms.get_chemical_formula()} {record.note or record.trajectory}")
                for record in mine
            ],
            marker={"size": 7, "color": faint(palette[source], 0.75)},
            hovertemplate="%{text}<br>%{x} Å³/atom, %{y} eV/atom<extra>" + plain(source) + "</extra>",
        )
    return draw(
        "energy-volume",
        figure,
        "Energy against volume of all labelled crystals",
        "Coloured by source as beside; free atoms are left out.",
    )


def outcomes_plot(outcomes: Mapping[int, Mapping[str, int]]) -> Html:
    """How the trajectories of each cycle ended."""
    figure = new_figure("", "trajectories", height=300, barmode="stack", bargap=_gap(len(outcomes)))
    names = list(dict.fromkeys(name for ends in outcomes.values() for name in ends))
    spare = colours(names)
    for name in names:
        figure.add_bar(
            x=[f"cycle {cycle}" for cycle in outcomes],
            y=[ends.get(name, 0) for ends in outcomes.values()],
            name=plain(name),
            marker={"color": _OUTCOME_COLOURS.get(name, spare[name])},
            hovertemplate="%{x}: %{y}<extra>" + plain(name) + "</extra>",
        )
    figure.update_yaxes(rangemode="tozero")
    with_legend(figure)
    return draw("outcomes", figure, "How trajectories ended", kind="narrow")


def cost_plot(seconds: Mapping[str, float]) -> Html:
    """Wall time of each step."""
    height = 80 + 20 * len(seconds)
    figure = new_figure("minutes", "", height=height)
    figure.add_bar(
        y=list(seconds),
        x=rounded((each / 60 for each in seconds.values()), 3),
        orientation="h",
        marker={"color": POTENTIAL},
        hovertemplate="%{y}: %{x} min<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    return draw("wall-time", figure, "Wall time of each step", kind="middling")


def source_order(records: Sequence[Record]) -> list[str]:
    """Sources in the order in which they first appear, cycle by cycle."""
    return list(dict.fromkeys(record.source for record in sorted(records, key=lambda record: record.cycle)))


def plain(text: str) -> str:
    """Text that plotly, which reads a little HTML and its own templates, shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("%{", "% {")


def _gap(n_bars: int) -> float:
    """Share of a bar's place that stays empty, so that few bars do not become walls."""
    return max(0.3, 0.9 - 0.15 * n_bars)
