"""Time steps that a motion of atoms can bear."""

from __future__ import annotations

from typing import Literal


def check_timestep(timestep_fs: float | Literal["auto"]) -> None:
    """Refuse a time step that no motion of atoms could bear.

    Raises:
        ValueError: not above 0 and at most 10 fs.
    """
    if timestep_fs != "auto" and not 0.0 < timestep_fs <= 10.0:
        raise ValueError(f"timestep_fs {timestep_fs} must lie above 0 and at most at 10 fs")
