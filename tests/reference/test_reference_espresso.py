"""Quantum ESPRESSO: written inputs and parsed outputs; real calculations are in ``test_reference_programs``."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read

from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.engines.engine import NotConvergedError
from forgefield.reference.engines.espresso import INPUT, EspressoEngine, read_output
from forgefield.reference.engines.registry import find_engine
from forgefield.reference.engines.upf import read_upf_header
from forgefield.reference.spec import ReferenceSpec

OUTPUT = Path(__file__).parent / "data" / "espresso_silicon.pwo"


def upf(functional="SLA PW PBE PBE", kind="NC", wfc=30.0, rho=120.0):
    return (
        f'<UPF version="2.0.1">\n<PP_HEADER element="Si" pseudo_type="{kind}" functional="{functional}" '
        f'z_valence="4.0"\nwfc_cutoff="{wfc}" rho_cutoff="{rho}"/>\n</UPF>\n'
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "pseudo"
    path.mkdir()
    (path / "Si.pbe.UPF").write_text(upf())
    (path / "Si.pz.UPF").write_text(upf("PZ"))
    (path / "Sn.pbe.UPF").write_text(upf())
    monkeypatch.setenv("ESPRESSO_PSEUDO", str(path))
    return path


def spec(**settings):
    return ReferenceSpec(**({"engine": "espresso", "k_spacing": 1.1} | settings))


def distorted():
    atoms = bulk("Si", a=5.43)
    atoms.positions[1] += [0.05, -0.03, 0.08]
    return atoms


def written(atoms, tmp_path, **settings):
    engine = EspressoEngine()
    parameters = engine.resolve(spec(**settings), tuple(sorted(set(atoms.symbols))))
    engine.write(atoms, parameters, engine.attempts(parameters)[0], tmp_path)
    return (tmp_path / INPUT).read_text()


def value(text, key):
    line = next(line for line in text.splitlines() if line.split("=")[0].strip() == key)
    return line.split("=")[1].strip()


def test_espresso_meshes_may_leave_gamma_out(folder, tmp_path):
    assert "K_POINTS automatic\n2 2 2  1 1 1" in written(distorted(), tmp_path, k_mesh="monkhorst-pack")
    odd = written(distorted(), tmp_path, k_spacing=0.7, k_mesh="monkhorst-pack")
    assert "K_POINTS automatic\n3 3 3  0 0 0" in odd


def test_espresso_writes_what_the_recipe_says(folder, tmp_path):
    text = written(distorted(), tmp_path, parameters={"mixing_beta": 0.3, "electron_maxstep": 33})
    assert float(value(text, "ecutwfc")) == pytest.approx(30.0)
    assert float(value(text, "ecutrho")) == pytest.approx(120.0)
    assert value(text, "smearing") == "'fermi-dirac'"
    assert float(value(text, "degauss")) == pytest.approx(0.1 / 13.605693, rel=1e-6)
    assert float(value(text, "conv_thr")) == pytest.approx(2e-10)
    assert value(text, "mixing_beta") == "0.3"
    assert value(text, "electron_maxstep") == "33"
    assert value(text, "nspin") == "1"
    assert value(text, "nbnd") == "9"
    assert "K_POINTS automatic\n2 2 2  0 0 0" in text
    assert "Si.pbe.UPF" in text
    again = read(tmp_path / INPUT, format="espresso-in")
    np.testing.assert_allclose(again.positions, distorted().positions, atol=1e-8)
    np.testing.assert_allclose(again.cell.array, distorted().cell.array, atol=1e-8)


def test_espresso_moments_are_fractions_of_the_valence(folder, tmp_path):
    assert float(value(written(distorted(), tmp_path, spin=True), "starting_magnetization(1)")) == 0.25
    atom = Atoms("Si", cell=[10.0] * 3, pbc=True)
    text = written(atom, tmp_path, spin=True)
    assert float(value(text, "starting_magnetization(1)")) == 0.5  # Hund's two of four electrons
    assert "K_POINTS automatic\n1 1 1  0 0 0" in text


def test_espresso_cutoff_of_the_density_follows_the_kind(folder, tmp_path):
    (folder / "Si.pbe.UPF").write_text(upf(kind="PAW", rho=0.0))
    assert float(value(written(distorted(), tmp_path, cutoff=400.0), "ecutrho")) == pytest.approx(
        8 * 400.0 / 13.605693, rel=1e-6
    )


def test_espresso_reads_a_real_output():
    point = read_output(distorted(), OUTPUT)
    assert point.energy == pytest.approx(-15.55229551 * 13.605693, abs=1e-4)
    np.testing.assert_allclose(point.forces.sum(axis=0), 0.0, atol=1e-6)
    assert point.forces[0, 2] == pytest.approx(0.02930328 * 25.71104, rel=1e-5)
    # pw.x prints pressure, ASE's sign is tension: kbar to eV/Å³.
    assert point.stress[0] == pytest.approx(-91.08 / 1602.1766, rel=1e-3)


def test_espresso_output_without_convergence_is_refused(tmp_path):
    path = tmp_path / "out"
    path.write_text("     convergence NOT achieved after   3 iterations: stopping\n")
    with pytest.raises(NotConvergedError, match=r"pw\.x: convergence NOT achieved after   3 iterations"):
        read_output(distorted(), path)


def test_espresso_reads_headers_of_the_first_format(tmp_path):
    path = tmp_path / "Si.upf"
    path.write_text(
        "<PP_HEADER>\n   0  Version Number\n  Si  Element\n   US  Ultrasoft pseudopotential\n"
        " SLA  PW   PBX  PBC    PBE  Exchange-Correlation functional\n    4.00000000000      Z valence\n"
        "  20.0000000 150.0000000     Suggested cutoff for wfc and rho\n</PP_HEADER>\n"
    )
    header = read_upf_header(path)
    assert (header.xc, header.cutoff, header.density_cutoff) == ("PBE", 20.0, 150.0)
    assert (header.norm_conserving, header.valence) == (False, 4.0)


@pytest.mark.parametrize(
    ("settings", "species", "message"),
    [
        (
            {},
            "Ge",
            r"no PBE pseudopotential for Ge in .*pseudo; put one there, named Ge… and ending in .upf, or set ref",
        ),
        ({"xc": "revPBE"}, "Si", "no revPBE pseudopotential for Si"),
        ({"xc": "PBEsolv"}, "Si", "xc PBEsolv is unknown to engine espresso; did you mean PBEsol"),
        ({"parameters": {"ecutwfc": 30}}, "Si", r"would override reference.cutoff; set reference.cutoff"),
        ({"parameters": {"kpts": [4, 4, 4]}}, "Si", r"parameters.kpts would override reference.k_spacing"),
        ({"parameters": {"koffset": [1, 1, 1]}}, "Si", r"koffset would override reference.k_spacing"),
        (
            {"parameters": {"mixing_bet": 0.3}},
            "Si",
            r"mixing_bet is no parameter .* did you mean mixing_beta",
        ),
        (
            {"parameters": {"pseudopotentials": {"Si": "Si.pz.UPF"}}},
            "Si",
            r"Si.pz.UPF was made with LDA, reference.xc is PBE; name another file",
        ),
        ({"parameters": {"pseudopotentials": {"Si": "x.UPF"}}}, "Si", r"names x.UPF for Si, which is not in"),
    ],
)
def test_espresso_refuses_with_a_reason(folder, settings, species, message):
    with pytest.raises(ForgefieldError, match=message):
        EspressoEngine().resolve(spec(**settings), (species,))


def test_espresso_asks_which_of_two_files_and_for_a_cutoff(folder):
    (folder / "Si.pbe.UPF").write_text(upf(wfc=0.0))
    with pytest.raises(ForgefieldError, match=r"Si.pbe.UPF suggests no cutoff; set reference.cutoff in eV"):
        EspressoEngine().resolve(spec(), ("Si",))
    (folder / "si_pbe.upf").write_text(upf())
    with pytest.raises(
        ForgefieldError, match=r"2 PBE pseudopotentials for Si .*choose one, .*pseudopotentials: {Si: Si.pbe"
    ):
        EspressoEngine().resolve(spec(), ("Si",))


def test_espresso_refuses_a_folder_that_is_not_named_or_not_there(monkeypatch):
    monkeypatch.delenv("ESPRESSO_PSEUDO", raising=False)
    with pytest.raises(
        ForgefieldError,
        match=r"needs a folder .* none is named; set reference.pseudopotentials \(or ESPRESSO_PSEUDO\) to",
    ):
        EspressoEngine().resolve(spec(), ("Si",))
    with pytest.raises(ForgefieldError, match="folder of pseudopotentials /no/where does not exist"):
        EspressoEngine(pseudopotentials="/no/where").resolve(spec(), ("Si",))


def test_espresso_refuses_a_pseudopotential_that_changed(folder, tmp_path):
    engine = EspressoEngine()
    parameters = engine.resolve(spec(), ("Si",))
    (folder / "Si.pbe.UPF").write_text(upf() + "changed")
    with pytest.raises(ForgefieldError, match="is missing or is not the one that the recipe was made with"):
        engine.write(distorted(), parameters, engine.attempts(parameters)[0], tmp_path)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "no-such-pw.x -nk 2",
            r"'no-such-pw.x' was not found; install the program, or set reference.command \(or FORGEFIELD_ESPRESSO_",
        ),
        ("echo PWSCF", "echo PWSCF did not say its version but 'PWSCF'"),
        ("pw.x 'open", "is no command line"),
    ],
)
def test_espresso_refuses_a_command_that_is_no_pw(command, message):
    with pytest.raises(ForgefieldError, match=message):
        find_engine("espresso", command).version()


def test_espresso_refuses_structures_without_room(folder):
    engine = EspressoEngine()
    parameters = engine.resolve(spec(), ("Si",))
    assert "has no cell; put it into a box" in engine.unsuitable(Atoms("Si"), parameters)
    slab = Atoms("Si", [[5, 5, 1]], cell=[10] * 3, pbc=[True, True, False])
    assert "axis c is not periodic and an atom lies 1.00 Å" in engine.unsuitable(slab, parameters)
