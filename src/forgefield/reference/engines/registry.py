"""From an engine's name to the engine."""

from __future__ import annotations

from forgefield.reference.engines.ase_calculator import AseCalculatorEngine
from forgefield.reference.engines.engine import Engine
from forgefield.reference.engines.gpaw import GpawEngine
from forgefield.reference.engines.tblite import TbliteEngine
from forgefield.reference.spec import ASE_PREFIX


def find_engine(name: str) -> Engine:
    """The engine of a name that ``ReferenceSpec`` accepted."""
    if name.startswith(ASE_PREFIX):
        return AseCalculatorEngine(name.removeprefix(ASE_PREFIX))
    engines: dict[str, Engine] = {"gpaw": GpawEngine(), "tblite": TbliteEngine()}
    return engines[name]
