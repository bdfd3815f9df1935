"""GPAW's PAW sets: which file an element uses, and the plane-wave cutoff that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from forgefield.atoms.errors import ForgefieldError

_SOFTEST = 300.0
_STEP = 50.0
_REFERENCE_RADIUS = 2.0  # bohr, silicon
_HARDNESS = {0: 0.7, 1: 1.0, 2: 2.0, 3: 2.0}


@dataclass(frozen=True, slots=True)
class PawSet:
    """One element's PAW set.

    Attributes:
        symbol: element.
        fingerprint: hash of the file, so that another release of the sets is another recipe.
        radius: smallest augmentation radius among the occupied valence states, bohr.
        hardest: largest angular momentum among the occupied valence states.
    """

    symbol: str
    fingerprint: str
    radius: float
    hardest: int

    @property
    def cutoff(self) -> float:
        """Plane-wave cutoff at which forces and stress are usable, eV.

        E = 300 eV · (2 bohr / radius)^1.5 · h, in steps of 50 eV and never below 300 eV, where h is 0.7 for
        elements with s valence only, 1 with p and 2 with d or f: a rule of thumb fitted to GPAW's PBE
        sets. It gives Si 300, Al 300, Ge 300, C 650, O 700, H 700, Cu 600. Seen with it: stress of O
        compounds is converged from 700 eV; the stress of fcc Cu is within 1 GPa of its limit from 500 eV
        (4 GPa off at 450 eV); C within 0.5 GPa at 650 eV; the force in H2 within 0.1 % at 700 eV (2 %
        off at 500 eV).
        """
        raw = _SOFTEST * (_REFERENCE_RADIUS / self.radius) ** 1.5 * _HARDNESS[self.hardest]
        return max(_SOFTEST, _STEP * round(raw / _STEP))


def read_paw_sets(species: tuple[str, ...], xc_name: str, setups: JsonValue) -> tuple[PawSet, ...]:
    """The sets that GPAW will use.

    Args:
        species: chemical symbols.
        xc_name: functional.
        setups: GPAW's ``setups`` argument, or None.

    Raises:
        ForgefieldError: the functional or an element's set is missing.
    """
    from gpaw.xc import XC

    try:
        family = XC(xc_name).get_setup_name()
    except NameError as error:  # what a GPAW without libxc raises
        raise ForgefieldError(
            f"xc {xc_name} is not in this build of GPAW ({error})",
            "choose LDA, PBE, revPBE or RPBE, or build GPAW with libxc",
        ) from error
    return tuple(_read(symbol, family, _kind(symbol, setups)) for symbol in species)


def _kind(symbol: str, setups: JsonValue) -> str:
    chosen = setups.get(symbol, setups.get("default")) if isinstance(setups, Mapping) else setups
    # What follows the colon is a Hubbard U.
    return str(chosen or "paw").split(":")[0] or "paw"


def _read(symbol: str, family: str, kind: str) -> PawSet:
    from gpaw.setup_data import SetupData

    try:
        data: Any = SetupData.find_and_read_path(symbol, family, setuptype=kind)
    except FileNotFoundError as error:
        name = f"{symbol}.{family}" if kind == "paw" else f"{symbol}.{kind}.{family}"
        raise ForgefieldError(
            f"GPAW has no PAW set {name}",
            "choose another functional or set, or point GPAW_SETUP_PATH to a folder that holds it",
        ) from error
    occupied = [j for j, occupation in enumerate(data.f_j) if occupation > 0.0]
    return PawSet(
        symbol=symbol,
        fingerprint=str(data.fingerprint)[:12],
        radius=float(min(data.rcut_j[j] for j in occupied)),
        hardest=int(max(data.l_j[j] for j in occupied)),
    )
