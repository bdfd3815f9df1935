"""A run of molecular dynamics on a terminal: how far it is, what it warns of, and what came out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.table import Table

from forgefield.app.console import say
from forgefield.app.progress import progress_on
from forgefield.potentials.contract import Potential
from forgefield.sampling.integrators import Integrator, VelocityVerlet
from forgefield.sampling.langevin import MotionState
from forgefield.sampling.observables import Observation

_DRAW_EVERY = 0.25
_SHARE_FOR_UNCERTAINTY = 0.03
_LARGE_UNCERTAINTY = 0.5
"""eV/Å, of the worst atom's force."""


class MotionWatch:
    """Progress of a run, and now and then a look at the potential's uncertainty; use as a context manager.

    Args:
        console: where to draw.
        potential: is asked for its uncertainty as often as costs next to nothing.
        n_atoms: N.
        first: steps that earlier calls did.
        steps: in all.
    """

    def __init__(self, console: Console, potential: Potential, n_atoms: int, first: int, steps: int) -> None:
        self.potential, self.n_atoms, self.first, self.steps = potential, n_atoms, first, steps
        self.bars = progress_on(console)
        self.began = self.drawn = time.monotonic()
        self.asked, self.asking, self.warned = 0.0, 0.0, False
        self.temperature = ""
        self.last: MotionState | None = None

    def __enter__(self) -> Self:
        self.bars.__enter__()
        self.bars.step("md", f"{self.steps:,} steps of {self.n_atoms:,} atoms")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # However seldom it was asked, where the run ends it is.
        if kind is None and self.last is not None and not self.warned and self.asking < float("inf"):
            self._ask(self.last)
        self.bars.__exit__(kind, error, trace)

    def progress(self, done: int) -> None:
        """After each step."""
        now = time.monotonic()
        if now - self.drawn < _DRAW_EVERY and done < self.steps:
            return
        self.drawn = now
        speed = self.n_atoms * (done - self.first) / max(now - self.began, 1e-9)
        self.bars.advance(done, self.steps, f"{speed:,.0f} atom-steps/s{self.temperature}")

    def observe(self, state: MotionState) -> None:
        """At each frame."""
        self.temperature = f", {state.temperature:.0f} K"
        self.last = state
        if not self.warned and time.monotonic() - self.asked >= self.asking / _SHARE_FOR_UNCERTAINTY:
            self._ask(state)

    def _ask(self, state: MotionState) -> None:
        self.last = None
        self.asked = time.monotonic()
        found = self.potential.evaluate(state.atoms(), uncertainty=True).uncertainty
        self.asking = time.monotonic() - self.asked
        if found is None:
            self.asking = float("inf")
            return
        worst = int(np.argmax(found.forces))
        if found.forces[worst] > _LARGE_UNCERTAINTY:
            self.warned = True
            self.bars.note(
                f"step {state.step:,}: the potential is unsure of the force on atom {worst} by "
                f"{found.forces[worst]:.2f} eV/Å: such surroundings were not in its data, and what follows may be "
                "wrong. Learn them: forgefield learn"
            )


def show_motion(
    console: Console, rows: Sequence[Observation], integrator: Integrator, n_atoms: int, speed: float
) -> None:
    """Print means over the second half of a run, and under constant energy how well that was kept.

    Args:
        console: where to.
        rows: of the run's table.
        integrator: that made it.
        n_atoms: N.
        speed: atom-steps per second.
    """
    half = rows[len(rows) // 2 :]
    table = Table(title="Second half of the run", title_justify="left", header_style="bold")
    for name in ("quantity", "mean", "standard deviation"):
        table.add_column(name, justify="left" if name == "quantity" else "right")
    columns = {
        "temperature, K": ([row.temperature for row in half], 1),
        "pressure, GPa": ([row.pressure for row in half], 3),
        "volume, Å³/atom": ([row.volume / n_atoms for row in half], 4),
        "potential energy, eV/atom": ([row.potential_energy / n_atoms for row in half], 5),
        "total energy, eV/atom": ([row.total_energy / n_atoms for row in half], 5),
    }
    for name, (values, digits) in columns.items():
        if np.isfinite(values).all() and any(values):
            table.add_row(name, f"{np.mean(values):.{digits}f}", f"{np.std(values):.{digits}f}")
    console.print(table)
    if isinstance(integrator, VelocityVerlet) and len(rows) > 1:
        times, energies = np.array([[row.time, row.total_energy] for row in rows]).T
        slope = float(np.polyfit(times, energies, 1)[0])
        say(console, f"Total energy drifts by {1e3 * slope / n_atoms:+.4f} meV/atom per ps.")
    if speed > 0:
        say(console, f"{speed:,.0f} atom-steps/s.")
