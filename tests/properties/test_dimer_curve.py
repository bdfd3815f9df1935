"""Curves of two atoms against closed formulas, and curves with every fault that is looked for."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones
from ase.optimize import BFGS

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.contract import PotentialCalculator
from forgefield.properties import dimer_curve
from forgefield.properties.dimer_curve import DimerCurves, DimerCurveSpec
from forgefield.properties.quantities import calculations_in_all
from forgefield.properties.stored import from_json, to_json
from forgefield.testing.lennard_jones import LennardJones as LennardJonesPotential

SPEC = DimerCurveSpec(vacuum=15.0)
SIGMA, EPSILON = 2.5, 0.7


class Pair(Calculator):
    """Two atoms with a given energy and slope along x; a free atom has none."""

    implemented_properties = ("energy", "forces")

    def __init__(self, energy, slope):
        super().__init__()
        self.energy, self.slope = energy, slope

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        forces, energy = np.zeros((len(atoms), 3)), 0.0
        if len(atoms) == 2:
            distance = atoms.positions[1, 0] - atoms.positions[0, 0]
            energy = self.energy(distance)
            forces[1, 0] = -self.slope(distance)
            forces[0, 0] = self.slope(distance)
        self.results = {"energy": energy, "forces": forces}


def morse(r):
    return 2.0 * ((1 - np.exp(-1.5 * (r - 2.4))) ** 2 - 1)


def morse_slope(r):
    grown = np.exp(-1.5 * (r - 2.4))
    return 2.0 * 2 * (1 - grown) * 1.5 * grown


def only(energy, slope, **settings):
    """The curve of copper."""
    spec = DimerCurveSpec(**settings)
    (curve,) = dimer_curve.compute(bulk("Cu"), Pair(energy, slope), spec).curves
    return curve


def test_minimum_of_lennard_jones():
    """At 2^⅙ σ, ε deep; the potential is zero from 12 Å on, where its energy is 1e-4 ε."""
    calculator = LennardJones(sigma=SIGMA, epsilon=EPSILON, rc=12.0)
    result = dimer_curve.compute(bulk("Ar", a=5.0), calculator, SPEC)
    shift = 4 * EPSILON * ((SIGMA / 12) ** 12 - (SIGMA / 12) ** 6)
    distance, depth = result.quantities
    assert (distance.name, distance.unit) == ("dimer Ar–Ar, distance", "Å")
    assert distance.value == pytest.approx(2 ** (1 / 6) * SIGMA, rel=1e-4)
    assert (depth.name, depth.unit) == ("dimer Ar–Ar, depth", "eV")
    assert depth.value == pytest.approx(EPSILON + shift, rel=1e-4)
    assert result.warnings == ()
    (curve,) = result.curves
    assert curve.distances[0] == pytest.approx(0.3 * 2 * 1.06)
    expected = 4 * EPSILON * ((SIGMA / curve.distances) ** 12 - (SIGMA / curve.distances) ** 6) - shift
    assert curve.energies == pytest.approx(expected, rel=1e-6, abs=1e-9)
    ratios = (SIGMA / curve.distances) ** 6
    assert curve.forces == pytest.approx(24 * EPSILON * (2 * ratios**2 - ratios) / curve.distances, rel=1e-6)


def test_depth_of_stillinger_weber_is_a_bond(stillinger_weber, sw_silicon):
    """Its pairs are worth ε = 2.1683 eV at the bond's length of diamond, with no third atom."""
    (curve,) = dimer_curve.compute(sw_silicon, stillinger_weber, SPEC).curves
    assert curve.bond == pytest.approx((np.sqrt(3) / 4 * 5.430949778, 2.1683), abs=1e-3)
    assert curve.hole is None
    assert curve.jump is None


def test_every_pair_has_a_curve(emt):
    alloy = Atoms("CuAuNi", positions=[[0, 0, 0], [3, 0, 0], [6, 0, 0]])
    result = dimer_curve.compute(alloy, emt, DimerCurveSpec(points=20))
    assert [curve.name for curve in result.curves] == ["Au–Au", "Au–Cu", "Au–Ni", "Cu–Cu", "Cu–Ni", "Ni–Ni"]
    assert all(curve.energies[-1] == pytest.approx(0, abs=0.01) for curve in result.curves)
    assert from_json(DimerCurves, to_json(result)).quantities == result.quantities
    assert calculations_in_all(dimer_curve.planned(alloy, DimerCurveSpec(points=20))) == 3 + 6 * 20


