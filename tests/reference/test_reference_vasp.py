"""VASP: written inputs and parsed outputs; the program itself is nowhere to be had for tests."""

from pathlib import Path

import ase.test
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Failure, Labels
from forgefield.reference.calculate import calculate
from forgefield.reference.engines.engine import NotConvergedError
from forgefield.reference.engines.registry import find_engine
from forgefield.reference.engines.vasp import VaspEngine, read_results
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ReferenceSpec

REACHED = "----- aborting loop because EDIFF is reached -----\n"
XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling><generator><i name="version" type="string">6.3.0</i></generator>
<kpoints><varray name="kpointlist"><v>0 0 0</v></varray><varray name="weights"><v>1</v></varray></kpoints>
<parameters></parameters>
<atominfo><atoms>3</atoms><array name="atoms"><set><rc><c>O</c><c>1</c></rc><rc><c>Si</c><c>2</c></rc>
<rc><c>Si</c><c>2</c></rc></set></array></atominfo>
<structure name="initialpos"><crystal><varray name="basis"><v>4 0 0</v><v>0 4 0</v><v>0 0 4</v></varray>
</crystal><varray name="positions"><v>0.5 0.5 0.5</v><v>0 0 0</v><v>0.25 0 0</v></varray></structure>
<calculation><scstep><energy><i name="e_fr_energy">-10.2</i><i name="e_0_energy">-10.1</i></energy></scstep>
<structure><crystal><varray name="basis"><v>4 0 0</v><v>0 4 0</v><v>0 0 4</v></varray></crystal>
<varray name="positions"><v>0.5 0.5 0.5</v><v>0 0 0</v><v>0.25 0 0</v></varray></structure>
<varray name="forces"><v>9 0 0</v><v>1 0 0</v><v>2 0 0</v></varray>
<varray name="stress"><v>16.021766 0 0</v><v>0 0 3.2043532</v><v>0 3.2043532 0</v></varray>
<energy><i name="e_fr_energy">-10.2</i><i name="e_0_energy">-10.1</i></energy></calculation></modeling>
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    for name, cutoff in (("Si", 245.345), ("O", 400.0), ("O_s", 282.853)):
        path = tmp_path / "potpaw_PBE" / name
        path.mkdir(parents=True)
        (path / "POTCAR").write_text(
            f"  PAW_PBE {name} 05Jan2001\n 4.0\n   VRHFIN ={name}: s2p2\n   LEXCH  = PE\n"
            f"   ENMAX  =  {cutoff:.3f}; ENMIN  =  184.009 eV\n   End of Dataset\n"
        )
    monkeypatch.setenv("VASP_PP_PATH", str(tmp_path))
    return tmp_path


def spec(**settings):
    return ReferenceSpec(**({"engine": "vasp", "k_spacing": 0.5} | settings))


def mixed():
    positions = [[0, 0, 0], [2, 2, 2], [1, 0, 0]]
    return Atoms("SiOSi", positions, cell=[4.0] * 3, pbc=True)


def written(folder, **settings):
    engine = VaspEngine()
    parameters = engine.resolve(spec(**settings), ("O", "Si"))
    engine.write(mixed(), parameters, engine.attempts(parameters)[0], folder)
    return Incar.from_file(folder / "INCAR")


def test_vasp_writes_what_the_recipe_says(library, tmp_path):
    incar = written(tmp_path, parameters={"EDIFF": 1e-7, "NCORE": 2, "lreal": "Auto", "nelm": 44})
    assert incar["ENCUT"] == pytest.approx(520.0)
    assert (incar["ISMEAR"], incar["SIGMA"], incar["GGA"]) == (-1, 0.1, "Pe")
    assert (incar["EDIFF"], incar["NCORE"], incar["NELM"]) == (1e-7, 2, 44)
    assert str(incar["LREAL"]).lower() == "auto"
    assert (incar["IBRION"], incar["NSW"], incar["ISIF"], incar["ISPIN"]) == (-1, 0, 2, 1)
    points = Kpoints.from_file(tmp_path / "KPOINTS")
    assert (points.style.name, points.kpts[0]) == ("Gamma", (3, 3, 3))
    poscar = Poscar.from_file(tmp_path / "POSCAR", check_for_potcar=False)
    assert (poscar.site_symbols, poscar.natoms) == (["O", "Si"], [1, 2])
    np.testing.assert_allclose(read(tmp_path / "POSCAR").positions[2], [1, 0, 0], atol=1e-9)
    text = (tmp_path / "POTCAR").read_text()
    assert text.index("PAW_PBE O ") < text.index("PAW_PBE Si ")


