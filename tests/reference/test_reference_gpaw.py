"""Real density-functional calculations: two silicon atoms, seconds each."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.dft.kpoints import monkhorst_pack

from forgefield.atoms.records import Failure, Labels
from forgefield.reference.calculate import calculate
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ReferenceSpec
from forgefield.reference.worker import calculate_within_limit

gpaw = pytest.importorskip("gpaw")
pytestmark = pytest.mark.gpaw


def recipe(**settings):
    return resolve_recipe(ReferenceSpec(**({"k_spacing": 1.1} | settings)), ["Si"])


def distorted(strain=0.0):
    atoms = bulk("Si", a=5.43)
    atoms.positions[1] += [0.05, -0.03, 0.08]
    return strained(atoms, strain)


def strained(atoms, strain):
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell.array * [1.0, 1.0, 1.0 + strain], scale_atoms=True)
    return atoms


def test_gpaw_labels_agree_with_a_direct_calculation():
    atoms = distorted()
    labels = calculate_within_limit(atoms, recipe())
    assert isinstance(labels, Labels), labels
    atoms.calc = gpaw.GPAW(
        mode=gpaw.PW(300),
        xc="PBE",
        kpts={"size": (2, 2, 2), "gamma": True},
        occupations=gpaw.FermiDirac(0.1),
        convergence={"energy": 1e-6, "density": 1e-6, "eigenstates": 1e-9},
        txt=None,
    )
    assert labels.energy == pytest.approx(atoms.get_potential_energy(force_consistent=True), abs=1e-5)
    np.testing.assert_allclose(labels.forces, atoms.get_forces(), atol=2e-4)
    np.testing.assert_allclose(labels.stress, atoms.get_stress(), atol=1e-5)
    assert np.abs(labels.forces).max() > 0.5
    assert labels.engine == f"gpaw {gpaw.__version__}"


@pytest.mark.parametrize(("mesh", "nearest"), [("gamma", 0.0), ("monkhorst-pack", 0.25)])
def test_gpaw_meshes_may_leave_gamma_out(mesh, nearest):
    atoms = bulk("Si", a=5.43)
    found = calculate(atoms, recipe(k_mesh=mesh))
    atoms.calc = gpaw.GPAW(
        mode=gpaw.PW(300),
        xc="PBE",
        kpts=monkhorst_pack((2, 2, 2)) - 0.25 + nearest,
        occupations=gpaw.FermiDirac(0.1),
        txt=None,
    )
    assert found.energy == pytest.approx(atoms.get_potential_energy(force_consistent=True), abs=1e-3)


def test_gpaw_forces_and_stress_are_derivatives_of_the_energy():
    # A higher cutoff keeps the basis, which changes with the cell, from blurring the difference.
    setting = recipe(cutoff=500.0, k_spacing=2.1)
    step = 0.005
    centre = calculate(distorted(), setting)
    up, down = (calculate(distorted(sign * step), setting) for sign in (1, -1))
    stress_zz = (up.energy - down.energy) / (2 * step) / distorted().cell.volume
    assert centre.stress[2] == pytest.approx(stress_zz, abs=1e-3)
    energies = []
    for sign in (1, -1):
        atoms = distorted()
        atoms.positions[1, 2] += sign * 0.01
        energies.append(calculate(atoms, setting).energy)
    assert centre.forces[1, 2] == pytest.approx(-(energies[0] - energies[1]) / 0.02, abs=5e-3)


def test_gpaw_climbs_the_ladder_to_the_same_numbers():
    usual = calculate(distorted(), recipe())
    patient = calculate(distorted(), recipe(parameters={"maxiter": 6}))
    assert isinstance(patient, Labels), patient
    assert patient.attempts > 1
    assert patient.energy == pytest.approx(usual.energy, abs=1e-5)
    np.testing.assert_allclose(patient.forces, usual.forces, atol=1e-3)


def test_gpaw_that_never_converges_is_a_failure_with_every_attempt():
    failure = calculate(distorted(), recipe(parameters={"maxiter": 1}))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.attempts) == ("not-converged", 3)
    assert "attempt 2 (density mixing 0.02, 2 steps): self-consistency was not reached" in failure.reason


@pytest.mark.parametrize(
    ("atoms", "reason"),
    [
        (Atoms("Si"), "the structure has no cell; put it into a box"),
        (
            Atoms("Si", [[5, 5, 1]], cell=[10] * 3, pbc=[True, True, False]),
            "axis c is not periodic and an atom lies 1.00 Å from the end of the box; leave at least 3 Å",
        ),
    ],
)
def test_gpaw_refuses_structures_without_room(atoms, reason):
    failure = calculate(atoms, recipe())
    assert failure.kind == "unsuitable"
    assert reason in failure.reason


def test_gpaw_isolated_atom_has_no_stress_and_gains_by_spin():
    atom = Atoms("Si", cell=[7.5] * 3, pbc=True)
    paired, polarised = (calculate(atom, recipe(spin=spin)) for spin in (False, True))
    assert isinstance(paired, Labels), paired
    assert paired.stress is None
    np.testing.assert_allclose(paired.forces, 0.0, atol=1e-3)
    # Two parallel p electrons: 0.61 eV in a box of 10 Å.
    assert 0.4 < paired.energy - polarised.energy < 0.9
