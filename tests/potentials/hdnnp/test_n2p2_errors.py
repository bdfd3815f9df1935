"""Malformed files of n2p2: every message names the file, the line and what was expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.hdnnp.definition import Hdnnp
from forgefield.potentials.hdnnp.n2p2_data import read_data, write_data
from forgefield.potentials.hdnnp.n2p2_folder import read_folder, write_folder
from forgefield.potentials.hdnnp.n2p2_settings import read_settings


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs 10", "fixed_gausswidth O 1.0", "line 12: keyword fixed_gausswidth is not supported; only short"),
        ("epochs 10", "cutof_type 1", "line 12: keyword cutof_type is not supported; did you mean cutoff_type"),
        ("epochs 10", "nnp_type 4G-HDNNP", "line 12: nnp_type 4G-HDNNP is not supported"),
        ("epochs 10", "use_electrostatics", "keyword use_electrostatics is not supported"),
        ("epochs 10", "cutoff_type 1", "line 12: cutoff_type was given in line 4 already"),
        ("epochs 10", "mean_energy 1.0", "has mean_energy but not conv_energy"),
        ("number_of_elements 2 ", "number_of_elements 3 ", "line 2: .* expected 2, the number of elements in line 3"),
        ("elements O H ", "elements O Xx ", "line 3: .* expected a chemical symbol"),
        ("cutoff_type 6 0.25\n", "", "has no keyword cutoff_type"),
        ("cutoff_type 6", "cutoff_type six", "line 4: .* expected cutoff_type <type> <alpha>"),
        ("short 4 3", "short 4", "line 9: .* expected the nodes of 2 hidden layers"),
        ("short t p l", "short t x l", "line 10: .* expected activations of 2 hidden layers and the output"),
        ("global_hidden_layers_short 2\n", "", "line 8: .* expected the nodes of None hidden layers|no global_hidden"),
        ("global_activation_short t p l\n", "", "no global_activation_short and no element_activation_short for H"),
        ("O -75.0", "O minus", "line 11: .* expected atom_energy <element> <energy>"),
        ("H 2 H 0.1 0.5 8.0", "H 4 H 0.1 0.5 8.0", "line 15: symmetry function type 4 is not supported"),
        ("H 2 H 0.1 0.5 8.0", "H 2 N 0.1 0.5 8.0", "line 15: .* expected a chemical symbol among H, O"),
        ("H 2 H 0.1 0.5 8.0", "H 2 H 0.1 0.5", "line 15: .* expected symfunction_short <element> 2 <element> <eta>"),
        ("H 2 H 0.1 0.5 8.0", "H 2 H 0.1 0.5 -8.0", "line 15: .*cutoff -8.0"),
        ("90.0 p2a", "90.0 q9", "subtype 'q9'"),
    ],
)  # fmt: skip
def test_malformed_settings_are_named(make_input, old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ForgefieldError, match=message):
        read_settings(make_input(tmp_path, (old, new)))


def test_an_element_without_functions_is_named(make_input, tmp_path: Path) -> None:
    lines = [
        line for line in make_input(tmp_path).read_text().splitlines() if "symfunction_short O" not in line
    ]
    (tmp_path / "input.nn").write_text("\n".join(lines))
    with pytest.raises(ForgefieldError, match="no symfunction_short for O"):
        read_settings(tmp_path / "input.nn")


def changed(path: Path, change) -> None:
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


def test_missing_and_inconsistent_tables_are_named(complete_hdnnp: Hdnnp, tmp_path: Path) -> None:
    hdnnp = complete_hdnnp

    def fresh() -> Path:
        write_folder(tmp_path / "out", hdnnp)
        return tmp_path / "out"

    (fresh() / "weights.008.data").unlink()
    with pytest.raises(ForgefieldError, match=r"there is no file .*weights\.008\.data"):
        read_folder(tmp_path / "out")
    changed(fresh() / "weights.001.data", lambda lines: lines[:-1])
    with pytest.raises(ForgefieldError, match="has 46 connections, but a 6-4-3-1 network has 47"):
        read_folder(tmp_path / "out")
    changed(
        fresh() / "weights.001.data", lambda lines: [*lines[:2], lines[40].replace(" a ", " b "), *lines[3:]]
    )
    with pytest.raises(ForgefieldError, match="connection 1 is of type 'b', expected 'a'"):
        read_folder(tmp_path / "out")
    changed(fresh() / "weights.001.data", lambda lines: [*lines[:2], "one a", *lines[3:]])
    with pytest.raises(
        ForgefieldError, match=r"weights\.001\.data, line 3: cannot read 'one a'; expected <connection>"
    ):
        read_folder(tmp_path / "out")
    changed(fresh() / "scaling.data", lambda lines: lines[:-1])
    with pytest.raises(
        ForgefieldError, match=r"has 8 rows for element 2, but input\.nn has 9 symmetry functions"
    ):
        read_folder(tmp_path / "out")
    changed(fresh() / "scaling.data", lambda lines: [*lines[:2], *lines[3:]])
    with pytest.raises(ForgefieldError, match=r"line 3: .* expected function 1 of 6 of element 1"):
        read_folder(tmp_path / "out")
    changed(fresh() / "scaling.data", lambda lines: [*lines[:2], "7 1 0 1 0 1", *lines[3:]])
    with pytest.raises(ForgefieldError, match=r"line 3: .* expected an element index from 1 to 2"):
        read_folder(tmp_path / "out")


FRAME = (
    "begin\nlattice 5 0 0\nlattice 0 5 0\nlattice 0 0 5\natom 0 0 0 H 0 0 1 2 3\nenergy -1\ncharge 0\nend\n"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("begin\n", "", "line 1: .* expected begin"),
        ("end\n", "begin\n", "line 8: .* expected end before the next begin"),
        ("end\n", "", "stops within structure 1"),
        ("lattice 0 0 5\n", "", "expected three lattice lines before it, or none, but there are 2"),
        ("lattice 0 0 5", "lattice 0 0", "line 4: .* expected lattice <x> <y> <z>"),
        ("atom 0 0 0 H 0 0 1 2 3", "atom 0 0 0 H 0 0 1 2", "line 5: .* expected atom <x> <y> <z> <element>"),
        ("atom 0 0 0 H", "atom 0 0 0 Q", "line 5: .* expected a chemical symbol"),
        ("energy -1", "energy", "line 6: .* expected energy <number>"),
        ("charge 0", "spin 0", "line 7: .* expected one of begin, comment"),
    ],
)
def test_malformed_structures_are_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "input.data"
    path.write_text(FRAME.replace(old, new))
    with pytest.raises(ForgefieldError, match=message):
        read_data(path)


def test_slabs_are_refused(tmp_path: Path) -> None:
    slab = Atoms("H", np.zeros((1, 3)), cell=5 * np.eye(3), pbc=[True, True, False])
    with pytest.raises(ForgefieldError, match="structure 0 is periodic along some axes only"):
        write_data(tmp_path / "input.data", [slab])
