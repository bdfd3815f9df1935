"""From an engine's name to the engine."""

from __future__ import annotations

from forgefield.reference.engines.abinit import AbinitEngine
from forgefield.reference.engines.ase_calculator import AseCalculatorEngine
from forgefield.reference.engines.cp2k import Cp2kEngine
from forgefield.reference.engines.engine import Engine
from forgefield.reference.engines.espresso import EspressoEngine
from forgefield.reference.engines.gpaw import GpawEngine
from forgefield.reference.engines.tblite import TbliteEngine
from forgefield.reference.engines.vasp import VaspEngine
from forgefield.reference.spec import ASE_PREFIX


def find_engine(name: str, command: str | None = None, pseudopotentials: str | None = None) -> Engine:
    """The engine of a name that ``ReferenceSpec`` accepted.

    Args:
        name: of the engine.
        command: command line of an engine that starts a program; None for its environment variable.
        pseudopotentials: folder of such an engine's pseudopotentials; None likewise.
    """
    if name.startswith(ASE_PREFIX):
        return AseCalculatorEngine(name.removeprefix(ASE_PREFIX))
    engines: dict[str, Engine] = {
        "abinit": AbinitEngine(command, pseudopotentials),
        "cp2k": Cp2kEngine(command, pseudopotentials),
        "espresso": EspressoEngine(command, pseudopotentials),
        "gpaw": GpawEngine(),
        "tblite": TbliteEngine(),
        "vasp": VaspEngine(command, pseudopotentials),
    }
    return engines[name]
