"""Errors of a potential as a table."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from forgefield.properties.errors import ErrorStatistics

_UNITS = ("meV/atom",) * 2 + ("eV/Å",) * 2 + ("GPa",) * 2


def error_table(errors: dict[str, ErrorStatistics], first: str = "", total: str | None = None) -> Table:
    """One row for each set of structures.

    Args:
        errors: by name.
        first: heading of the column of names.
        total: name of the set that stands apart below the others.
    """
    table = Table(header_style="bold")
    for name in (
        first,
        "structures",
        "atoms",
        "energy MAE",
        "RMSE",
        "force MAE",
        "RMSE",
        "stress MAE",
        "RMSE",
    ):
        table.add_column(name, justify="left" if name == first else "right")
    table.add_row("", "", "", *(Text(unit, "dim") for unit in _UNITS))
    for name, each in errors.items():
        if name == total and len(errors) > 1:
            table.add_section()
        table.add_row(Text(name, "bold" if name == total else ""), *_cells(each))
    return table


def _cells(errors: ErrorStatistics) -> list[str]:
    cells = [str(errors.n_structures), str(errors.n_atoms)]
    cells += [f"{errors.energy_mae:.2f}", f"{errors.energy_rmse:.2f}"]
    cells += [f"{errors.force_mae:.4f}", f"{errors.force_rmse:.4f}"]
    return cells + [
        "–" if each is None else f"{each:.3f}" for each in (errors.stress_mae, errors.stress_rmse)
    ]
