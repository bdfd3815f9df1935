"""Installed programs on real silicon: what Quantum ESPRESSO, CP2K and ABINIT must have in common."""

import numpy as np
import psutil
import pytest
from ase import Atoms
from ase.build import bulk
from ase.eos import EquationOfState
from ase.units import GPa

from forgefield.atoms.records import Failure, Labels
from forgefield.reference.calculate import calculate
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ReferenceSpec
from forgefield.reference.worker import calculate_within_limit, stop_worker

ENGINES = [
    pytest.param(engine, marks=pytest.mark.program(engine)) for engine in ("espresso", "abinit", "cp2k")
]
every_program = pytest.mark.parametrize("engine", ENGINES)
GAMMA = 2.1
"""A spacing at which the primitive cell is computed at Γ alone."""


def distorted(dz=0.0, strain=0.0):
    atoms = bulk("Si", a=5.43)
    atoms.positions[1] += [0.05, -0.03, 0.08 + dz]
    atoms.set_cell(atoms.cell.array * [1.0, 1.0, 1.0 + strain], scale_atoms=True)
    return atoms


@every_program
def test_program_in_a_child_process_leaves_nothing_behind(engine, silicon_recipe, temporary, fresh_worker):
    recipe = silicon_recipe(engine, k_spacing=GAMMA)
    labels = calculate_within_limit(distorted(), recipe)
    assert isinstance(labels, Labels), labels
    assert labels.engine == f"{engine} {recipe.version}"
    assert labels.stress is not None
    np.testing.assert_allclose(labels.forces.sum(axis=0), 0.0, atol=2e-3)
    assert labels.forces[0, 2] > 0.5
    assert not list(temporary.glob("*/forgefield-*"))
    stop_worker()
    assert list(temporary.iterdir()) == []


@every_program
def test_program_past_its_time_is_killed_with_its_files(
    engine, silicon_recipe, temporary, fresh_worker, wait_for
):
    recipe = silicon_recipe(engine, k_spacing=0.3, time_limit=1.0)
    failure = calculate_within_limit(bulk("Si", cubic=True), recipe)
    assert isinstance(failure, Failure)
    assert failure.kind == "time-limit"
    assert list(temporary.iterdir()) == []
    # MPI's own daemon notices by itself that its program is dead.
    assert wait_for(lambda: not [one for one in psutil.process_iter() if str(temporary) in folder(one)])
    assert list(temporary.iterdir()) == []


def folder(process):
    try:
        return process.cwd()
    except (psutil.Error, OSError):
        return ""


@every_program
def test_program_that_never_converges_is_a_failure_with_every_attempt(engine, silicon_recipe):
    steps = {"espresso": "electron_maxstep", "cp2k": "max_scf", "abinit": "nstep"}[engine]
    recipe = silicon_recipe(engine, k_spacing=GAMMA, parameters={steps: 1})
    failure = calculate(distorted(), recipe)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.attempts) == ("not-converged", 3)
    said = {
        "espresso": "(mixing 0.2, 2 steps): pw.x: convergence NOT achieved",
        "cp2k": "(mixing 0.1, 2 steps): cp2k: SCF run NOT converged",
        "abinit": "2 steps): abinit: nstep= 2 was not enough SCF cycles to converge",
    }
    assert said[engine] in failure.reason


@every_program
def test_program_that_stops_is_an_error_in_its_own_words(engine, silicon_recipe):
    further = "&FORCE_EVAL\n&DFT\n&SCF\nNO_SUCH_KEYWORD 3\n&END\n&END\n&END"
    wrong = {
        "espresso": ({"diagonalization": "x"}, "Error in routine iosys (1): diagonalization x not implement"),
        "cp2k": ({"inp": further}, "cp2k ended with an error: found an unknown keyword NO_SUCH_KEYWORD"),
        "abinit": ({"no_such": 3}, "ERROR Found token: `NO_SUCH` in the input file"),
    }
    parameters, said = wrong[engine]
    recipe = silicon_recipe(engine, k_spacing=GAMMA, parameters=parameters, max_attempts=1)
    failure = calculate(distorted(), recipe)
    assert isinstance(failure, Failure)
    assert failure.kind == "error"
    assert said in failure.reason


@pytest.mark.slow
@every_program
def test_program_forces_and_stress_are_derivatives_of_the_energy(engine, silicon_recipe):
    # A wide distribution, so that free energy and energy differ by far more than the tolerance.
    recipe = silicon_recipe(engine, k_spacing=GAMMA, smearing=0.5)

    def energy(**change):
        return calculate(distorted(**change), recipe).energy

    centre = calculate(distorted(), recipe)
    assert isinstance(centre, Labels), centre
    force = -(energy(dz=0.01) - energy(dz=-0.01)) / 0.02
    assert centre.forces[1, 2] == pytest.approx(force, abs=5e-3)
    rise = energy(strain=0.005) - energy(strain=-0.005)
    assert centre.stress[2] == pytest.approx(rise / 0.01 / distorted().cell.volume, abs=1e-3)


@pytest.mark.slow
@every_program
def test_program_gives_the_doubled_cell_twice_the_energy(engine, silicon_recipe):
    # So it is only where the mesh holds Γ and enough bands are there: 2 × 2 × 2 points become 1 × 2 × 2.
    recipe = silicon_recipe(engine, k_spacing=1.0)
    atoms = bulk("Si", a=5.43)
    single, double = calculate(atoms, recipe), calculate(atoms * (2, 1, 1), recipe)
    assert isinstance(single, Labels), single
    assert isinstance(double, Labels), double
    assert double.energy == pytest.approx(2.0 * single.energy, abs=1e-3)
    np.testing.assert_allclose(double.stress, single.stress, atol=1e-5)


@pytest.mark.slow
@every_program
def test_program_isolated_atom_gains_by_spin_and_has_no_stress(engine, silicon_recipe):
    atom = Atoms("Si", cell=[7.5] * 3, pbc=True)
    paired, polarised = (calculate(atom, silicon_recipe(engine, spin=spin)) for spin in (False, True))
    assert isinstance(paired, Labels), paired
    assert paired.stress is None
    # GPAW: 0.61 eV.
    assert 0.5 < paired.energy - polarised.energy < 0.8


@pytest.mark.slow
@pytest.mark.gpaw
@every_program
def test_program_agrees_with_gpaw_on_lattice_constant_and_bulk_modulus(engine, silicon_recipe):
    pytest.importorskip("gpaw")
    settings = {"k_spacing": 0.7, "smearing": 0.1}
    richer = {"parameters": {"basis_set": "DZVP-MOLOPT-SR-GTH"}} if engine == "cp2k" else {}
    found = equation_of_state(silicon_recipe(engine, **settings, **richer))
    expected = equation_of_state(resolve_recipe(ReferenceSpec(cutoff=400.0, **settings), ["Si"]))
    assert found[0] == pytest.approx(expected[0], rel=0.005)
    assert found[1] == pytest.approx(expected[1], rel=0.05)


def equation_of_state(recipe):
    """Lattice constant, Å, and bulk modulus, GPa."""
    volumes, energies = [], []
    for constant in (5.33, 5.40, 5.47, 5.54, 5.61):
        atoms = bulk("Si", a=constant)
        outcome = calculate(atoms, recipe)
        assert isinstance(outcome, Labels), outcome
        volumes.append(atoms.cell.volume)
        energies.append(outcome.energy)
    volume, _, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    return float(np.cbrt(4.0 * volume)), modulus / GPa
