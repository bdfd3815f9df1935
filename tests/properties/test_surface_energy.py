"""Surface energies against ASE's own slabs and against counted bonds."""

import re

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, diamond100, fcc100, fcc110, fcc111
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.optimize import BFGS

from forgefield.properties import equation_of_state, surface_energy
from forgefield.properties.equation_of_state import EquationOfStateSpec
from forgefield.properties.quantities import calculations_in_all
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.surface_energy import SurfaceEnergies, SurfaceEnergySpec, plan

# matscipy's Tersoff evaluates powers with numpy's ``where`` and masks what it left unset itself.
pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")

TO_SI = units.m**2 / units.J


def copper(calculator):
    start = bulk("Cu")
    eos = equation_of_state.compute(start, calculator, EquationOfStateSpec(volume_range=0.03))
    return equation_of_state.equilibrium_structure(start, eos), eos


@pytest.mark.parametrize(("face", "builder"), [("(100)", fcc100), ("(110)", fcc110), ("(111)", fcc111)])
def test_copper_agrees_with_slabs_of_ase(emt, face, builder):
    atoms, eos = copper(emt)
    spec = SurfaceEnergySpec(planes=(tuple(int(i) for i in face[1:4]),), force_tolerance=0.002)
    (surface,) = surface_energy.compute(atoms, emt, spec).surfaces
    edge = (4 * eos.volume) ** (1 / 3)
    slab = builder("Cu", size=(1, 1, 15), a=edge, vacuum=8.0, periodic=True)
    slab.calc = EMT()
    energies = [slab.get_potential_energy()]
    BFGS(slab, logfile=None).run(fmax=0.002)
    energies.append(slab.get_potential_energy())
    area = np.linalg.norm(np.cross(*slab.cell.array[:2]))
    bulk_energy = atoms.copy()
    bulk_energy.calc = EMT()
    ideal, relaxed = ((e - 15 * bulk_energy.get_potential_energy()) / (2 * area) * TO_SI for e in energies)
    assert surface.name == face
    assert surface.ideal == pytest.approx(ideal, rel=1e-4)
    assert surface.relaxed == pytest.approx(relaxed, rel=1e-3)
    assert surface.relaxed < surface.ideal
    assert surface.relaxed_error < 1e-3


def test_ideal_silicon_costs_half_a_bond_for_each_one_broken(stillinger_weber, sw_silicon):
    """Stillinger and Weber, Phys. Rev. B 31, 5262 (1985): a bond is worth ε = 2.1683 eV, ideal angles cost nothing.

    Each cell of a face has two broken bonds at (100) and (110), one at the shuffle (111), three at the glide.
    """
    result = surface_energy.compute(sw_silicon, stillinger_weber, SurfaceEnergySpec(relax=False))
    a = 5.430949778
    areas = {"(100)": a**2 / 2, "(110)": a**2 / np.sqrt(2), "(111)": np.sqrt(3) / 4 * a**2}
    bonds = {"(100)": 2, "(110)": 2, "(111)": 1, "(111) 2": 3}
    assert [surface.name for surface in result.surfaces] == list(bonds)
    for surface in result.surfaces:
        expected = bonds[surface.name] * 2.1683 / 2 / areas[surface.name[:5]] * TO_SI
        assert surface.ideal == pytest.approx(expected, rel=1e-4)
        assert surface.relaxed is None
    assert next(quantity.name for quantity in result.quantities) == "surface (100), energy unrelaxed"


def test_tersoff_silicon_agrees_with_slabs_of_ase(tersoff):
    crystal = bulk("Si", a=5.432)
    spec = SurfaceEnergySpec(planes=((1, 0, 0),), force_tolerance=0.002)
    (surface,) = surface_energy.compute(crystal, tersoff, spec).surfaces
    slab = diamond100("Si", size=(1, 1, 16), a=5.432, vacuum=8.0, periodic=True)
    slab.calc = crystal.calc = tersoff
    per_atom = crystal.get_potential_energy() / 2
    area = 5.432**2 / 2
    assert surface.ideal == pytest.approx(
        (slab.get_potential_energy() / 2 - 8 * per_atom) / area * TO_SI, rel=1e-4
    )
    BFGS(slab, logfile=None).run(fmax=0.002)
    relaxed = (slab.get_potential_energy() / 2 - 8 * per_atom) / area * TO_SI
    assert surface.relaxed == pytest.approx(relaxed, rel=1e-3)
    assert surface.relaxed < surface.ideal - 0.01


