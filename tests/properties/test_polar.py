"""The splitting of modes at Γ against its closed formula, and against phonopy."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.lj import LennardJones

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import phonons, thermal_conductivity, thermal_properties
from forgefield.properties.anharmonic_force_constants import prepare_phono3py, solve_third_order
from forgefield.properties.phonons import PhononSpec
from forgefield.properties.point import evaluate_points
from forgefield.properties.polar import PolarSpec
from forgefield.properties.thermal_conductivity import ThermalConductivitySpec
from forgefield.properties.thermal_properties import ThermalPropertiesSpec

pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")

CHARGE, DIELECTRIC = 1.086, 2.44
"""Of sodium chloride, about."""


def isotropic(value):
    return tuple(tuple(float(value) * (i == j) for j in range(3)) for i in range(3))


NACL = PolarSpec(born_charges=(isotropic(CHARGE), isotropic(-CHARGE)), dielectric=isotropic(DIELECTRIC))


@pytest.fixture(scope="module")
def salt():
    """Rock salt at rest in a pair potential, its calculator, and a spec."""
    calculator = LennardJones(sigma=2.45, epsilon=0.4, rc=6.0, smooth=True)
    crystal = bulk("NaCl", "rocksalt", a=5.4)
    spec = PhononSpec(supercell=((2, 0, 0), (0, 2, 0), (0, 0, 2)), mesh=(4, 4, 4), dos_points=0)
    return crystal, calculator, spec


def test_longitudinal_mode_is_lifted_by_the_plasma_frequency(salt):
    """ω_LO² − ω_TO² = e² Z*²/(ε₀ ε∞ Ω μ)."""
    crystal, calculator, spec = salt
    plain = phonons.compute(crystal, calculator, spec)
    polar = phonons.compute(crystal, calculator, spec.model_copy(update={"polar": NACL}))
    start = polar.bands.segments[0].start
    assert polar.bands.segments[0].start_label == "Γ"
    transverse, longitudinal = polar.bands.frequencies[start, 3:5].mean(), polar.bands.frequencies[start, 5]
    mass = 1 / sum(1 / crystal.get_masses())
    coulomb = units._e / (4 * np.pi * units._eps0) * 1e10  # e²/4πε₀ in eV Å
    squared = 4 * np.pi * coulomb * CHARGE**2 / (DIELECTRIC * crystal.cell.volume * mass)
    plasma = np.sqrt(squared) * 1e3 * units.fs / (2 * np.pi)
    assert longitudinal**2 - transverse**2 == pytest.approx(plasma**2, rel=1e-5)
    assert transverse == pytest.approx(plain.bands.frequencies[start, 3:].mean(), rel=1e-5)
    # At Γ itself the mesh has no direction.
    gamma = int(np.flatnonzero(np.abs(polar.qpoints).max(axis=1) < 1e-6)[0])
    assert np.ptp(polar.frequencies[gamma, 3:]) < 1e-4
    named = {quantity.name: quantity.value for quantity in polar.quantities}
    assert named["optical frequency 1 at Γ"] == pytest.approx(transverse, rel=1e-5)
    assert named["highest phonon frequency"] == polar.frequencies.max()


def test_frequencies_agree_with_phonopy_used_directly(salt):
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    crystal, calculator, spec = salt
    found = phonons.compute(crystal, calculator, spec.model_copy(update={"polar": NACL}))
    cell = PhonopyAtoms(
        symbols=crystal.get_chemical_symbols(), cell=crystal.cell.array, positions=crystal.positions
    )
    direct = Phonopy(cell, supercell_matrix=np.diag([2, 2, 2]), primitive_matrix="P")
    direct.generate_displacements(distance=spec.displacement)
    structures = [
        Atoms(numbers=c.numbers, positions=c.positions, cell=c.cell, pbc=True)
        for c in direct.supercells_with_displacements
    ]
    direct.forces = np.array([point.forces for point in evaluate_points(structures, calculator)])
    direct.produce_force_constants()
    direct.symmetrize_force_constants()
    direct.nac_params = {
        "born": np.array(NACL.born_charges),
        "dielectric": np.array(NACL.dielectric),
        "factor": 14.399652,
    }
    expected = np.sort(direct.run_qpoints(found.qpoints).frequencies, axis=1)
    # Masses are ASE's here and phonopy's there.
    assert found.frequencies == pytest.approx(expected, abs=2e-3)
    assert np.abs(found.frequencies - phonons.compute(crystal, calculator, spec).frequencies).max() > 0.1


def test_conventional_cell_takes_a_charge_for_each_of_its_atoms(salt):
    crystal, calculator, spec = salt
    cubic = bulk("NaCl", "rocksalt", a=5.4, cubic=True)
    charges = tuple(
        isotropic(CHARGE if symbol == "Na" else -CHARGE) for symbol in cubic.get_chemical_symbols()
    )
    polar = PolarSpec(born_charges=charges, dielectric=isotropic(DIELECTRIC))
    large = spec.model_copy(update={"supercell": ((1, 0, 0), (0, 1, 0), (0, 0, 1)), "polar": polar})
    folded = phonons.compute(cubic, calculator, large)
    same = spec.model_copy(update={"supercell": ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), "polar": NACL})
    direct = phonons.compute(crystal, calculator, same)
    assert folded.frequencies.max() == pytest.approx(direct.frequencies.max(), rel=1e-4)
    spec = ThermalPropertiesSpec()
    zero_points = [thermal_properties.analyse(each, spec).zero_point_energy for each in (folded, direct)]
    assert zero_points[0] == pytest.approx(zero_points[1], rel=1e-4)


def test_charges_that_do_not_cancel_are_made_to(salt):
    crystal, calculator, spec = salt
    shifted = PolarSpec(
        born_charges=(isotropic(CHARGE + 0.04), isotropic(-CHARGE + 0.04)), dielectric=isotropic(DIELECTRIC)
    )
    one, two = (
        phonons.compute(crystal, calculator, spec.model_copy(update={"polar": polar}))
        for polar in (NACL, shifted)
    )
    assert one.frequencies == pytest.approx(two.frequencies, abs=1e-8)


def test_heat_conduction_knows_the_splitting(salt):
    pytest.importorskip("phono3py")
    crystal, calculator, spec = salt
    settings = ThermalConductivitySpec(
        supercell=spec.supercell,
        random_displacements="auto",
        mesh_lengths=(19.0,),
        temperatures=(300.0,),
        method="relaxation-time",
    )
    points = evaluate_points(thermal_conductivity.plan(crystal, settings), calculator)
    plain = thermal_conductivity.analyse(crystal, settings, points)
    polar = thermal_conductivity.analyse(crystal, settings.model_copy(update={"polar": NACL}), points)
    direct = prepare_phono3py(crystal, spec.supercell, None, settings.displacement, "auto")
    solve_third_order(direct, [point.forces for point in points])
    direct.nac_params = {
        "born": np.array(NACL.born_charges),
        "dielectric": np.array(NACL.dielectric),
        "factor": 14.399652,
    }
    direct.mesh_numbers = [5, 5, 5]
    direct.init_phph_interaction(symmetrize_tetrahedra=True, average_degenerate_weights=True)
    direct.run_thermal_conductivity(temperatures=[300], is_isotope=True)
    assert polar.meshes[0].mesh.tolist() == [5, 5, 5]
    # The two constants of nature differ by 5e-7, which energy conservation on a coarse mesh makes visible.
    assert polar.conductivity[0] == pytest.approx(direct.thermal_conductivity.kappa[0, 0], rel=2e-3, abs=1e-8)
    assert polar.conductivity[0, 0] != pytest.approx(plain.conductivity[0, 0], rel=1e-2)


def test_wrong_number_of_charges_says_so(salt):
    crystal, calculator, spec = salt
    few = PolarSpec(born_charges=(isotropic(1),), dielectric=isotropic(DIELECTRIC))
    with pytest.raises(
        ForgefieldError, match=r"1 Born charges were given for a cell of 2 atoms; give one tensor"
    ):
        phonons.compute(crystal, calculator, spec.model_copy(update={"polar": few}))


def test_impossible_dielectric_tensor_says_so(salt):
    crystal, calculator, spec = salt
    wrong = PolarSpec(born_charges=NACL.born_charges, dielectric=isotropic(0.5))
    with pytest.raises(ForgefieldError, match="is no dielectric tensor"):
        phonons.compute(crystal, calculator, spec.model_copy(update={"polar": wrong}))
