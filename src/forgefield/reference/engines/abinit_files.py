"""Headers of ABINIT's pseudopotentials: ``.psp8`` and PAW data in XML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_HEADER = 20_000  # characters that surely hold it
_NUMBERS = {"LDA": {1, 2, 7, -1012, -1009}, "PBE": {11, -101130}, "PBEsol": {-116133}}
_NAMES = {
    "LDA": {"PW", "LDA", "LDA_X+LDA_C_PW", "LDA_X+LDA_C_PW_MOD"},
    "PBE": {"PBE", "GGA_X_PBE+GGA_C_PBE"},
    "PBEsol": {"PBESOL", "GGA_X_PBE_SOL+GGA_C_PBE_SOL"},
}
FUNCTIONALS = tuple(_NUMBERS)
"""The functionals that are told apart."""


@dataclass(frozen=True, slots=True)
class AbinitHeader:
    """What a calculation must know of a pseudopotential.

    Attributes:
        xc: functional, by the spec's names; None if it is another one.
        cutoff: suggested cutoff, hartree; 0 if the file suggests none.
        valence: electrons.
        paw: a PAW data set, which needs a second grid.
    """

    xc: str | None
    cutoff: float
    valence: float
    paw: bool


def read_abinit_header(path: Path) -> AbinitHeader:
    """Read a header; a file that has none of the known form gives no functional."""
    with path.open(errors="replace") as lines:
        text = lines.read(_HEADER)
    if path.suffix.lower() == ".xml":
        name = re.search(r"<xc_functional[^>]*\bname=\"([^\"]+)\"", text)
        cutoff = re.search(r"<pw_ecut[^>]*\bmedium=\"\s*([\d.]+)", text)
        valence = re.search(r"<atom [^>]*\bvalence=\"\s*([\d.]+)", text)
        written = name.group(1).upper() if name else ""
        return AbinitHeader(
            xc=next((xc for xc, names in _NAMES.items() if written in names), None),
            cutoff=float(cutoff.group(1)) if cutoff else 0.0,
            valence=float(valence.group(1)) if valence else 0.0,
            paw=True,
        )
    rows = [line.split() for line in text.splitlines()[:3]]
    try:
        valence_electrons, number = float(rows[1][1]), int(rows[2][1])
    except (IndexError, ValueError):
        return AbinitHeader(None, 0.0, 0.0, False)
    xc = next((xc for xc, numbers in _NUMBERS.items() if number in numbers), None)
    return AbinitHeader(xc, 0.0, valence_electrons, False)
