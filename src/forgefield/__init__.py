"""Machine-learned interatomic potentials that develop themselves."""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"

# Compiled kernels run in parallel for microseconds at a time. Threads that spin while they wait would slow each other
# down a thousandfold where others use the machine too. Read by OpenMP when numba or torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Imported on first use, so that `forgefield --help` need not wait for torch.
_PUBLIC = {
    "fit": "forgefield.potentials.fitting",
    "load": "forgefield.potentials.registry",
    "Potential": "forgefield.potentials.contract",
    "run": "forgefield.workflow.loop",
    "RunSpec": "forgefield.workflow.spec",
    "read_input": "forgefield.app.input",
    "ForgefieldError": "forgefield.atoms.errors",
}

__all__ = ["ForgefieldError", "Potential", "RunSpec", "__version__", "fit", "load", "read_input", "run"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'forgefield' has no attribute {name!r}")
