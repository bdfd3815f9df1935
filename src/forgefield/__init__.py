"""Machine-learned interatomic potentials that develop themselves."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Imported on first use, so that `forgefield --help` need not wait for torch.
_PUBLIC = {
    "load": "forgefield.potentials.registry",
    "Potential": "forgefield.potentials.contract",
    "run": "forgefield.workflow.loop",
    "RunSpec": "forgefield.workflow.spec",
    "read_input": "forgefield.app.input",
    "ForgefieldError": "forgefield.atoms.errors",
}

__all__ = ["ForgefieldError", "Potential", "RunSpec", "__version__", "load", "read_input", "run"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'forgefield' has no attribute {name!r}")
