import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.constraints import FixAtoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Failure, Labels
from forgefield.reference.calculate import calculate
from forgefield.reference.engines.classical import published, stillinger_weber_silicon, tersoff_silicon
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ReferenceSpec


def rattled(atoms, seed=1, amplitude=0.1):
    atoms = atoms.copy()
    atoms.positions += np.random.default_rng(seed).normal(scale=amplitude, size=(len(atoms), 3))
    return atoms


@pytest.fixture
def emt():
    return resolve_recipe(ReferenceSpec(engine="ase:ase.calculators.emt.EMT"), ["Cu"])


def test_labels_are_the_calculators_own(emt):
    atoms = rattled(bulk("Cu", cubic=True))
    labels = calculate(atoms, emt)
    atoms.calc = EMT()
    assert isinstance(labels, Labels)
    assert labels.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
    np.testing.assert_allclose(labels.forces, atoms.get_forces(), atol=1e-12)
    np.testing.assert_allclose(labels.stress, atoms.get_stress(), atol=1e-12)
    assert labels.recipe == emt.key
    assert labels.attempts == 1
    assert labels.seconds > 0
    assert labels.engine.startswith("ase:ase.calculators.emt.EMT 3.")


def test_labels_leave_the_structure_and_its_constraints_alone(emt):
    atoms = rattled(bulk("Cu", cubic=True))
    atoms.set_constraint(FixAtoms([0]))
    labels = calculate(atoms, emt)
    assert np.abs(labels.forces[0]).max() > 1e-3
    assert atoms.calc is None
    assert len(atoms.constraints) == 1


@pytest.mark.parametrize(
    "atoms",
    [
        Atoms("Cu", cell=[10] * 3, pbc=True),
        Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]]),
        Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]], cell=[5, 5, 20], pbc=[True, True, False]),
    ],
)
def test_stress_is_left_out_where_it_means_nothing(emt, atoms):
    assert calculate(atoms, emt).stress is None


@pytest.mark.parametrize(
    ("atoms", "kind", "reason"),
    [
        (Atoms(), "unsuitable", "has no atoms"),
        (Atoms("Cu", [[np.nan, 0, 0]]), "unsuitable", "not finite"),
        (Atoms("Al", cell=[4] * 3, pbc=True), "unsuitable", "holds Al, the recipe is for Cu"),
        (Atoms("Cu", pbc=True), "unsuitable", "no volume"),
        (Atoms("Cu", cell=[[4, 0, 0], [0, 4, 0], [4, 4, 0]], pbc=True), "unsuitable", "no volume"),
        (
            Atoms("Cu2", [[0, 0, 0], [0, 0, 1.0]]),
            "overlap",
            "atoms 0 (Cu) and 1 (Cu) are 1.000 Å apart, 0.38 of their covalent radii; min_distance_ratio",
        ),
        (Atoms("Cu", cell=[1.2, 6, 6], pbc=True), "overlap", "1.200 Å apart"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_gatekeeper_refuses_structures(emt, atoms, kind, reason):
    failure = calculate(atoms, emt)
    assert isinstance(failure, Failure)
    assert failure.kind == kind
    assert failure.attempts == 0
    assert failure.recipe == emt.key
    assert reason in failure.reason


def test_gatekeeper_refuses_large_forces():
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 1.5]])
    spec = ReferenceSpec(engine="ase:ase.calculators.emt.EMT", max_force=2.0)
    failure = calculate(atoms, resolve_recipe(spec, ["Cu"]))
    assert failure.kind == "out-of-bounds"
    assert "above max_force 2" in failure.reason
    assert failure.attempts == 1


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("not-converged", "not-converged", "attempt 1 (as given): density did not settle within 60 steps"),
        (
            "error",
            "error",
            "attempt 1 (as given): CalculationFailed: the code stopped in routine diagonalise",
        ),
        ("nan", "not-finite", "attempt 1 (as given): forces not finite: 24 of 24 numbers"),
        ("huge-force", "out-of-bounds", "eV/Å on atom"),
    ],
)
def test_faults_become_failures_with_a_reason(faulty, fault, kind, reason):
    failure = calculate(bulk("Si", cubic=True), faulty(fault))
    assert isinstance(failure, Failure)
    assert failure.kind == kind
    assert reason in failure.reason


def test_fault_strikes_large_cells_only(faulty):
    recipe = faulty("not-converged", every=0, volume_above=21.0)
    assert isinstance(calculate(bulk("Si", a=5.43), recipe), Labels)
    assert isinstance(calculate(bulk("Si", a=5.60), recipe), Failure)