def test_smooth_curve_has_no_warnings():
    curve = only(morse, morse_slope, farthest=7.0)
    assert curve.bond == pytest.approx((2.4, 2.0), abs=1e-3)
    assert curve.warnings == ()


def test_hole_at_short_distance_is_said():
    """A repulsion that turns over at 1.2 Å and falls."""

    def energy(r):
        return morse(r) - 3000 * max(1.2 - r, 0) ** 2

    def slope(r):
        return morse_slope(r) + 6000 * max(1.2 - r, 0)

    curve = only(energy, slope, farthest=7.0, points=200)
    grid = np.linspace(0.8, 2.4, 2000)
    values = np.array([energy(r) for r in grid])
    place, rim = curve.hole
    assert place == pytest.approx(grid[values.argmax()], abs=0.03)
    assert rim == pytest.approx(values.max(), rel=0.01)
    (warning,) = curve.warnings
    assert warning.startswith(f"Cu–Cu: the energy falls again below {place:.2f} Å, from {rim:.3g} to -")
    assert warning.endswith("above the free atoms: atoms that come so close collapse into each other")


def test_jump_is_said():
    curve = only(lambda r: morse(r) + 0.3 * (r > 3.0), morse_slope, farthest=7.0)
    place, height = curve.jump
    assert place == pytest.approx(3.0, abs=0.1)
    assert height == pytest.approx(0.3, abs=0.02)
    assert any(
        warning.startswith("Cu–Cu: the energy at") and "makes a step of 0.3 eV that its forces" in warning
        for warning in curve.warnings
    )


def test_wrong_limit_is_said():
    curve = only(lambda r: morse(r) - 0.5, morse_slope, farthest=7.0)
    assert curve.warnings == ("Cu–Cu: at 7.0 Å the energy is -0.504 eV off that of free atoms",)


def test_energies_that_are_not_finite_are_said_and_kept():
    curve = only(lambda r: morse(r) if r > 1.2 else np.nan, morse_slope, farthest=7.0)
    assert np.isnan(curve.energies[0])
    assert curve.bond == pytest.approx((2.4, 2.0), abs=1e-3)
    (warning,) = curve.warnings
    assert warning.startswith("Cu–Cu: energies are not finite at distances up to 1.")
    again = from_json(DimerCurves, to_json(DimerCurves((curve,))))
    assert np.isnan(again.curves[0].energies[0])


def test_atoms_that_only_repel_have_no_bond():
    curve = only(lambda r: np.exp(-2 * r) * 50, lambda r: -np.exp(-2 * r) * 100, farthest=7.0)
    assert curve.bond is None
    assert curve.hole is None
    assert DimerCurves((curve,)).quantities == ()


def test_potential_of_ours_is_looked_at_up_to_its_cutoff():
    calculator = PotentialCalculator(LennardJonesPotential("Ar", cutoff=6.5))
    (curve,) = dimer_curve.compute(bulk("Ar", a=5.0), calculator, DimerCurveSpec()).curves
    assert curve.distances[-1] == pytest.approx(6.5)


def test_wrong_distances_and_evaluations_are_refused(emt):
    with pytest.raises(
        ForgefieldError, match=r"largest distance of Cu–Cu, 0.5 Å, is not larger .* 0.79 Å; raise"
    ):
        dimer_curve.compute(bulk("Cu"), emt, DimerCurveSpec(farthest=0.5))
    with pytest.raises(ForgefieldError, match="dimer curves need 81 evaluations, but got 0"):
        dimer_curve.analyse(bulk("Cu"), DimerCurveSpec(), [])


@pytest.mark.parametrize(("symbol", "closest", "distance"), [("H", 0.3, 0.777), ("N", 0.6, 1.098)])
def test_molecules_of_tight_binding(symbol, closest, distance):
    """Bond lengths of the molecules as ASE's optimiser finds them without a box."""
    tblite = pytest.importorskip("tblite.ase")
    calculator = tblite.TBLite(method="GFN2-xTB", verbosity=0)
    spec = DimerCurveSpec(closest=closest, farthest=4.0, points=40)
    (curve,) = dimer_curve.compute(Atoms(symbol), calculator, spec).curves
    free = Atoms(f"{symbol}2", positions=[[0, 0, 0], [distance, 0, 0]])
    free.calc = calculator
    BFGS(free, logfile=None).run(fmax=1e-3)
    assert curve.bond[0] == pytest.approx(free.get_distance(0, 1), abs=2e-3)
    assert free.get_distance(0, 1) == pytest.approx(distance, abs=2e-3)
    assert curve.warnings == ()
