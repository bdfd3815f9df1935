"""POTCAR files of VASP in a user's library: which file an element uses, and what its header says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError

_HEADER = 4000  # characters that surely hold it
_LIBRARIES = ("", "potpaw_{family}", "potpaw_{family}.64", "potpaw_{family}.54", "potpaw_{family}.52")


@dataclass(frozen=True, slots=True)
class PotcarHeader:
    """What a calculation must know of a pseudopotential.

    Attributes:
        family: ``LDA`` or ``PBE``; what else stands behind LEXCH is given as it stands.
        cutoff: ENMAX, eV.
    """

    family: str
    cutoff: float


def read_potcar_header(path: Path) -> PotcarHeader:
    """Read LEXCH and ENMAX.

    Raises:
        ForgefieldError: the file lacks them.
    """
    with path.open(errors="replace") as lines:
        text = lines.read(_HEADER)
    exchange = re.search(r"LEXCH\s*=\s*(\w+)", text)
    cutoff = re.search(r"ENMAX\s*=\s*([\d.]+)", text)
    if exchange is None or cutoff is None:
        raise ForgefieldError(f"{path} has no LEXCH or ENMAX in its header", "check that it is a POTCAR")
    return PotcarHeader(
        {"CA": "LDA", "PE": "PBE"}.get(exchange.group(1), exchange.group(1)), float(cutoff.group(1))
    )


def find_potcar(folder: Path, name: str, family: str) -> Path:
    """The POTCAR of a set such as ``Si`` or ``Ti_pv``.

    Looks into ``<folder>/<name>`` and into VASP's own folders ``potpaw_PBE``, ``potpaw_PBE.64``, ….

    Raises:
        ForgefieldError: there is none, or it is of another family.
    """
    if family == "LDA" and (folder / "potpaw" / name / "POTCAR").is_file():
        return folder / "potpaw" / name / "POTCAR"
    for library in _LIBRARIES:
        path = folder / library.format(family=family) / name / "POTCAR"
        if path.is_file():
            found = read_potcar_header(path).family
            if found != family:
                raise ForgefieldError(
                    f"{path} is of the family {found}, reference.xc needs {family}",
                    "set reference.pseudopotentials (or VASP_PP_PATH) to the folder that holds the right family",
                )
            return path
    others = sorted(
        {
            path.parent.name
            for library in (*_LIBRARIES, "potpaw")
            for path in (folder / library.format(family=family)).glob(f"{name.split('_')[0]}[_.]*/POTCAR")
        }
    )
    raise ForgefieldError(
        f"no {family} POTCAR for {name} in {folder}",
        f"name one of the sets that are there in reference.parameters.setups: {', '.join(others)}"
        if others
        else "set reference.pseudopotentials (or VASP_PP_PATH) to the folder that holds potpaw_PBE",
    )
