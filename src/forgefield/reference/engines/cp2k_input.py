"""The part of CP2K's input that ASE's calculator leaves to a template."""

from __future__ import annotations

from collections.abc import Mapping

from ase.calculators.cp2k import InputSection, parse_input

from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.k_points import KPointMesh

_OWNED_SECTIONS = {"KPOINTS": "k_spacing", "SMEAR": "smearing", "XC": "xc"}


def input_template(
    mesh: KPointMesh,
    temperature: float,
    moments: Mapping[str, float],
    alpha: float,
    buffer: int,
    further: str,
) -> str:
    """Smearing, k-points, mixing and starting moments, with the user's own input merged over.

    Args:
        mesh: of k-points.
        temperature: of the Fermi–Dirac distribution, K.
        moments: starting moment by element, μB; empty without spin.
        alpha: share of the new density.
        buffer: densities that Broyden's mixing keeps.
        further: user's input, in CP2K's format.
    """
    points = ""
    if max(mesh.size) > 1:
        # MacDonald's shifts count from Monkhorst and Pack's mesh, in reciprocal vectors.
        offsets = [
            0.5 / n if n % 2 == 0 and not shift else 0.0
            for n, shift in zip(mesh.size, mesh.shifts, strict=True)
        ]
        numbers = " ".join(f"{number:.12g}" for number in (*mesh.size, *offsets))
        points = f"&KPOINTS\nSCHEME MACDONALD {numbers}\n&END KPOINTS\n"
    kinds = "".join(
        f"&KIND {symbol}\nMAGNETIZATION {moment:.6g}\n&END KIND\n" for symbol, moment in moments.items()
    )
    root = parse_input(
        f"&FORCE_EVAL\n&DFT\n{points}&QS\nEPS_DEFAULT 1.0E-12\n&END QS\n&MGRID\nREL_CUTOFF 60\n&END MGRID\n"
        f"&SCF\nSCF_GUESS ATOMIC\nEPS_SCF 1.0E-7\nADDED_MOS -1{' -1' if moments else ''}\n"
        "&DIAGONALIZATION T\n&END DIAGONALIZATION\n"
        f"&SMEAR T\nMETHOD FERMI_DIRAC\nELECTRONIC_TEMPERATURE [K] {temperature:.10g}\n&END SMEAR\n"
        f"&MIXING T\nMETHOD BROYDEN_MIXING\nALPHA {alpha:g}\nNBUFFER {buffer}\n&END MIXING\n"
        f"&END SCF\n&END DFT\n&SUBSYS\n{kinds}&END SUBSYS\n&END FORCE_EVAL\n"
    )
    _merge(root, parse_input(further))
    return "\n".join(root.write())


def refuse_owned(further: str) -> None:
    """Refuse input that would override a setting of the spec, or that k-points do not allow.

    Raises:
        ForgefieldError: so.
    """
    for section in _sections(parse_input(further)):
        if section.name in _OWNED_SECTIONS:
            setting = _OWNED_SECTIONS[section.name]
            raise ForgefieldError(
                f"section {section.name} in reference.parameters.inp would override reference.{setting}",
                f"set reference.{setting} instead",
            )
        if section.name == "OT":
            raise ForgefieldError(
                "section OT in reference.parameters.inp: orbital transformation knows neither k-points nor "
                "smearing, which engine cp2k always uses",
                "remove it; diagonalisation is used",
            )
        if section.name == "MGRID" and any(line.split()[0].upper() == "CUTOFF" for line in section.keywords):
            raise ForgefieldError(
                "keyword CUTOFF in reference.parameters.inp would override reference.cutoff",
                "set reference.cutoff instead; CP2K gets four times its value for the density",
            )


def _sections(root: InputSection) -> list[InputSection]:
    return [inner for child in root.subsections for inner in (child, *_sections(child))]


def _merge(base: InputSection, over: InputSection) -> None:
    """Put keywords and sections over those of the same name."""
    for line in over.keywords:
        name = line.split()[0].upper()
        base.keywords = [kept for kept in base.keywords if kept.split()[0].upper() != name]
    base.keywords.extend(over.keywords)
    for section in over.subsections:
        same = [one for one in base.subsections if one.name == section.name]
        if section.name == "KIND":
            same = [one for one in same if one.params == section.params]
        if same:
            same[0].params = section.params or same[0].params
            _merge(same[0], section)
        else:
            base.subsections.append(section)
