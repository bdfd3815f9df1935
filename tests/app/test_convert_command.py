"""`forgefield convert` and `forgefield evaluate` on the formats of other programs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import ase.test
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


def test_files_of_vasp_come_in_with_the_free_energy(tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    written = Path(ase.test.__file__).parent / "testdata" / "vasp"
    if not written.is_dir():
        pytest.skip("ASE was installed without its test data")
    for name, target in (("OUTCAR_example_1", "OUTCAR"), ("vasprun_pstress.xml", "vasprun.xml")):
        (tmp_path / target).write_bytes((written / name).read_bytes())
        done = forgefield("convert", tmp_path / target, tmp_path / f"{target.lower()}-read.xyz")
        assert done.exit_code == 0, done.output
    (atoms,) = ase.io.read(tmp_path / "outcar-read.xyz", ":")
    lines = (tmp_path / "OUTCAR").read_text().splitlines()
    (total,) = (float(line.split()[4]) for line in lines if "free  energy   TOTEN" in line)
    (pressures,) = (line.split()[2:] for line in lines if line.strip().startswith("in kB"))
    first = next(i for i, line in enumerate(lines) if "TOTAL-FORCE" in line) + 2
    forces = [[float(number) for number in line.split()[3:]] for line in lines[first : first + len(atoms)]]
    assert atoms.get_potential_energy() == pytest.approx(total, abs=1e-8)
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-8)
    # VASP writes pressure in kbar, as xx, yy, zz, xy, yz, zx.
    stress = -np.array(pressures, dtype=float)[[0, 1, 2, 4, 5, 3]] / 1602.1766
    np.testing.assert_allclose(atoms.get_stress(), stress, rtol=1e-5, atol=1e-8)
    frames, text = ase.io.read(tmp_path / "vasprun.xml-read.xyz", ":"), (tmp_path / "vasprun.xml").read_text()
    total = float(text.rpartition('name="e_fr_energy">')[2].partition("</i>")[0])
    # ASE takes PSTRESS, 1 kbar here, out of VASP's enthalpy.
    total -= frames[-1].cell.volume / 1602.1766
    assert frames[-1].get_potential_energy() == pytest.approx(total, abs=1e-6)
