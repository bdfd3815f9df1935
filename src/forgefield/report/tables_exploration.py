"""Tables of what was explored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forgefield.report.html import Html
from forgefield.report.records import TrajectoryEnd
from forgefield.report.table import MOST_ROWS, Column, table
from forgefield.report.wording import UNKNOWN, number
from forgefield.workflow.steps.on_the_fly_rounds import Asked


def exploration_table(
    rows: Sequence[tuple[int, Mapping[str, object], Mapping[str, object], Mapping[str, object]]],
) -> Html:
    """From frames to labels in each cycle: summaries of explore, select and label."""
    columns = [
        Column("cycle", "number"),
        *(
            Column(name, "number")
            for name in (
                "trajectories",
                "steps",
                "frames",
                "screened out",
                "repeating others",
                "uncertain",
                "chosen",
                "labelled",
                "failed",
            )
        ),
    ]

    def cell(summary: Mapping[str, object], name: str) -> str:
        value = summary.get(name)
        return f"{value:,}" if isinstance(value, int) else UNKNOWN

    return table(
        columns,
        [
            [
                str(cycle),
                *(cell(explored, name) for name in ("trajectories", "steps", "frames")),
                *(cell(selected, name) for name in ("screened_out", "alike", "above_threshold", "chosen")),
                *(cell(labelled, name) for name in ("labelled", "failed")),
            ]
            for cycle, explored, selected, labelled in rows
        ],
    )


def trajectories_table(trajectories: Sequence[TrajectoryEnd]) -> Html:
    """Every trajectory and how it ended."""
    columns = [
        Column("trajectory", "short"),
        Column("ended", "short"),
        Column("steps", "number"),
        Column("frames", "number"),
        Column("largest uncertainty", "number"),
        Column("reason", "long"),
    ]
    rows = [
        [
            each.name,
            each.outcome,
            f"{each.steps:,}",
            f"{each.frames:,}",
            number(each.uncertainty, "eV/Å", 3),
            each.reason,
        ]
        for each in trajectories[:MOST_ROWS]
    ]
    return table(columns, rows)


def requests_table(asked: Sequence[Asked]) -> Html:
    """What was asked for on the fly."""
    columns = [
        Column("", "number"),
        Column("trajectory", "short"),
        *(Column(name, "number") for name in ("step", "expected", "threshold", "found")),
    ]
    rows = [
        [
            str(place),
            each.trajectory,
            f"{each.step:,}",
            *(number(value, "eV/Å", 3) for value in (each.uncertainty, each.threshold, each.error)),
        ]
        for place, each in enumerate(asked[:MOST_ROWS], start=1)
    ]
    return table(columns, rows)
