"""The families that exist, and how a stored potential finds its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.contract import Potential
from forgefield.potentials.density import io as density_io
from forgefield.potentials.density.potential import DensityPotential

_FAMILIES: dict[str, Callable[[Path], Potential]] = {density_io.FAMILY: DensityPotential.load}


def load(folder: Path | str) -> Potential:
    """Read a potential.

    Args:
        folder: where a potential was saved, or a run folder, whose latest potential is taken.

    Raises:
        ForgefieldError: no potential there, or one of an unknown family.
    """
    path = Path(folder)
    if not (path / "potential.json").exists() and (path / "potential" / "potential.json").exists():
        path = path / "potential"
    description = path / "potential.json"
    if not description.exists():
        raise ForgefieldError(
            f"there is no potential in {path}", "name a folder with potential.json, such as run/potential"
        )
    try:
        family = json.loads(description.read_text())["family"]
        reader = _FAMILIES[family]
    except (ValueError, TypeError):
        raise ForgefieldError(f"{description} cannot be read", "restore the file, or train again") from None
    except KeyError as error:
        raise ForgefieldError(
            f"{description} names no known family ({error})", f"known families: {', '.join(_FAMILIES)}"
        ) from None
    return reader(path)
