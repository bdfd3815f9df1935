"""nep.txt: what is read is what is written, and what cannot be read is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.nep.nep_txt import read_nep_txt, write_nep_txt
from forgefield.potentials.nep.parameters import NepParameters
from forgefield.potentials.nep.potential import NepPotential


def test_published_models_survive_a_round_trip(data: Path, tmp_path: Path) -> None:
    for path in sorted(data.glob("*.txt")):
        model = read_nep_txt(path)
        write_nep_txt(model, tmp_path / "nep.txt")
        assert read_nep_txt(tmp_path / "nep.txt") == model
        header, numbers = (tmp_path / "nep.txt").read_text().splitlines(), path.read_text().splitlines()
        assert [float(line) for line in header[6:]] == [float(line) for line in numbers[6:]]


def test_every_kind_of_header_survives_a_round_trip(
    variants: dict[str, NepParameters], tmp_path: Path
) -> None:
    for name, model in variants.items():
        write_nep_txt(model, tmp_path / "nep.txt")
        assert read_nep_txt(tmp_path / "nep.txt") == model, name


def test_header_of_a_published_model(water: NepParameters) -> None:
    assert water.species == ("O", "H")
    assert water.radial_cutoffs.tolist() == [6.0, 6.0]
    assert water.angular_cutoffs.tolist() == [4.0, 4.0]
    assert (water.l_max, water.four_body, water.five_body) == (4, True, False)
    assert water.inward.shape == (2, 30, 30)
    assert water.radial.shape == (5, 9, 2, 2)
    assert water.max_neighbours == (251, 80)


def test_saved_folder_is_read_back(water: NepParameters, tmp_path: Path) -> None:
    NepPotential(water).save(tmp_path / "potential")
    assert NepPotential.load(tmp_path / "potential").model == water


def test_folder_with_exchanged_files_is_refused(water: NepParameters, tmp_path: Path) -> None:
    NepPotential(water).save(tmp_path)
    description = tmp_path / "potential.json"
    description.write_text(description.read_text().replace('"O"', '"N"'))
    with pytest.raises(ForgefieldError, match=r"describes species N, H, its nep.txt has O, H; restore"):
        NepPotential.load(tmp_path)


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        ("nep4 2 O H", "nep5 2 O H", "holds a model of kind nep5; only nep3 and nep4"),
        ("nep4 2 O H", "nep4_charge1 2 O H", "kind nep4_charge1"),
        ("nep4 2 O H", "nep4_dipole 2 O H", "kind nep4_dipole"),
        ("nep4 2 O H", "nep4_temperature 2 O H", "kind nep4_temperature"),
        ("nep4 2 O H", "nep4 3 O H", "not a whole nep.txt file: 3 species are announced, O H named"),
        ("nep4 2 O H", "nep4 2 O Q", "O Q named"),
        ("l_max 4 2 0", "l_max 4 2 0 1", "l_max 4 2 0 1; invariants beyond"),
        ("l_max 4 2 0", "l_max 5 2 0", "l_max 5 2 0; 3-body degrees up to 4"),
        ("l_max 4 2 0", "l_max 1 2 0", "4-body needs 2"),
        ("ANN 30 0", "ANN 30 10", "second hidden layer of 10 neurons"),
        ("cutoff 6.0 4.0 251 80", "cutoff 4.0 6.0 251 80", "angular cutoff above the radial one"),
        ("cutoff 6.0 4.0 251 80", "cutoff 6.0 4.0 251 80 2.5", "5 values behind cutoff; give 4, or 6"),
        ("n_max 4 4", "n_max 4 5", "numbers follow the header, which asks for"),
        ("n_max 4 4", "n_min 4 4", "line 3 should be n_max"),
        ("nep4 2 O H", "nep4_zbl 2 O H\nzbl 0.7 1.4 0.65", "element-wise cutoffs .factor 0.65."),
    ],
)  # fmt: skip
def test_unsupported_models_are_refused_by_name(
    data: Path, tmp_path: Path, found: str, instead: str, message: str
) -> None:
    text = (data / "nep_water.txt").read_text()
    assert found in text
    (tmp_path / "nep.txt").write_text(text.replace(found, instead, 1))
    with pytest.raises(ForgefieldError, match=message):
        read_nep_txt(tmp_path / "nep.txt")


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ForgefieldError, match=re.escape(str(tmp_path / "none.txt"))):
        read_nep_txt(tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(ForgefieldError, match=r"not a whole nep.txt file"):
        read_nep_txt(tmp_path / "empty.txt")
