"""Figures of surfaces, defects, stacking faults and dimers, read back from the page."""

import json
import re

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from forgefield.properties import (
    cohesive_energy,
    dimer_curve,
    exfoliation,
    point_defects,
    relaxed_structure,
    stacking_fault,
    surface_energy,
)
from forgefield.report import figures_static

LENNARD_JONES = LennardJones(sigma=2.3, epsilon=0.4, rc=6.0)
COPPER = bulk("Cu", a=3.6)


def figure_of(html):
    """Data and layout of the drawing, as plotly reads them."""
    (text,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', str(html), re.DOTALL)
    return json.loads(text)


@pytest.fixture(scope="module")
def surfaces():
    spec = surface_energy.SurfaceEnergySpec(relax=False, planes=((1, 0, 0), (1, 1, 1)))
    return [surface_energy.compute(COPPER, each, spec) for each in (EMT(), LENNARD_JONES)]


def test_surfaces_are_pairs_of_bars(surfaces):
    bars = figure_of(figures_static.surface_energy_plot(*surfaces, "DFT"))["data"]
    assert [bar["name"] for bar in bars] == ["DFT", "potential"]
    for bar, result in zip(bars, surfaces[::-1], strict=True):
        assert bar["x"] == ["(100)", "(111)"]
        assert bar["y"] == pytest.approx([surface.ideal for surface in result.surfaces], abs=1e-4)


def test_one_method_alone_is_drawn(surfaces):
    (bar,) = figure_of(figures_static.surface_energy_plot(surfaces[0], None, "DFT"))["data"]
    assert bar["name"] == "potential"


def test_defects_are_bars_of_formation_energies():
    spec = point_defects.PointDefectSpec(relax=False, interstitials=1, minimum_length=7.0, closest=0.5)
    results = [point_defects.compute(COPPER, each, spec) for each in (EMT(), LENNARD_JONES)]
    reference, potential = figure_of(figures_static.point_defects_plot(*results, "DFT"))["data"]
    assert reference["x"] == ["vacancy Cu", "interstitial Cu", "Frenkel Cu, per defect"]
    expected = [q.value for q in results[0].quantities]
    assert potential["y"] == pytest.approx(expected, abs=1e-4)


def test_stacking_fault_has_points_and_a_curve():
    spec = stacking_fault.StackingFaultSpec(relax=False, points=6)
    result = stacking_fault.compute(COPPER, EMT(), spec)
    curve, points = figure_of(figures_static.stacking_fault_plot(result, None, "DFT"))["data"]
    assert points["y"] == pytest.approx(list(result.lines[0].ideal), abs=1e-5)
    assert curve["y"][0] == pytest.approx(0, abs=1e-5)
    assert curve["y"][60] == pytest.approx(result.lines[0].ideal[3], abs=1e-4)


def test_dimers_are_dots_beside_lines_and_the_wall_is_cut_off():
    spec = dimer_curve.DimerCurveSpec(points=30)
    results = [dimer_curve.compute(COPPER, each, spec) for each in (EMT(), LENNARD_JONES)]
    figure = figure_of(figures_static.dimer_plot(*results, "DFT"))
    assert [(trace["name"], trace["mode"]) for trace in figure["data"]] == [
        ("DFT, Cu–Cu", "markers"),
        ("potential, Cu–Cu", "lines"),
    ]
    depth = results[0].curves[0].bond[1]
    assert figure["layout"]["yaxis"]["range"] == pytest.approx([-1.3 * depth, 3 * depth])


def test_cells_and_binding_are_bars_with_their_numbers():
    spec = relaxed_structure.RelaxedStructureSpec()
    results = [relaxed_structure.compute(COPPER, each, spec) for each in (EMT(), LENNARD_JONES)]
    for bar, result in zip(
        figure_of(figures_static.relaxed_structure_plot(*results, "DFT"))["data"], results[::-1], strict=True
    ):
        assert bar["x"] == ["lattice parameter a"]
        assert bar["y"] == pytest.approx([result.lengths[0]], abs=1e-4)
    bound = cohesive_energy.compute(COPPER, EMT(), cohesive_energy.CohesiveEnergySpec())
    (bar,) = figure_of(figures_static.cohesive_energy_plot(bound, None, "DFT"))["data"]
    assert bar["y"] == pytest.approx([bound.value], abs=1e-4)


def test_a_layer_taken_off_is_two_bars():
    graphite = Atoms("C2", [[0, 0, 0], [0, 1.42, 0]], cell=[2.46, 2.46, 3.4, 90, 90, 120], pbc=True)
    found = exfoliation.compute(
        graphite, LennardJones(sigma=3.0, epsilon=0.01, rc=9.0), exfoliation.ExfoliationSpec(relax=False)
    )
    (bar,) = figure_of(figures_static.exfoliation_plot(found, None, "DFT"))["data"]
    assert bar["x"] == ["exfoliation energy", "exfoliation energy unrelaxed"]
    assert bar["y"] == pytest.approx([1000 * found.energy, 1000 * found.ideal], abs=1e-4)
