"""Crystal structures of the AFLOW prototype library, as it ships with pymatgen.

Library: Mehl et al., Comput. Mater. Sci. 136, S1 (2017).
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ase import Atoms

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


def aflow_crystal(name: str) -> Atoms:
    """Primitive cell of a crystal named in ``AFLOW_NAMES``, as the library has it (its own element and size).

    Raises:
        ForgefieldError: pymatgen is not installed or has no such crystal.
    """
    wanted = AFLOW_NAMES[name]
    found = [crystal for tag, crystal in _library() if tag == wanted]
    if len(found) != 1:
        raise ForgefieldError(
            f"the AFLOW library of the installed pymatgen has {len(found)} crystals {wanted[0]} for {name}",
            "install the pymatgen version that forgefield[structures] asks for",
        )
    return found[0].copy()


@cache
def _library() -> list[tuple[tuple[str, str], Atoms]]:
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
        sites, tags = entry["snl"]["sites"], entry["tags"]
        symbols = [site["species"][0]["element"] for site in sites]
        if len(set(symbols)) > 1:
            continue
        atoms = Atoms(
            symbols,
            scaled_positions=[site["abc"] for site in sites],
            cell=entry["snl"]["lattice"]["matrix"],
            pbc=True,
        )
        crystals.append(((tags["aflow"], tags["mineral"]), atoms))
    return crystals