def test_vasp_meshes_may_leave_gamma_out(library, tmp_path):
    written(tmp_path, k_mesh="monkhorst-pack")
    points = Kpoints.from_file(tmp_path / "KPOINTS")
    assert (points.style.name, points.kpts[0]) == ("Monkhorst", (3, 3, 3))


def test_vasp_moments_follow_the_sorted_atoms(library, tmp_path):
    engine = VaspEngine()
    atoms = mixed()
    atoms.set_initial_magnetic_moments([1.0, 2.0, -3.0])
    parameters = engine.resolve(spec(spin=True), ("O", "Si"))
    engine.write(atoms, parameters, engine.attempts(parameters)[1], tmp_path)
    incar = Incar.from_file(tmp_path / "INCAR")
    assert (incar["MAGMOM"], incar["ISPIN"]) == ([2.0, 1.0, -3.0], 2)
    assert (incar["AMIX"], incar["NELM"]) == (0.1, 200)


def test_vasp_takes_the_named_set(library, tmp_path):
    incar = written(tmp_path, parameters={"setups": {"O": "O_s"}}, xc="RPBE")
    assert incar["ENCUT"] == pytest.approx(1.3 * 282.853)
    assert incar["GGA"] == "Rp"
    assert "PAW_PBE O_s" in (tmp_path / "POTCAR").read_text()


def test_vasp_results_come_back_in_the_order_of_the_structure(tmp_path):
    (tmp_path / "OUTCAR").write_text(REACHED)
    (tmp_path / "vasprun.xml").write_text(XML)
    point = read_results(mixed(), tmp_path)
    assert point.energy == -10.2  # the free energy, whose derivatives the forces are
    np.testing.assert_allclose(point.forces[:, 0], [1.0, 9.0, 2.0])
    # VASP writes pressure in kbar.
    np.testing.assert_allclose(point.stress, [-0.01, 0, 0, -0.002, 0, 0], rtol=1e-6, atol=1e-12)


def of_the_program(name):
    """A file that VASP wrote, from ASE's test data."""
    path = Path(ase.test.__file__).parent / "testdata" / "vasp" / name
    if not path.is_file():
        pytest.skip("ASE was installed without its test data")
    return path


def test_vasp_reads_files_of_the_program(tmp_path):
    (tmp_path / "OUTCAR").write_bytes(of_the_program("OUTCAR_example_1").read_bytes())
    (tmp_path / "vasprun.xml").write_bytes(of_the_program("vasprun_pstress.xml").read_bytes())
    atoms = read(tmp_path / "vasprun.xml")
    point = read_results(atoms, tmp_path)
    text = (tmp_path / "vasprun.xml").read_text()
    free_energy = float(text.rpartition('name="e_fr_energy">')[2].partition("</i>")[0])
    pressure = float(text.rpartition('<varray name="stress" >')[2].partition("<v>")[2].split()[0])
    # ASE takes PSTRESS, 1 kbar here, out of VASP's enthalpy; engine vasp refuses it.
    assert point.energy == pytest.approx(free_energy - atoms.cell.volume / 1602.1766, abs=1e-6)
    assert point.forces.shape == (2, 3)
    assert point.stress[0] == pytest.approx(-pressure / 1602.1766, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("convergence_OUTCAR_y_n", "vasp: aborting loop EDIFF was not reached"),
        ("POSCAR_example_1", "vasp: OUTCAR says nowhere that EDIFF was reached"),
    ],
)
def test_vasp_without_convergence_is_refused(tmp_path, name, reason):
    (tmp_path / "OUTCAR").write_bytes(of_the_program(name).read_bytes())
    with pytest.raises(NotConvergedError, match=reason):
        read_results(mixed(), tmp_path)


@pytest.mark.parametrize(
    ("settings", "species", "message"),
    [
        ({}, "Ge", r"no PBE POTCAR for Ge in .*; set reference.pseudopotentials \(or VASP_PP_PATH"),
        ({"xc": "LDA"}, "Si", "no LDA POTCAR for Si"),
        ({"xc": "PBEsl"}, "Si", "xc PBEsl is unknown to engine vasp; did you mean PBEsol"),
        ({"parameters": {"ENCUT": 400}}, "Si", r"parameters.encut would override reference.cutoff"),
        ({"parameters": {"KSPACING": 0.2}}, "Si", r"kspacing would override reference.k_spacing"),
        ({"parameters": {"NSW": 5}}, "Si", r"nsw is no parameter that VASP takes here"),
        ({"parameters": {"EDIF": 5}}, "Si", r"edif is no parameter .* did you mean ediff"),
    ],
)
def test_vasp_refuses_with_a_reason(library, settings, species, message):
    with pytest.raises(ForgefieldError, match=message):
        VaspEngine().resolve(spec(**settings), (species,))


