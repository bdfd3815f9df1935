"""Headers of pseudopotentials in the unified format (UPF) of Quantum ESPRESSO, versions 1 and 2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_SHORT = {
    "LDA": {"PZ", "SLA-PZ-NOGX-NOGC", "PW", "SLA-PW-NOGX-NOGC", "LDA"},
    "PBE": {"PBE", "SLA-PW-PBX-PBC", "SLA-PW-PBE-PBE"},
    "PBEsol": {"PBESOL", "SLA-PW-PSX-PSC"},
    "revPBE": {"REVPBE", "SLA-PW-REVX-PBC", "SLA-PW-RPB-PBC"},
    "BLYP": {"BLYP", "SLA-LYP-B88-BLYP", "B88-LYP"},
}
FUNCTIONALS = tuple(_SHORT)
"""The functionals that are told apart."""

_HEADER = 20_000  # characters that surely hold it


@dataclass(frozen=True, slots=True)
class UpfHeader:
    """What a calculation must know of a pseudopotential.

    Attributes:
        xc: functional, by the spec's names; None if it is another one.
        cutoff: suggested cutoff of the wave functions, Ry; 0 if the file suggests none.
        density_cutoff: the same of the density.
        norm_conserving: neither ultrasoft nor PAW, so that a density cutoff of four times is exact.
        valence: electrons.
    """

    xc: str | None
    cutoff: float
    density_cutoff: float
    norm_conserving: bool
    valence: float


def read_upf_header(path: Path) -> UpfHeader:
    """Read a header."""
    with path.open(errors="replace") as lines:
        text = lines.read(_HEADER)
    if "<PP_HEADER>" in text:
        return _first_version(text)
    kind = (_attribute(text, "pseudo_type") or "NC").upper()
    soft = _attribute(text, "is_ultrasoft") or "false"
    return UpfHeader(
        xc=_functional(_attribute(text, "functional") or ""),
        cutoff=_suggested(text, "wavefunctions", "wfc_cutoff"),
        density_cutoff=_suggested(text, "charge density", "rho_cutoff"),
        norm_conserving=kind not in {"US", "USPP", "PAW"} and soft.lower() not in {"t", "true", ".true."},
        valence=float(_attribute(text, "z_valence") or 0.0),
    )


def _first_version(text: str) -> UpfHeader:
    functional = re.search(r"^\s*(.*?)\s+Exchange-Correlation functional", text, re.MULTILINE)
    cutoffs = re.search(r"^\s*(\S+)\s+(\S+)\s+Suggested cutoff for wfc and rho", text, re.MULTILINE)
    valence = re.search(r"^\s*(\S+)\s+Z valence", text, re.MULTILINE)
    return UpfHeader(
        xc=_functional(functional.group(1)) if functional else None,
        cutoff=float(cutoffs.group(1)) if cutoffs else 0.0,
        density_cutoff=float(cutoffs.group(2)) if cutoffs else 0.0,
        norm_conserving=re.search(r"^\s*NC\s+Norm", text, re.MULTILINE) is not None,
        valence=float(valence.group(1)) if valence else 0.0,
    )


def _functional(words: str) -> str | None:
    """The spec's name; the last word of older files repeats the four before it."""
    parts = words.upper().replace("-", " ").split()
    names = {"-".join(parts), "-".join(parts[:4])}
    return next((xc for xc, known in _SHORT.items() if names & known), None)


def _attribute(text: str, name: str) -> str | None:
    found = re.search(rf"\b{name}\s*=\s*\"\s*([^\"]*?)\s*\"", text)
    return found.group(1) if found else None


def _suggested(text: str, what: str, attribute: str) -> float:
    written = float(_attribute(text, attribute) or 0.0)
    found = re.search(rf"Suggested minimum cutoff for {what}:\s*([\d.]+)", text)
    return max(written, float(found.group(1)) if found else 0.0)
