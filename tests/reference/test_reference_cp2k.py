"""CP2K: written inputs; real calculations are in ``test_reference_programs``."""

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.cp2k import parse_input

from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.engines.cp2k import Cp2kEngine
from forgefield.reference.engines.cp2k_input import input_template
from forgefield.reference.engines.registry import find_engine
from forgefield.reference.k_points import KPointMesh
from forgefield.reference.spec import ReferenceSpec


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "BASIS_MOLOPT").write_text(
        "# basis sets\nSi SZV-MOLOPT-SR-GTH SZV-MOLOPT-SR-GTH-q4\n 1\n 2 0 1 1 1 1\n 1.2 0.3 0.3\n"
        "Si DZVP-MOLOPT-SR-GTH DZVP-MOLOPT-SR-GTH-q4\n 1\n 2 0 1 1 1 1\n 1.1 0.3 0.3\n"
    )
    (tmp_path / "GTH_POTENTIALS").write_text("#\nSi GTH-PBE-q4 GTH-PBE\n 2 2\n 0.44 1 -6.2\n 0\n")
    monkeypatch.setenv("CP2K_DATA_DIR", str(tmp_path))
    return tmp_path


def spec(**settings):
    return ReferenceSpec(**({"engine": "cp2k", "k_spacing": 2.1} | settings))


def distorted():
    atoms = bulk("Si", a=5.43)
    atoms.positions[1] += [0.05, -0.03, 0.08]
    return atoms


def arguments(atoms, **settings):
    engine = Cp2kEngine()
    parameters = engine.resolve(spec(**settings), ("Si",))
    return engine.arguments(atoms, atoms, parameters, engine.attempts(parameters)[0])


def section(text, path):
    return parse_input(text).get_subsection(path).keywords


def test_cp2k_is_given_what_the_recipe_says(folder):
    given = arguments(distorted(), cutoff=500.0, parameters={"inp": "&FORCE_EVAL\n&END FORCE_EVAL"})
    assert given["cutoff"] == 2000.0
    assert (given["pseudo_potential"], given["max_scf"], given["uks"]) == ("GTH-PBE", 100, False)
    scf = "FORCE_EVAL/DFT/SCF"
    keyword, unit, kelvin = section(given["inp"], f"{scf}/SMEAR")[1].split()
    assert (keyword, unit) == ("ELECTRONIC_TEMPERATURE", "[K]")
    assert float(kelvin) == pytest.approx(0.1 / 8.617333e-5, rel=1e-5)
    assert "KPOINTS" not in given["inp"]  # Γ alone


@pytest.mark.parametrize(
    ("moments", "charge", "multiplicity"),
    [([1, 1], 0, 3), ([1, -1], 0, 1), ([2, 2], 1, 6), ([9, 9], 0, 9), ([0.4, 0.4], 1, 2)],
)
def test_cp2k_starts_from_the_moment_that_the_electrons_can_have(folder, moments, charge, multiplicity):
    atoms = distorted()
    atoms.set_initial_magnetic_moments(moments)
    given = arguments(atoms, spin=True, parameters={"charge": charge})
    assert (given["uks"], given["multiplicity"]) == (True, multiplicity)
    assert arguments(atoms, parameters={})["multiplicity"] is None


def test_cp2k_meshes_are_shifted_onto_gamma(folder):
    text = arguments(bulk("Si", a=5.43), k_spacing=0.5)["inp"]
    assert section(text, "FORCE_EVAL/DFT/KPOINTS") == ["SCHEME MACDONALD 4 4 4 0.125 0.125 0.125"]
    text = input_template(KPointMesh((1, 2, 3)), 1000.0, {}, 0.4, 8, "")
    assert section(text, "FORCE_EVAL/DFT/KPOINTS") == ["SCHEME MACDONALD 1 2 3 0 0.25 0"]
    text = arguments(bulk("Si", a=5.43), k_spacing=0.5, k_mesh="monkhorst-pack")["inp"]
    assert section(text, "FORCE_EVAL/DFT/KPOINTS") == ["SCHEME MACDONALD 4 4 4 0 0 0"]


