"""`forgefield convert` and `forgefield evaluate` on the formats of other programs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

import forgefield as package
from forgefield.atoms.formats import write_extxyz
from forgefield.atoms.records import Labels
from forgefield.potentials.density.model import DensityModel
from forgefield.potentials.density.potential import DensityPotential
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.repulsion import RepulsedPotential
from forgefield.potentials.training_set import labels_of
from forgefield.potentials.zbl import Zbl

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NEP, N2P2 = DATA / "nep" / "Si_2022_NEP4_3body.txt", DATA / "n2p2" / "Cu2S_PBE"
needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"shared data are not at {DATA}")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Two structures with labels of all kinds."""
    rng, frames = np.random.default_rng(1), []
    for number in range(2):
        atoms = bulk("Si", a=5.3)
        atoms.info["group"] = f"g{number}"
        labels = Labels(-10.5, rng.normal(size=(2, 3)), rng.normal(size=6), "", "", 0.0)
        frames.append((atoms, labels))
    write_extxyz(tmp_path / "si.xyz", frames)
    return tmp_path / "si.xyz"


def fit(repulsed: bool = False) -> Any:
    spec = DensitySpec(cutoff=4.0, n_radial=3, l_max=1, l_max_4body=0, channels=2, hidden=(4,), members=1)
    potential = DensityPotential(spec, ("Si",), DensityModel(spec, 1, seed=1).requires_grad_(False))
    return RepulsedPotential(potential, Zbl(("Si",), 1.0, 2.0)) if repulsed else potential


@needs_data
def test_a_nep_goes_into_a_folder_and_back(tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    result = forgefield("convert", NEP, tmp_path / "folder")
    assert result.exit_code == 0, result.output
    result = forgefield("convert", tmp_path / "folder", tmp_path / "nep.txt")
    assert result.exit_code == 0, result.output
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=1)
    found = [package.load(path).evaluate(atoms) for path in (NEP, tmp_path / "folder", tmp_path / "nep.txt")]
    assert found[0].energy == found[1].energy == found[2].energy
    np.testing.assert_array_equal(found[0].forces, found[2].forces)


@needs_data
def test_an_n2p2_folder_becomes_native_and_back(tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    assert forgefield("convert", N2P2, tmp_path / "native").exit_code == 0
    result = forgefield("convert", tmp_path / "native", tmp_path / "again")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again" / "input.nn").exists()
    atoms = Atoms("Cu2S", [[0, 0, 0], [2.3, 0, 0], [0, 2.2, 0.4]], cell=[6, 6, 6], pbc=True)
    found = [package.load(path).evaluate(atoms) for path in (N2P2, tmp_path / "native", tmp_path / "again")]
    assert found[1].energy == pytest.approx(found[0].energy, rel=1e-12)
    assert found[2].energy == pytest.approx(found[0].energy, rel=1e-10)
    np.testing.assert_allclose(found[2].forces, found[0].forces, atol=1e-8)


@needs_data
def test_foreign_potentials_are_evaluated_as_they_are(tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    frames = ase.io.read(DATA / "mlearn" / "Si_test.xyz", ":3")
    ase.io.write(tmp_path / "three.xyz", frames, format="extxyz")
    target = tmp_path / "predictions.xyz"
    result = forgefield("evaluate", NEP, tmp_path / "three.xyz", "--output", target)
    assert result.exit_code == 0, result.output
    assert "all" in result.stdout
    potential = package.load(NEP)
    for given, written in zip(frames, ase.io.read(target, ":"), strict=True):
        evaluation = potential.evaluate(given)
        assert written.get_potential_energy() == pytest.approx(evaluation.energy, rel=1e-12)
        np.testing.assert_allclose(written.get_forces(), evaluation.forces, atol=1e-10)
        np.testing.assert_allclose(written.get_stress(), evaluation.stress, atol=1e-10)
        assert written.info["reference_energy"] == given.get_potential_energy()


def test_structures_pass_through_every_format_unchanged(
    labelled: Path, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    for source, target, options in (
        (labelled, "train.xyz", ["--to", "gpumd"]),
        (tmp_path / "train.xyz", "back.xyz", []),
        (labelled, "input.data", []),
        (tmp_path / "input.data", "from-n2p2.xyz", []),
    ):
        result = forgefield("convert", source, tmp_path / target, *options)
        assert result.exit_code == 0, result.output
        assert "2 structures are written" in result.stdout
    text = (tmp_path / "train.xyz").read_text()
    assert "force:R:3" in text
    assert "virial=" in text
    originals = ase.io.read(labelled, ":")
    for name in ("back.xyz", "from-n2p2.xyz"):
        for mine, theirs in zip(ase.io.read(tmp_path / name, ":"), originals, strict=True):
            energy, forces, stress = labels_of(mine)
            assert energy == pytest.approx(-10.5, rel=1e-12)
            np.testing.assert_allclose(forces, theirs.get_forces(), atol=1e-12)
            np.testing.assert_allclose(mine.positions, theirs.positions, atol=1e-12)
            if name == "back.xyz":
                np.testing.assert_allclose(stress, theirs.get_stress(), atol=1e-12)
                assert mine.info["group"] == theirs.info["group"]


def test_what_cannot_be_converted_is_refused_by_name(
    labelled: Path, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    fit().save(tmp_path / "density")
    fit(repulsed=True).save(tmp_path / "repulsed")
    ase.io.write(tmp_path / "bare.xyz", bulk("Si"))
    cases = {
        ("density", "nep.txt"): "family density cannot be written as nep.txt, which holds the NEP form only",
        ("density", "n2p2", "--to", "n2p2"): "family density cannot be written as an n2p2 folder",
        ("density", "other"): "is in forgefield's own format already; say with --to what to write",
        (
            "repulsed",
            "nep.txt",
        ): "a repulsion of nuclei, which nep.txt cannot hold; train it with --no-repulsion",
        ("density", "x", "--to", "vasp"): "a potential cannot be written as 'vasp'; choose from: native",
        ("si.xyz", "x", "--to", "nep"): "structures cannot be written as 'nep'; choose from: extxyz",
        ("si.xyz", "x.cif"): "does not say in which format to write; choose with --to from: extxyz",
        ("si.xyz", "bare.xyz"): "bare.xyz is there already; give another name, or --force",
        ("nothing", "x"): "there is no",
        ("bare.xyz", "input.data"): "has no energy and forces, which input.data cannot leave out",
        (
            "bare.xyz",
            "train.xyz",
            "--to",
            "gpumd",
        ): "has no energy and forces, which GPUMD's train.xyz must have",
    }
    for (source, target, *options), message in cases.items():
        result = forgefield("convert", tmp_path / source, tmp_path / target, *options)
        assert result.exit_code == 1, (source, target)
        assert message in " ".join(result.stderr.split())
