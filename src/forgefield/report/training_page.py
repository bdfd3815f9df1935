"""The report of a training on one's own data: one HTML page with learning curves and parity plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ase import units

from forgefield.potentials.training import Progress
from forgefield.properties.errors import ErrorStatistics
from forgefield.report.figures_accuracy import parity_plots
from forgefield.report.figures_style import POTENTIAL, QUIET, REFERENCE, draw, new_figure, rounded
from forgefield.report.html import Html, element, joined, missing, page, paragraph, section
from forgefield.report.table import Column, table
from forgefield.report.wording import count, duration, number

_TICKS = [digit * 10.0**power for power in range(-6, 5) for digit in (1, 2, 5)]
_ENDINGS = {
    "finished": "all epochs were done",
    "time limit": "the time limit was reached",
    "patience": "the validation errors fell no more",
    "stopped": "it was stopped, and can go on",
}


@dataclass(frozen=True)
class TrainingRecord:
    """What the page tells.

    Attributes:
        family: name of the potential's family.
        species: chemical symbols.
        cutoff: Å.
        history: the learning curves.
        best_epoch: epoch whose weights were kept.
        seconds: wall time.
        ending: ``finished``, ``time limit``, ``patience`` or ``stopped``.
        errors: by set of structures: training, validation, test.
        warnings: what is odd about the data.
        settings: all settings, nested.
    """

    family: str
    species: tuple[str, ...]
    cutoff: float
    history: Sequence[Progress]
    best_epoch: int
    seconds: float
    ending: str
    errors: Mapping[str, ErrorStatistics]
    warnings: Sequence[str]
    settings: Mapping[str, Any]


def training_page(record: TrainingRecord) -> str:
    """The page as HTML text; it opens from disk, without a network."""
    from plotly.offline import get_plotlyjs

    title = f"{'-'.join(record.species)} potential"
    sections = [
        section("errors", "Errors", _errors(record)),
        section("course", "Course of the training", _course(record)),
        *(
            section(f"parity-of-{name}", f"Structures for {name}", parity_plots(each, "label", name))
            for name, each in record.errors.items()
        ),
        section("settings", "Settings", _settings(record)),
    ]
    facts = {
        "Family": record.family,
        "Cutoff": f"{record.cutoff:g} Å",
        "Trained in": duration(record.seconds),
        "Best epoch": str(record.best_epoch),
        "Ended as": _ENDINGS.get(record.ending, record.ending),
    }
    entries = [element("div", element("dt", name), element("dd", value)) for name, value in facts.items()]
    header = element(
        "header",
        element("h1", title),
        paragraph("Trained on labelled structures", kind="subtitle"),
        element("dl", entries, class_="facts"),
        joined([paragraph(warning, kind="warning") for warning in record.warnings]),
    )
    body = joined(header, element("main", sections), element("footer", "Written by forgefield train."))
    return page(title, body, get_plotlyjs() if 'class="plot"' in body else "")


def _errors(record: TrainingRecord) -> Html:
    columns = [Column("structures"), *(Column(name, "number") for name in ("number", "atoms"))]
    for what, unit in (("energy", "meV/atom"), ("force", "eV/Å"), ("stress", "GPa")):
        columns += [Column(f"{what} MAE, {unit}", "number"), Column(f"RMSE, {unit}", "number")]
    rows = [
        [
            name,
            f"{each.n_structures:,}",
            f"{each.n_atoms:,}",
            *(
                number(value, digits=3)
                for value in (
                    each.energy_mae, each.energy_rmse, each.force_mae, each.force_rmse,
                    each.stress_mae, each.stress_rmse,
                )
            ),
        ]
        for name, each in record.errors.items()
    ]  # fmt: skip
    return table(columns, rows)


def _course(record: TrainingRecord) -> Html:
    if not record.history:
        return missing("The training ended before its first validation.")
    last = record.history[-1]
    text = f"{count(last.epoch, 'epoch')} of at most {last.epochs} in {duration(record.seconds)}."
    panels = [
        _curve(
            record,
            "energy",
            "meV/atom",
            1000.0,
            lambda point: point.training_energy,
            lambda point: point.validation_energy,
        ),
        _curve(record, "force", "eV/Å", 1.0, lambda point: point.training, lambda point: point.validation),
        _curve(
            record,
            "stress",
            "GPa",
            1 / units.GPa,
            lambda point: point.training_stress,
            lambda point: point.validation_stress,
        ),
        _rate(record),
    ]
    return joined(paragraph(text), element("div", [each for each in panels if each], class_="pair"))


def _curve(
    record: TrainingRecord,
    name: str,
    unit: str,
    factor: float,
    training: Callable[[Progress], float | None],
    validation: Callable[[Progress], float | None],
) -> Html | None:
    """Training and validation errors against epochs; None where there are none."""
    figure = new_figure("epoch", f"{name} RMSE, {unit}", height=300)
    drawn = False
    for what, read, colour in (("training", training, REFERENCE), ("validation", validation, POTENTIAL)):
        found = [(point.epoch, value) for point in record.history if (value := read(point)) is not None]
        if found:
            drawn = True
            figure.add_scatter(
                x=[epoch for epoch, _ in found],
                y=rounded((factor * value for _, value in found), 6),
                mode="lines",
                name=what,
                line={"color": colour, "width": 2},
                hovertemplate=f"epoch %{{x}}: %{{y}} {unit}<extra>{what}</extra>",
            )
    if not drawn:
        return None
    figure.add_vline(x=record.best_epoch, line={"color": QUIET, "dash": "dash", "width": 1})
    figure.update_yaxes(type="log", tickvals=_TICKS)
    figure.update_layout(showlegend=True, margin_t=34)
    return draw(f"course-{name}", figure, f"{name.capitalize()} errors", "Dashed: the epoch that was kept.")


def _rate(record: TrainingRecord) -> Html:
    figure = new_figure("epoch", "step size", height=300)
    figure.add_scatter(
        x=[point.epoch for point in record.history],
        y=rounded((point.learning_rate for point in record.history), 9),
        mode="lines",
        line={"color": POTENTIAL, "width": 2},
    )
    figure.update_yaxes(type="log")
    return draw("course-rate", figure, "Step size of the optimiser")


def _settings(record: TrainingRecord) -> Html:
    rows = list(_flat(record.settings, ""))
    return table([Column("setting"), Column("value")], rows)


def _flat(settings: Mapping[str, Any], prefix: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append([f"{prefix}{name}", str(value)])
    return rows
