"""Lattice thermal conductivity against phono3py used directly, its limits, and what makes it doubtful."""

import builtins
import dataclasses

import numpy as np
import pytest
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.contract import PotentialCalculator
from forgefield.properties import thermal_conductivity, thermal_conductivity_strain
from forgefield.properties.point import evaluate_points
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.thermal_conductivity import ThermalConductivitySpec
from forgefield.properties.thermal_conductivity_record import ThermalConductivity
from forgefield.properties.thermal_conductivity_strain import ConductivityStrainSpec
from forgefield.testing.tersoff import TersoffSilicon, lattice_constant

phono3py = pytest.importorskip("phono3py")

SILICON = bulk("Si", a=lattice_constant())
CUBE = ((2, 0, 0), (0, 2, 0), (0, 0, 2))
SMALL = ThermalConductivitySpec(supercell=CUBE, temperatures=(300.0, 1000.0), mesh_lengths=(12.0, 19.0))


@pytest.fixture(scope="module")
def tersoff():
    return PotentialCalculator(TersoffSilicon())


@pytest.fixture(scope="module")
def points(tersoff):
    """Forces in the supercells of `SMALL`."""
    return evaluate_points(thermal_conductivity.plan(SILICON, SMALL), tersoff)


@pytest.fixture(scope="module")
def small(points):
    return thermal_conductivity.analyse(SILICON, SMALL, points)


def analysed(points, **changes):
    return thermal_conductivity.analyse(SILICON, SMALL.model_copy(update=changes), points)


def test_agrees_with_phono3py_used_directly(small, tersoff):
    from ase import Atoms
    from phonopy.structure.atoms import PhonopyAtoms

    cell = PhonopyAtoms(
        symbols=["Si", "Si"],
        masses=SILICON.get_masses(),
        cell=SILICON.cell.array,
        positions=SILICON.positions,
    )
    direct = phono3py.Phono3py(cell, supercell_matrix=np.diag([2, 2, 2]), primitive_matrix="P", symprec=1e-4)
    direct.generate_displacements(distance=0.03)
    structures = [
        Atoms(numbers=c.numbers, positions=c.positions, cell=c.cell, pbc=True)
        for c in direct.supercells_with_displacements
    ]
    direct.forces = np.array([point.forces for point in evaluate_points(structures, tersoff)])
    direct.produce_fc3()
    direct.symmetrize_fc3()
    direct.symmetrize_fc2()
    direct.mesh_numbers = [5, 5, 5]
    direct.init_phph_interaction(
        symmetrize_tetrahedra=True, average_degenerate_weights=True, exclude_gamma_acoustic=True
    )
    for is_lbte, mine in ((False, small.meshes[1].relaxation_time), (True, small.meshes[1].direct)):
        direct.run_thermal_conductivity(is_LBTE=is_lbte, temperatures=[300, 1000], is_isotope=True)
        assert mine == pytest.approx(direct.thermal_conductivity.kappa[0], rel=1e-6, abs=1e-8)
    assert [mesh.mesh.tolist() for mesh in small.meshes] == [[3, 3, 3], [5, 5, 5]]
    assert small.calculations == len(structures)


def test_cubic_crystal_conducts_alike_in_all_directions(small):
    tensor = small.conductivity[0]
    assert tensor[:3] == pytest.approx(tensor[0], rel=1e-6)
    assert tensor[3:] == pytest.approx(0, abs=1e-6 * tensor[0])
    assert [quantity.name for quantity in small.quantities] == [
        "thermal conductivity at 300 K",
        "thermal conductivity at 1000 K",
    ]


def test_limit_of_fine_meshes_is_on_the_line_through_two(small):
    coarse, fine = (mesh.direct[0, 0] for mesh in small.meshes)
    # κ = a + b/n through 1/3 and 1/5.
    slope = (fine - coarse) / (1 / 5 - 1 / 3)
    assert small.conductivity[0, 0] == pytest.approx(fine - slope / 5)
    assert small.quantities[0].error == pytest.approx(abs(slope) / 5)
    assert "not converged with the mesh (5×5×5) at 300, 1000 K" in small.warnings[0]


def test_a_single_mesh_is_said_to_be_one(points):
    one = analysed(points, mesh_lengths=(12.0,), method="relaxation-time")
    assert one.warnings == ("the conductivity on mesh 3×3×3 was not compared with that on another mesh",)
    assert one.quantities[0].error is None
    assert one.meshes[0].direct is None
    assert one.conductivity == pytest.approx(one.meshes[0].relaxation_time)


def test_carriers_add_up(small):
    carriers = small.carriers
    for shares in (carriers.within_path, carriers.within_frequency):
        assert (np.diff(shares, axis=1) > -1e-12).all()
        assert shares[:, -1] == pytest.approx(1, abs=1e-4)
    # Acoustic modes of silicon end near 12 THz and carry nearly all.
    assert carriers.within_frequency[0, int(np.searchsorted(carriers.frequencies, 12))] > 0.85
    assert carriers.mean_free_paths[-1] > 1000


def test_isotopes_resist(points, small):
    pure = analysed(points, isotopes=False)
    ratio = pure.meshes[1].direct[:, 0] / small.meshes[1].direct[:, 0]
    assert ratio[0] > 1.05
    assert 1 < ratio[1] < ratio[0]


