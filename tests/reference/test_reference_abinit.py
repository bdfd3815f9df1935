"""ABINIT: written inputs and parsed outputs; real calculations are in ``test_reference_programs``."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.engines.abinit import INPUT, AbinitEngine, read_output
from forgefield.reference.engines.engine import NotConvergedError
from forgefield.reference.engines.registry import find_engine
from forgefield.reference.spec import ReferenceSpec

OUTPUT = Path(__file__).parent / "data" / "abinit_silicon.abo"
PSP8 = "Si ONCVPSP\n 14.0000 4.0000 170510 zatom,zion,pspd\n 8 {number} 2 4 600 0 pspcod,pspxc\n"
XML = (
    '<paw_dataset version="0.7">\n<atom symbol="Si" Z="14.00" core="10.00" valence="4.00"/>\n'
    '<pw_ecut low="8.00" medium="10.00" high="12.00"/>\n<xc_functional type="GGA" name="PBE"/>\n'
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "pseudo"
    path.mkdir()
    (path / "Si.psp8").write_text(PSP8.format(number=11))
    (path / "Si.lda.psp8").write_text(PSP8.format(number=-1012))
    monkeypatch.setenv("ABI_PSPDIR", str(path))
    return path


def spec(**settings):
    return ReferenceSpec(
        **({"engine": "abinit", "k_spacing": 2.1, "cutoff": 400.0, "smearing": 0.5} | settings)
    )


def distorted():
    atoms = bulk("Si", a=5.43)
    atoms.positions[1] += [0.05, -0.03, 0.08]
    return atoms


def written(folder, **settings):
    engine = AbinitEngine()
    parameters = engine.resolve(spec(**settings), ("Si",))
    engine.write(distorted(), parameters, engine.attempts(parameters)[0], folder)
    return (folder / INPUT).read_text()


def test_abinit_writes_energies_in_ev_and_a_mesh_on_gamma(folder, tmp_path):
    text = written(tmp_path, k_spacing=1.1, parameters={"NSTEP": 33, "diemac": 12.0})
    assert "ecut 400.0 eV\n" in text
    assert "tsmear 0.5 eV\n" in text
    assert "occopt 3\n" in text
    assert "ngkpt 2 2 2\n" in text
    assert "shiftk 0 0 0\n" in text
    assert "nstep 33\n" in text
    assert "diemac 12\n" in text
    assert "nband 9\n" in text
    assert "nsppol 1\n" in text
    assert f'pseudos "{folder}/Si.psp8"' in text
    assert "pawecutdg" not in text


def test_abinit_meshes_may_leave_gamma_out(folder, tmp_path):
    assert "shiftk 0.5 0.5 0.5\n" in written(tmp_path, k_spacing=1.1, k_mesh="monkhorst-pack")


def test_abinit_gets_cell_and_positions_in_one_unit(folder, tmp_path):
    atoms = distorted()
    rows = written(tmp_path).split("\nrprim ")[1].split("\nxred ")
    cell = np.array(rows[0].split(), dtype=float).reshape(3, 3)
    fractions = np.array(rows[1].split("\npseudos")[0].split(), dtype=float).reshape(2, 3)
    np.testing.assert_allclose(cell * 0.529177210, atoms.cell.array, rtol=1e-8)
    np.testing.assert_allclose(fractions @ atoms.cell.array, atoms.positions, atol=1e-14)


def test_abinit_starts_every_atom_with_its_own_moment(folder, tmp_path):
    engine = AbinitEngine()
    atoms = distorted()
    atoms.set_initial_magnetic_moments([2.0, -1.0])
    parameters = engine.resolve(spec(spin=True), ("Si",))
    engine.write(atoms, parameters, engine.attempts(parameters)[0], tmp_path)
    text = (tmp_path / INPUT).read_text()
    assert "nsppol 2\nspinat 0 0 2\n 0 0 -1\n" in text
    assert "typat 1 1\n" in text


def test_abinit_paw_data_bring_a_second_grid_and_a_cutoff(folder, tmp_path):
    (folder / "Si.psp8").unlink()
    (folder / "Si.xml").write_text(XML)
    text = written(tmp_path, cutoff="auto", spin=True)
    written_cutoff = float(text.split("\necut ")[1].split()[0])
    assert written_cutoff == pytest.approx(272.114, abs=0.01)
    unit = text.split("\npawecutdg ")[1].split()[:2]
    assert (float(unit[0]), unit[1]) == (pytest.approx(2 * written_cutoff), "eV")
    assert "nsppol 2\n" in text


def test_abinit_reads_a_real_output():
    point = read_output(distorted(), OUTPUT)
    assert point.energy == pytest.approx(-213.757843575639, abs=1e-8)
    assert point.forces[0, 2] == pytest.approx(0.69195992, abs=1e-6)
    assert point.stress[2] == pytest.approx(-0.28291576, abs=1e-6)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "  nstep=    1 was not enough SCF cycles to converge;",
            "abinit: nstep= 1 was not enough SCF cycles",
        ),
        ("", "abinit: no cycle ended"),
    ],
)
def test_abinit_output_without_convergence_is_refused(tmp_path, line, reason):
    text = "\n".join(line if "=>converged" in one else one for one in OUTPUT.read_text().splitlines())
    (tmp_path / "abinit.abo").write_text(text)
    with pytest.raises(NotConvergedError, match=reason):
        read_output(distorted(), tmp_path / "abinit.abo")


@pytest.mark.parametrize(
    ("settings", "species", "message"),
    [
        ({}, "Ge", r"no PBE pseudopotential for Ge in .*; put one there, .*or .*ABI_PSPDIR"),
        ({"xc": "PBEso"}, "Si", r"xc PBEso is unknown to engine abinit; did you mean PBEsol"),
        ({"cutoff": "auto"}, "Si", r"Si.psp8 suggests no cutoff; set reference.cutoff in eV"),
        ({"parameters": {"ecut": 20}}, "Si", r"parameters.ecut would override reference.cutoff"),
        ({"parameters": {"shiftk": [0.5, 0.5, 0.5]}}, "Si", r"shiftk would override reference.k_spacing"),
        ({"parameters": {"ionmov": 2}}, "Si", r"ionmov is no parameter that ABINIT takes here; remove it"),
        (
            {"parameters": {"pseudopotentials": {"Si": "Si.lda.psp8"}}},
            "Si",
            r"Si.lda.psp8 was made with LDA, reference.xc is PBE",
        ),
    ],
)
def test_abinit_refuses_with_a_reason(folder, settings, species, message):
    with pytest.raises(ForgefieldError, match=message):
        AbinitEngine().resolve(spec(**settings), (species,))


def test_abinit_refuses_two_kinds_of_files_together(folder):
    (folder / "O.xml").write_text(XML)
    with pytest.raises(ForgefieldError, match="PAW data and norm-conserving pseudopotentials together"):
        AbinitEngine().resolve(spec(), ("O", "Si"))


def test_abinit_refuses_what_it_cannot_start(folder):
    with pytest.raises(ForgefieldError, match=r"'no-abinit' was not found; .* set reference.command"):
        find_engine("abinit", "no-abinit").version()
    with pytest.raises(ForgefieldError, match="folder of pseudopotentials /no/where does not exist"):
        AbinitEngine(pseudopotentials="/no/where").resolve(spec(), ("Si",))
    engine = AbinitEngine()
    parameters = engine.resolve(spec(), ("Si",))
    assert "has no cell; put it into a box" in engine.unsuitable(Atoms("Si"), parameters)