def test_cp2k_merges_the_input_of_the_user_over_ours(folder):
    further = (
        "&FORCE_EVAL\n&DFT\n&SCF\nEPS_SCF 1E-5\n&MIXING T\nALPHA 0.2\n&END\n&END\nPLUS_U_METHOD MULLIKEN\n"
    )
    text = arguments(distorted(), parameters={"inp": further + "&END\n&END"})["inp"]
    assert "EPS_SCF 1E-5" in section(text, "FORCE_EVAL/DFT/SCF")
    assert sum(line.startswith("EPS_SCF") for line in section(text, "FORCE_EVAL/DFT/SCF")) == 1
    mixing = section(text, "FORCE_EVAL/DFT/SCF/MIXING")
    assert "ALPHA 0.2" in mixing
    assert "METHOD BROYDEN_MIXING" in mixing
    assert section(text, "FORCE_EVAL/DFT") == ["PLUS_U_METHOD MULLIKEN"]


@pytest.mark.parametrize(
    ("settings", "species", "message"),
    [
        ({}, "Ge", r"no DZVP-MOLOPT-SR-GTH for Ge in .*BASIS_MOLOPT; name another set"),
        ({"xc": "BLYP"}, "Si", r"no GTH-BLYP for Si in .*GTH_POTENTIALS"),
        ({"xc": "RPBE"}, "Si", r"xc RPBE is unknown to engine cp2k; did you mean PBE"),
        (
            {"parameters": {"basis_set_file": "X"}},
            "Si",
            r"X is not in .*; set reference.pseudopotentials \(or CP2K_DATA_DIR",
        ),
        ({"parameters": {"kpts": 3}}, "Si", r"parameters.kpts would override reference.k_spacing"),
        (
            {"parameters": {"basis": 3}},
            "Si",
            r"basis is no parameter that CP2K takes here; did you mean basis_",
        ),
        (
            {"parameters": {"inp": "&DFT\n&KPOINTS\n&END\n&END"}},
            "Si",
            r"KPOINTS .* override reference.k_spacing",
        ),
        (
            {"parameters": {"inp": "&SCF\n&OT\n&END\n&END"}},
            "Si",
            r"OT .* knows neither k-points nor smearing",
        ),
        ({"parameters": {"inp": "&MGRID\nCUTOFF 400\n&END"}}, "Si", r"CUTOFF .* four times its value"),
    ],
)
def test_cp2k_refuses_with_a_reason(folder, settings, species, message):
    with pytest.raises(ForgefieldError, match=message):
        Cp2kEngine().resolve(spec(**settings), (species,))


def test_cp2k_refuses_another_basis_than_the_recipe_has(folder):
    engine = Cp2kEngine()
    parameters = engine.resolve(spec(), ("Si",))
    path = folder / "BASIS_MOLOPT"
    path.write_text(path.read_text().replace("1.1", "1.15"))
    with pytest.raises(ForgefieldError, match="is not the one that the recipe was made with"):
        engine.arguments(distorted(), distorted(), parameters, engine.attempts(parameters)[0])


def test_cp2k_refuses_what_it_cannot_start(folder):
    with pytest.raises(ForgefieldError, match=r"'no-cp2k' was not found; .* set reference.command"):
        find_engine("cp2k", "no-cp2k").version()
    with pytest.raises(ForgefieldError, match=r"folder of pseudopotentials /no/where does not exist"):
        Cp2kEngine(pseudopotentials="/no/where").resolve(spec(), ("Si",))
    engine = Cp2kEngine()
    atoms = Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]], cell=[9] * 3, pbc=True, magmoms=[1, -1])
    reason = engine.unsuitable(atoms, engine.resolve(spec(spin=True), ("Si",)))
    assert reason == "atoms of one element start with different moments, which engine cp2k cannot do"
