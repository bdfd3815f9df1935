"""Which figure shows which property."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forgefield.report.figures_properties import elastic_plot, equation_of_state_plot, phonon_plot
from forgefield.report.html import Html

FIGURES: dict[str, Callable[[Any, Any, str], Html]] = {
    "equation_of_state": equation_of_state_plot,
    "elasticity": elastic_plot,
    "phonons": phonon_plot,
}
"""Takes the potential's finding, the reference's (None where there is none) and the reference's name."""