def test_vasp_refuses_files_that_do_not_fit(library, tmp_path, monkeypatch):
    engine = VaspEngine()
    parameters = engine.resolve(spec(), ("O", "Si"))
    path = library / "potpaw_PBE" / "Si" / "POTCAR"
    path.write_text(path.read_text() + "changed")
    with pytest.raises(ForgefieldError, match="is not the POTCAR that the recipe was made with"):
        engine.write(mixed(), parameters, engine.attempts(parameters)[0], tmp_path)
    path.write_text(path.read_text().replace("= PE", "= CA"))
    with pytest.raises(ForgefieldError, match=r"is of the family LDA, reference.xc needs PBE"):
        engine.resolve(spec(), ("Si",))
    path.write_text("no header")
    with pytest.raises(ForgefieldError, match="has no LEXCH or ENMAX in its header; check that it is a POT"):
        engine.resolve(spec(), ("Si",))
    monkeypatch.delenv("VASP_PP_PATH")
    with pytest.raises(ForgefieldError, match="engine vasp needs a folder of pseudopotentials and none is"):
        engine.resolve(spec(), ("Si",))


def test_vasp_names_the_sets_that_are_there(library):
    for name in ("K_sv", "K_pv"):
        (library / "potpaw_PBE" / name).mkdir()
        (library / "potpaw_PBE" / name / "POTCAR").write_text("")
    with pytest.raises(ForgefieldError, match=r"no PBE POTCAR for K in .*; name one of .*setups: K_pv, K_sv"):
        VaspEngine().resolve(spec(), ("K",))


def test_vasp_ladder_never_changes_what_is_computed(library):
    engine = VaspEngine()
    parameters = engine.resolve(spec(), ("Si",))
    changed = {name for attempt in engine.attempts(parameters) for name in attempt.settings}
    assert changed == {"algo", "amix", "bmix", "amix_mag", "bmix_mag", "isym", "nelm"}


def test_vasp_refuses_a_program_that_is_not_there():
    with pytest.raises(ForgefieldError, match=r"'no-vasp' was not found; .* set reference.command"):
        find_engine("vasp", "no-vasp").version()


@pytest.mark.parametrize("ending", [REACHED, "--- aborting loop EDIFF was not reached (unconverged) ---\n"])
def test_vasp_runs_a_command_and_takes_what_it_leaves(library, tmp_path, monkeypatch, ending):
    # A program in VASP's place: it says its version and leaves prepared files where it runs.
    (tmp_path / "vasprun.xml").write_text(XML)
    (tmp_path / "OUTCAR").write_text(ending)
    program = tmp_path / "vasp"
    program.write_text(
        f"#!/bin/sh\necho ' vasp.6.3.0 20Jan22'\ntest $OMP_NUM_THREADS = 1 || exit 3\n"
        f"test -f POTCAR && cp '{tmp_path}/vasprun.xml' '{tmp_path}/OUTCAR' .\nexit 0\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("FORGEFIELD_VASP_COMMAND", str(program))
    recipe = resolve_recipe(spec(min_distance_ratio=0.4), ["Si", "O"])
    outcome = calculate(mixed(), recipe)
    if ending == REACHED:
        assert isinstance(outcome, Labels), outcome
        assert (outcome.engine, outcome.energy) == ("vasp 6.3.0", -10.2)
    else:
        assert isinstance(outcome, Failure)
        assert (outcome.kind, outcome.attempts) == ("not-converged", 3)


def test_program_gets_one_thread_unless_the_command_says_otherwise(tmp_path):
    # A program in VASP's place, which says its threads for its version once it has its input.
    program = tmp_path / "vasp"
    program.write_text("#!/bin/sh\ntest -f INCAR && echo vasp.6.$OMP_NUM_THREADS\n")
    program.chmod(0o755)
    assert VaspEngine(str(program)).version() == "6.1"
    assert VaspEngine(f"env OMP_NUM_THREADS=4 {program}").version() == "6.4"


def test_vasp_refuses_structures_without_room(library):
    engine = VaspEngine()
    parameters = engine.resolve(spec(), ("Si",))
    assert engine.unsuitable(bulk("Si"), parameters) is None
    assert "has no cell; put it into a box" in engine.unsuitable(Atoms("Si"), parameters)
