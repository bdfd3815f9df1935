"""Crystal structures of the AFLOW prototype library, as it ships with pymatgen.

Library: Mehl et al., Comput. Mater. Sci. 136, S1 (2017).
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ase import Atoms
from ase.spacegroup import crystal

from forgefield.atoms.errors import ForgefieldError

# Our name → AFLOW label and the library's word for the mineral, which tells apart crystals of one label.
AFLOW_NAMES = {
    "hexagonal-diamond": ("A_hP4_194_f", "Lonsdaleite"),
    "beta-tin": ("A_tI4_141_a", "beta Sn"),
    "simple-hexagonal": ("A_hP1_191_a", "Hg_xSn"),
    "double-hcp": ("A_hP4_194_ac", "alpha La"),
    "graphite": ("A_hP4_194_bc", "Graphite"),
    "rhombohedral-graphite": ("A_hR2_166_c", "rhombohedral graphite"),
    "bc8": ("A_cI16_206_c", "BC8"),
    "bct5": ("A_tI4_139_e", "BCT5"),
    "st12": ("A_tP12_96_ab", ""),
    "clathrate-i": ("A_cP46_223_dik", "Clathrate"),
    "clathrate-ii": ("A_cF136_227_aeg", "Clathrate"),
    "alpha-arsenic": ("A_hR2_166_c", "alpha As"),
    "alpha-boron": ("A_hR12_166_2h", "alpha boron"),
    "alpha-gallium": ("A_oC8_64_f", "alpha"),
    "alpha-manganese": ("A_cI58_217_ac2g", "alpha"),
    "beta-manganese": ("A_cP20_213_cd", "beta"),
    "alpha-mercury": ("A_hR1_166_a", "alpha"),
    "alpha-neptunium": ("A_oP8_62_2c", "alpha Np"),
    "beta-neptunium": ("A_tP4_129_ac", "beta Np"),
    "alpha-nitrogen": ("A_cP8_205_c", "Cubic alpha N2"),
    "alpha-oxygen": ("A_mC4_12_i", "alpha oxygen"),
    "alpha-plutonium": ("A_mP16_11_8e", "alpha Pu"),
    "gamma-plutonium": ("A_oF8_70_a", "gamma plutonium"),
    "alpha-samarium": ("A_hR3_166_ac", "alpha Samarium"),
    "alpha-selenium": ("A_hP3_152_a", "alpha Selenium"),
    "alpha-sulfur": ("A_oF128_70_4h", "alpha"),
    "alpha-uranium": ("A_oC4_63_c", "alpha U"),
    "beta-uranium": ("A_tP30_136_bf2ij", "beta Uranium"),
    "black-phosphorus": ("A_oC8_64_f", "black P"),
    "indium": ("A_tI2_139_a", "Indium"),
    "iodine": ("A_oC8_64_f", ""),
    "protactinium": ("A_tI2_139_a", "Protactinium"),
}


@dataclass(frozen=True, slots=True)
class AflowCrystal:
    """One crystal of the library.

    Attributes:
        label: AFLOW's name: anonymous formula, Pearson symbol, space group and Wyckoff letters.
        mineral: the library's word for it, or "".
        atoms: primitive cell, as it was measured.
    """

    label: str
    mineral: str
    atoms: Atoms


def aflow_crystal(name: str) -> Atoms:
    """Primitive cell of a crystal named in ``AFLOW_NAMES``, as the library has it (its own element and size).

    Raises:
        ForgefieldError: pymatgen is not installed or has no such crystal.
    """
    wanted = AFLOW_NAMES[name]
    found = [entry.atoms for entry in aflow_library() if (entry.label, entry.mineral) == wanted]
    if len(found) != 1:
        raise ForgefieldError(
            f"the AFLOW library of the installed pymatgen has {len(found)} crystals {wanted[0]} for {name}",
            "install the pymatgen version that forgefield[structures] asks for",
        )
    return found[0].copy()


@cache
def aflow_library() -> tuple[AflowCrystal, ...]:
    """All crystals of the library, 288 of them, elements and compounds.

    Raises:
        ForgefieldError: pymatgen is not installed or has no library.
    """
    # The file is read directly because importing the module that holds the library takes seconds.
    package = find_spec("pymatgen") and find_spec("pymatgen.analysis.prototypes")
    if not package or not package.submodule_search_locations:
        raise ForgefieldError(
            "this crystal structure comes from pymatgen, which is not installed",
            "pip install 'forgefield[structures]', or choose among fcc, bcc, hcp, sc and diamond",
        )
    path = Path(package.submodule_search_locations[0]) / "aflow_prototypes.json.gz"
    if not path.exists():
        raise ForgefieldError(
            f"the installed pymatgen has no {path.name}",
            "install the pymatgen version that forgefield[structures] asks for",
        )
    with gzip.open(path, "rt", encoding="utf-8") as file:
        entries = json.load(file)
    crystals = []
    for entry in entries:
        label, mineral = entry["tags"]["aflow"], entry["tags"]["mineral"]
        atoms = _corrected(label) or Atoms(
            [site["species"][0]["element"] for site in entry["snl"]["sites"]],
            scaled_positions=[site["abc"] for site in entry["snl"]["sites"]],
            cell=entry["snl"]["lattice"]["matrix"],
            pbc=True,
        )
        crystals.append(AflowCrystal(label, mineral, atoms))
    return tuple(crystals)


def _corrected(label: str) -> Atoms | None:
    """Anatase and brookite, which the library has wrong: z of oxygen, and 3.45 Å for the axis b of 5.45 Å.

    Horn et al., Z. Kristallogr. 136, 273 (1972); Meagher and Lager, Can. Mineral. 17, 77 (1979).
    """
    if label == "A2B_tI12_141_e_a":
        atoms = crystal(
            ["Ti", "O"],
            [(0, 0, 0), (0, 0, 0.2081)],
            spacegroup=141,
            cellpar=[3.7842, 3.7842, 9.5146, 90, 90, 90],
            primitive_cell=True,
        )
    elif label == "A2B_oP24_61_2c_c":
        atoms = crystal(
            ["Ti", "O", "O"],
            [(0.1289, 0.0972, 0.8628), (0.0095, 0.1491, 0.1835), (0.2314, 0.1110, 0.5366)],
            spacegroup=61,
            cellpar=[9.174, 5.449, 5.138, 90, 90, 90],
        )
    else:
        return None
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
