"""The user's settings for reference calculations."""

from __future__ import annotations

import difflib
import re
from typing import Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from forgefield.atoms.spec import Spec
from forgefield.reference.k_points import MeshKind

ASE_PREFIX = "ase:"
"""What an engine's name begins with when it names any ASE calculator."""

_PLANE_WAVES = frozenset({"xc", "k_spacing", "k_mesh", "cutoff", "smearing", "spin", "parameters"})
_PROGRAM = _PLANE_WAVES | {"command", "pseudopotentials"}

ENGINE_SETTINGS: dict[str, frozenset[str]] = {
    "gpaw": _PLANE_WAVES,
    "espresso": _PROGRAM,
    "cp2k": _PROGRAM,
    "abinit": _PROGRAM,
    "vasp": _PROGRAM,
    "tblite": frozenset({"method", "parameters"}),
    "ase": frozenset({"parameters"}),
}
"""The engines and, for each, the settings below that it reads."""

_COMMON = frozenset({"engine", "time_limit", "max_attempts", "max_force", "min_distance_ratio"})
_DOTTED_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def engine_family(engine: str) -> str:
    """A key of ``ENGINE_SETTINGS``: the engine without what follows the colon."""
    return "ase" if engine.startswith(ASE_PREFIX) else engine


def has_functional(engine: str) -> bool:
    """Whether an engine does density functional theory with the functional ``xc``."""
    return "xc" in ENGINE_SETTINGS.get(engine_family(engine), ())


class ReferenceSpec(Spec):
    """How reference energies, forces and stresses are computed."""

    engine: str = "gpaw"
    """``gpaw``; the programs ``espresso`` (Quantum ESPRESSO), ``cp2k``, ``abinit`` and ``vasp``; ``tblite``; or
    ``ase:<module>.<callable>`` for a callable or class that returns an ASE calculator, such as
    ``ase:ase.calculators.emt.EMT``."""
    xc: str = "PBE"
    """Exchange–correlation functional. gpaw: LDA, PBE, revPBE or RPBE; others need a GPAW with libxc. Programs: the one
    that the pseudopotentials were made with."""
    k_spacing: float = Field(default=0.30, gt=0.0, le=10.0)
    """Distance between k-points along each reciprocal axis, 1/Å, factor 2π included; not for tblite and ase."""
    k_mesh: MeshKind = "gamma"
    """Meshes centred on Γ suit every lattice. ``monkhorst-pack`` leaves Γ out where a division is even: in large cells
    of low symmetry half as many points differ, and cubic and orthorhombic cells converge faster; hexagonal and sheared
    primitive cells need a dense mesh then. Not for tblite and ase."""
    cutoff: float | Literal["auto"] = "auto"
    """Plane-wave cutoff of the wave functions in eV; ``auto`` takes it from the elements' PAW sets or
    pseudopotentials. CP2K's grid for the density gets four times as much."""
    smearing: float = Field(default=0.1, gt=0.0, le=2.0)
    """Width of the Fermi–Dirac distribution, eV; not for tblite and ase."""
    spin: bool = False
    """Spin-polarised calculation; not for tblite and ase."""
    method: Literal["GFN2-xTB", "GFN1-xTB", "IPEA1-xTB"] = "GFN2-xTB"
    """Tight-binding Hamiltonian (tblite)."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """Further arguments of the engine's calculator, or variables of the program's input, by their own names."""
    command: str | None = Field(default=None, min_length=1)
    """Command line of the program, such as ``mpirun -np 4 pw.x``; without it the environment variable
    ``FORGEFIELD_<ENGINE>_COMMAND``, and without that ``pw.x``, ``cp2k``, ``abinit`` or ``vasp_std``."""
    pseudopotentials: str | None = Field(default=None, min_length=1)
    """Folder of the program's pseudopotentials (cp2k: its data folder, vasp: that of ``potpaw_PBE``); without it the
    environment variable ``ESPRESSO_PSEUDO``, ``CP2K_DATA_DIR``, ``ABI_PSPDIR`` or ``VASP_PP_PATH``."""
    time_limit: float = Field(default=1800.0, gt=0.0)
    """Seconds that one structure may take, all attempts together; then it is given up."""
    max_attempts: int = Field(default=3, ge=1)
    """Attempts per structure, each with more patient settings of the self-consistency cycle."""
    max_force: float = Field(default=60.0, gt=0.0)
    """Labels with a larger force on any atom are refused, eV/Å."""
    min_distance_ratio: float = Field(default=0.5, ge=0.0, lt=1.5)
    """Structures with two atoms closer than this times the sum of their covalent radii are refused."""

    @field_validator("engine")
    @classmethod
    def _engine_is_known(cls, engine: str) -> str:
        if engine.startswith(ASE_PREFIX):
            path = engine.removeprefix(ASE_PREFIX)
            if not _DOTTED_PATH.fullmatch(path):
                raise ValueError(
                    f"{engine!r} does not name a calculator; write ase:<module>.<callable>, "
                    "such as ase:ase.calculators.emt.EMT"
                )
        elif engine not in ENGINE_SETTINGS or engine == "ase":
            known = [*sorted(set(ENGINE_SETTINGS) - {"ase"}), "ase:<module>.<callable>"]
            nearest = difflib.get_close_matches(engine.lower(), known, n=1, cutoff=0.5)
            hint = f"did you mean {nearest[0]}? " if nearest else ""
            raise ValueError(f"unknown engine {engine!r}; {hint}known engines: {', '.join(known)}")
        return engine

    @field_validator("cutoff")
    @classmethod
    def _cutoff_is_sensible(cls, cutoff: float | str) -> float | str:
        if not isinstance(cutoff, str) and not 50.0 <= cutoff <= 5000.0:
            raise ValueError(
                f"cutoff {cutoff:g} eV is outside 50…5000 eV; give the plane-wave cutoff in eV, or auto"
            )
        return cutoff

    @model_validator(mode="after")
    def _engine_uses_all(self) -> Self:
        # Fields at their defaults are let pass, so that a spec that was written out in full reads back.
        used = ENGINE_SETTINGS[engine_family(self.engine)] | _COMMON
        for name in sorted(self.model_fields_set - used):
            if getattr(self, name) != type(self).model_fields[name].default:
                users = [engine for engine, settings in ENGINE_SETTINGS.items() if name in settings]
                raise ValueError(
                    f"{name} is not used by engine {self.engine}; "
                    f"remove it, or choose engine {' or '.join(users)}"
                )
        return self