def test_results_are_stored_and_foretold(emt):
    atoms, _ = copper(emt)
    spec = SurfaceEnergySpec(planes=((1, 1, 1),), slabs=3)
    result = surface_energy.compute(atoms, emt, spec)
    again = from_json(SurfaceEnergies, to_json(result))
    assert again.quantities == result.quantities
    first = result.quantities[0]
    assert (first.name, first.unit, first.value) == (
        "surface (111), energy",
        "J/m²",
        result.surfaces[0].relaxed,
    )
    assert first.error == result.surfaces[0].relaxed_error
    assert calculations_in_all(surface_energy.planned(atoms, spec)) == 3 * 21
    assert calculations_in_all(surface_energy.planned(atoms, spec.model_copy(update={"relax": False}))) == 3


def test_slabs_have_the_thickness_and_the_vacuum_asked_for():
    ((surface, *_), _) = plan(
        bulk("Cu", a=3.6), SurfaceEnergySpec(planes=((1, 1, 1),), thickness=8, vacuum=10)
    )
    heights = [slab.positions[:, 2] for slab in surface.slabs]
    layer = 3.6 / np.sqrt(3)
    assert [np.ptp(h) for h in heights] == pytest.approx([layer * n for n in (4, 5, 6, 7)])
    for slab, height in zip(surface.slabs, heights, strict=True):
        assert slab.cell.array[2] == pytest.approx([0, 0, np.ptp(height) + 10])
        assert height.min() == pytest.approx(5)


def test_large_and_many_surfaces_are_left_out_and_listed(stillinger_weber, sw_silicon):
    spec = SurfaceEnergySpec(planes=((1, 0, 0), (1, 1, 1)), terminations=1, max_atoms=12, relax=False)
    result = surface_energy.compute(sw_silicon, stillinger_weber, spec)
    assert [surface.name for surface in result.surfaces] == []
    assert result.warnings == (
        "surface (100) left out: 14 atoms, more than max_atoms (12)",
        "surface (111) left out: 14 atoms, more than max_atoms (12)",
        "surface (111) 2 left out: more cuts than terminations (1)",
    )


def test_two_faces_that_differ_are_said(emt):
    alloy = Atoms("CuAu", scaled_positions=[[0, 0, 0], [0.5] * 3], cell=[2.8, 2.8, 3.8], pbc=True)
    result = surface_energy.compute(alloy, emt, SurfaceEnergySpec(planes=((0, 0, 1),), relax=False))
    assert any("the two faces of its slabs differ" in warning for warning in result.warnings)


class Glue(Calculator):
    """Every atom is worth 1 eV and every face costs; more for some lengths, and the highest atom may be pulled away."""

    implemented_properties = ("energy", "forces")

    def __init__(self, noise=0.0, surface=0.2, pull=0.0):
        super().__init__()
        self.noise, self.surface, self.pull = noise, surface, pull

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        heights = atoms.positions[:, 2]
        energy = -1.0 * len(atoms) + 2 * self.surface + self.noise * (len(atoms) % 3)
        forces = np.zeros((len(atoms), 3))
        top, target = int(heights.argmax()), heights.min() + self.pull
        if self.pull:
            energy += 0.5 * (heights[top] - target) ** 2
            forces[top, 2] = target - heights[top]
        self.results = {"energy": energy, "forces": forces}


@pytest.mark.parametrize(
    ("calculator", "message"),
    [
        (Glue(noise=0.2), r"surface \(100\): .* J/m² is not converged with the thickness"),
        (Glue(surface=-0.2), r"surface \(100\): its energy is negative, so the crystal would fall apart"),
        (
            Glue(pull=14.0),
            r"slab of \d+ atoms: it came apart, with a gap of .* where there were 1.8 Å at most",
        ),
        (
            Glue(pull=14.0),
            r"slab of \d+ atoms: atom \d+ \(Cu\) moved by .* and 1 of \d moved farther than 1 Å",
        ),
    ],
)
def test_doubtful_surfaces_are_said(calculator, message):
    spec = SurfaceEnergySpec(planes=((1, 0, 0),), vacuum=20.0)
    result = surface_energy.compute(bulk("Cu", a=3.6), calculator, spec)
    assert any(re.search(message, warning) for warning in result.warnings), result.warnings


def test_relaxation_that_does_not_end_is_said(emt):
    atoms, _ = copper(emt)
    spec = SurfaceEnergySpec(planes=((1, 1, 0),), max_steps=1, force_tolerance=1e-4)
    warnings = surface_energy.compute(atoms, emt, spec).warnings
    assert "the relaxation did not converge in 1 steps (largest force" in warnings[0]