def test_classical_statistics_are_the_limit_of_high_temperature(points):
    """κT is constant for classical phonons, and what quantum ones approach from either side."""
    classical = analysed(points, statistics="classical", isotopes=False, temperatures=(300.0, 3000.0))
    quantum = analysed(points, isotopes=False, temperatures=(300.0, 3000.0))
    for kind in ("relaxation_time", "direct"):
        mine, theirs = getattr(classical.meshes[1], kind)[:, 0], getattr(quantum.meshes[1], kind)[:, 0]
        assert mine[0] * 300 == pytest.approx(mine[1] * 3000, rel=1e-9)
        assert mine[1] == pytest.approx(theirs[1], rel=2e-3)
        assert abs(mine[0] / theirs[0] - 1) > 0.01
    assert classical.statistics == "classical"
    # Partners of high frequency are more numerous than quantum ones.
    longest = classical.carriers.mean_free_paths[-1] / quantum.carriers.mean_free_paths[-1]
    assert 0.6 < longest < 1


def test_classical_isotopes_do_not_grow_with_temperature(points):
    hot = analysed(points, statistics="classical", temperatures=(5000.0,)).meshes[1].direct[0, 0]
    quantum = analysed(points, temperatures=(5000.0,)).meshes[1].direct[0, 0]
    assert hot == pytest.approx(quantum, rel=1e-3)


def test_random_displacements_save_calculations(tersoff):
    fine = SMALL.model_copy(update={"mesh_lengths": (19.0,)})
    whole = thermal_conductivity.compute(SILICON, tersoff, fine)
    spec = fine.model_copy(update={"random_displacements": "auto"})
    few = thermal_conductivity.compute(SILICON, tersoff, spec)
    assert few.calculations < 0.5 * whole.calculations
    assert few.conductivity[0, 0] == pytest.approx(whole.conductivity[0, 0], rel=0.1)
    again = thermal_conductivity.compute(SILICON, tersoff, spec)
    assert again.conductivity[0, 0] == few.conductivity[0, 0]


def test_two_supercells(tersoff):
    spec = SMALL.model_copy(
        update={"harmonic_minimum_length": 11.0, "random_displacements": 6, "mesh_lengths": (12.0,)}
    )
    settled = thermal_conductivity.resolve(SILICON, spec)
    assert settled.harmonic_supercell == ((3, 0, 0), (0, 3, 0), (0, 0, 3))
    sizes = [len(structure) for structure in thermal_conductivity.plan(SILICON, settled)]
    assert sizes[-1] == 54
    assert set(sizes[:-1]) == {16}
    planned = thermal_conductivity.planned(SILICON, spec)
    assert [(len(each.atoms), each.calculations) for each in planned] == [(54, 1), (16, len(sizes) - 1)]
    result = thermal_conductivity.compute(SILICON, tersoff, spec)
    assert result.calculations == len(sizes)
    one = thermal_conductivity.compute(
        SILICON, tersoff, spec.model_copy(update={"harmonic_minimum_length": None})
    )
    assert result.conductivity[0, 0] != pytest.approx(one.conductivity[0, 0], rel=1e-4)


def test_tension_lowers_the_conductivity(tersoff):
    """As it does in silicon; smaller supercells and coarser meshes give either sign."""
    large = ((-2, 2, 2), (2, -2, 2), (2, 2, -2))
    spec = SMALL.model_copy(
        update={
            "supercell": large,
            "mesh_lengths": (27.0,),
            "temperatures": (300.0,),
            "method": "relaxation-time",
        }
    )
    strains = ConductivityStrainSpec(strains=(-0.01, 0.01))
    found = thermal_conductivity_strain.compute(SILICON, tersoff, strains, spec)
    (slope,) = found.quantities
    assert slope.name == "d ln κ/d ln V at 300 K"
    ratio = found.results[1].conductivity[0, 0] / found.results[0].conductivity[0, 0]
    assert slope.value == pytest.approx(np.log(ratio) / (3 * np.log(1.01 / 0.99)), rel=1e-6)
    assert -7 < slope.value < -3
    assert found.warnings[0].startswith("strain -0.01: the conductivity on mesh 7×7×7")
    assert to_json(from_json(type(found), to_json(found))) == to_json(found)
    (planned,) = thermal_conductivity_strain.planned(SILICON, strains, spec)
    assert planned.calculations == len(thermal_conductivity_strain.plan(SILICON, strains, spec))


def test_results_survive_json(small):
    again = from_json(ThermalConductivity, to_json(small))
    assert to_json(again) == to_json(small)
    assert again.meshes[0].mesh.dtype == np.int64
    assert len(to_json(small)) < 20_000


def test_imaginary_modes_are_said_to_be_missing(points):
    """Forces turned round: every mode is imaginary."""
    turned = [dataclasses.replace(point, forces=-point.forces) for point in points]
    with pytest.raises(
        ForgefieldError, match=r"no mode of Si2 carries heat at \d+ K \(the lowest frequency is -"
    ):
        thermal_conductivity.analyse(SILICON, SMALL, turned)


def test_soft_crystal_gives_a_warning(emt):
    spec = ThermalConductivitySpec(
        supercell=CUBE, mesh_lengths=(11.0,), temperatures=(300.0,), method="relaxation-time"
    )
    found = thermal_conductivity.compute(bulk("Cu", "bcc", a=2.87), emt, spec)
    assert 0 < found.imaginary_share < 0.5
    assert "imaginary modes, down to -" in found.warnings[0]
    assert "carry no heat here: the conductivity is not that of a stable crystal" in found.warnings[0]


def test_huge_collision_matrix_is_refused(points):
    with pytest.raises(
        ForgefieldError, match=r"the collision matrix of \d+ irreducible q-points \(mesh 47×47×47\)"
    ):
        analysed(points, mesh_lengths=(180.0,))


def test_missing_phono3py_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "phono3py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ForgefieldError, match=r"needs phono3py.*pip install 'forgefield\[transport\]'"):
        thermal_conductivity.plan(SILICON, SMALL)


def test_evaluations_must_fit_the_plan(points):
    with pytest.raises(ForgefieldError, match=r"the thermal conductivity needs .* evaluations, but got 3"):
        analysed(points[:3])