class Unconverged(Calculator):
    """Gives numbers, and says that they are worth nothing."""

    implemented_properties = ("energy", "forces")
    converged = False

    def calculate(self, atoms, properties, system_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": 0.0, "forces": np.zeros((len(atoms), 3))}


class WrongShape(Unconverged):
    """Gives the forces of another structure."""

    converged = True

    def calculate(self, atoms, properties, system_changes):
        super().calculate(atoms, properties, system_changes)
        self.results["forces"] = np.zeros((len(atoms) + 1, 3))


@pytest.mark.parametrize(("calculator", "kind"), [(Unconverged, "not-converged"), (WrongShape, "error")])
def test_results_that_are_not_to_be_trusted_are_refused(monkeypatch, emt, calculator, kind):
    monkeypatch.setattr("ase.calculators.emt.EMT", calculator)
    assert calculate(bulk("Cu"), emt).kind == kind


def test_tersoff_silicon_has_its_published_crystal():
    # Tersoff, Phys. Rev. B 39, 5566 (1989), table I and text: a = 5.432 Å, cohesive energy 4.63 eV.
    atoms = bulk("Si", a=5.432)
    atoms.calc = tersoff_silicon()
    assert atoms.get_potential_energy() / 2 == pytest.approx(-4.63, abs=0.005)
    assert abs(atoms.get_stress()).max() < 1e-3


@pytest.mark.parametrize("potential", [tersoff_silicon, stillinger_weber_silicon])
def test_classical_potentials_are_consistent(potential):
    atoms = rattled(bulk("Si", cubic=True))
    atoms.set_cell(
        atoms.cell.array @ np.array([[1, 0.02, 0], [0, 1.01, 0.03], [0, 0, 0.98]]), scale_atoms=True
    )
    atoms.calc = potential()
    np.testing.assert_allclose(atoms.get_forces(), calculate_numerical_forces(atoms, eps=1e-4), atol=1e-6)
    np.testing.assert_allclose(atoms.get_stress(), calculate_numerical_stress(atoms, eps=1e-5), atol=1e-7)


@pytest.mark.parametrize(
    "atoms", [Atoms("Si"), Atoms("Si", cell=[10] * 3, pbc=True), Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]])]
)
@pytest.mark.parametrize("potential", [tersoff_silicon, stillinger_weber_silicon])
def test_classical_potentials_take_atoms_and_molecules(potential, atoms):
    atoms = atoms.copy()
    atoms.calc = potential()
    energy = atoms.get_potential_energy()
    assert energy == pytest.approx(0.0, abs=1e-12) if len(atoms) == 1 else energy < -1.0
    np.testing.assert_allclose(atoms.get_forces().sum(axis=0), 0.0, atol=1e-12)


def test_classical_potential_refuses_foreign_elements():
    recipe = resolve_recipe(
        ReferenceSpec(engine="ase:forgefield.reference.engines.classical.tersoff_silicon"), ["Cu"]
    )
    with pytest.raises(ForgefieldError, match="knows C, Si, not Cu; choose a reference"):
        calculate(bulk("Cu"), recipe)


@pytest.mark.parametrize(
    ("form", "name", "message"),
    [
        ("Tersoff", "any", "unknown form 'Tersoff'"),
        ("TersoffBrenner", "Erhart_PRB_71_035211_SiCC", r"did you mean Erhart_PRB_71_035211_SiC\?"),
    ],
)
def test_published_potential_refuses_unknown_names(form, name, message):
    with pytest.raises(ForgefieldError, match=message):
        published(form, name)


def tblite_recipe(*species, **parameters):
    pytest.importorskip("tblite")
    return resolve_recipe(ReferenceSpec(engine="tblite", parameters=parameters), species)


def test_tblite_gives_its_documented_water():
    labels = calculate(molecule("H2O"), tblite_recipe("H", "O"))
    assert labels.energy == pytest.approx(-137.96777594361677, abs=1e-6)  # tblite's documentation
    assert labels.forces[0, 2] == pytest.approx(-0.749527168, abs=1e-5)
    assert labels.stress is None


@pytest.mark.parametrize(
    ("atoms", "reason"),
    [
        (bulk("Si", cubic=True), "the periodic cell is 5.43 Å wide and tblite has no k-points"),
        (Atoms("Si", cell=[12] * 3, pbc=[True, True, False]), "not periodicity along some axes only"),
    ],
)
def test_tblite_refuses_cells_that_need_k_points(atoms, reason):
    failure = calculate(atoms, tblite_recipe("Si"))
    assert failure.kind == "unsuitable"
    assert reason in failure.reason


def test_tblite_climbs_the_ladder_to_the_same_energy():
    # 5 and 10 steps are too few for water, 40 are enough.
    labels = calculate(molecule("H2O"), tblite_recipe("H", "O", max_iterations=5))
    assert isinstance(labels, Labels)
    assert labels.attempts > 1
    assert labels.energy == pytest.approx(-137.96777594361677, abs=1e-4)


def test_tblite_that_never_converges_tells_every_attempt():
    failure = calculate(molecule("H2O"), tblite_recipe("H", "O", max_iterations=1))
    assert failure.kind == "not-converged"
    assert failure.attempts == 3
    for attempt in ("attempt 1 (usual mixing, 1 steps): SCF not converged", "2 steps", "4 steps"):
        assert attempt in failure.reason
