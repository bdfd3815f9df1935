"""γ-lines against closed sums of pairs, ASE's own cells and symmetry."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import stacking_fault
from forgefield.properties.quantities import calculations_in_all
from forgefield.properties.stacking_fault import GammaLine, StackingFaults, StackingFaultSpec
from forgefield.properties.stored import from_json, to_json

TO_SI = units.m**2 / units.J
IDEAL = StackingFaultSpec(relax=False)


def energy(atoms, calculator):
    atoms = atoms.copy()
    atoms.calc = calculator
    return atoms.get_potential_energy()


def stacked(sequence, a):
    """Layers (111) of fcc in an order such as ``ABCABC``."""
    d, h = a / np.sqrt(2), a / np.sqrt(3)
    shift = {"A": 0.0, "B": 1 / 3, "C": 2 / 3}
    cell = np.array([[d, 0, 0], [d / 2, d * np.sqrt(3) / 2, 0], [0, 0, h * len(sequence)]])
    places = [[shift[letter]] * 2 + [(n + 0.5) / len(sequence)] for n, letter in enumerate(sequence)]
    return Atoms(f"Cu{len(sequence)}", scaled_positions=places, cell=cell, pbc=True)


def test_intrinsic_fault_is_a_layer_left_out(emt):
    """… ABCAB|ABC …: one layer C is not there; against as many layers of the perfect crystal."""
    a = 3.59
    (line,) = stacking_fault.compute(bulk("Cu", a=a), emt, IDEAL).lines
    faulted = stacked("ABCABCAB" + "ABCABCABC", a)
    perfect = energy(bulk("Cu", a=a), EMT())
    area = np.sqrt(3) / 4 * a**2
    expected = (energy(faulted, EMT()) - 17 * perfect) / area * TO_SI
    place = int(np.isclose(line.slips, 1 / 3).argmax())
    assert line.ideal[place] == pytest.approx(expected, abs=1e-4)


def test_line_of_lennard_jones_is_a_sum_over_pairs():
    """Above the perfect crystal only pairs across the cut change: a direct sum over both halves."""
    sigma, cutoff, a = 2.3, 6.0, 3.6
    calculator = LennardJones(sigma=sigma, epsilon=0.4, rc=cutoff)
    result = stacking_fault.compute(bulk("Cu", a=a), calculator, IDEAL)
    (line,) = result.lines
    d, h = a / np.sqrt(2), a / np.sqrt(3)
    first, second = np.array([d, 0, 0]), np.array([d / 2, d * np.sqrt(3) / 2, 0])
    along = (first + second) / np.linalg.norm(first + second) * line.period

    def across(slip):
        total = 0.0
        n = np.arange(-6, 7)
        for below in range(4):
            for above in range(4):
                layers = below + above + 1
                shift = (first + second) / 3 * layers + slip * along + np.array([0, 0, h * layers])
                grid = n[:, None, None] * first + n[None, :, None] * second + shift
                r = np.linalg.norm(grid.reshape(-1, 3), axis=1)
                r = r[r < cutoff]
                total += np.sum(4 * 0.4 * ((sigma / r) ** 12 - (sigma / r) ** 6))
                total -= len(r) * 4 * 0.4 * ((sigma / cutoff) ** 12 - (sigma / cutoff) ** 6)
        return total

    area = np.sqrt(3) / 4 * a**2
    expected = [(across(slip) - across(0.0)) / area * TO_SI for slip in line.slips]
    # The line may run the other way, depending on the sense of the stacking.
    assert any(np.allclose(line.ideal, curve, atol=1e-3) for curve in (expected, expected[::-1]))


def test_glide_in_silicon_costs_nothing_but_its_barrier(stillinger_weber, sw_silicon):
    """Bonds and angles of the stable glide fault are perfect, and Stillinger and Weber's silicon sees no farther."""
    result = stacking_fault.compute(sw_silicon, stillinger_weber, IDEAL)
    shuffle, glide = result.lines
    assert [line.name for line in result.lines] == ["(111)[11-2] 1", "(111)[11-2] 2"]
    assert shuffle.width == pytest.approx(3 * glide.width)
    assert glide.stable == pytest.approx((1 / 3, 0.0), abs=1e-6)
    assert glide.unstable > 2 * shuffle.unstable
    assert glide.period == pytest.approx(5.430949778 * np.sqrt(6) / 2)


def test_relaxation_across_lowers_the_line_and_keeps_the_slip(emt):
    result = stacking_fault.compute(
        bulk("Cu", a=3.59), emt, StackingFaultSpec(points=6, thickness=10, force_tolerance=0.002)
    )
    (line,) = result.lines
    assert (line.relaxed <= line.ideal + 1e-6).all()
    assert line.relaxed[3] < 0.9 * line.ideal[3]
    assert line.relaxed[[0, -1]] == pytest.approx([0, 0])
    again = from_json(StackingFaults, to_json(result))
    assert again.quantities == result.quantities
    assert [quantity.name for quantity in result.quantities] == [
        "stacking fault (111)[11-2], stable",
        "stacking fault (111)[11-2], unstable",
    ]


def test_stable_and_unstable_fault_of_a_known_curve():
    slips = np.linspace(0, 1, 25)
    # Maxima of 0.2 and 0.9, a minimum of 0.1 between them at a third.
    knots = np.interp(slips, [0, 1 / 6, 1 / 3, 2 / 3, 1], [0, 0.2, 0.1, 0.9, 0])
    line = GammaLine("line", 2.0, 4.0, slips, knots, np.zeros(0))
    assert line.stable == pytest.approx((1 / 3, 0.1))
    assert line.unstable == pytest.approx(0.2, abs=0.01)
    single = GammaLine("line", 2.0, 4.0, slips, np.sin(np.pi * slips) ** 2, np.zeros(0))
    assert single.stable is None
    assert single.unstable == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("atoms", "name", "period"),
    [
        (bulk("Cu", a=3.6, cubic=True), "(111)[11-2]", 3.6 * np.sqrt(6) / 2),
        (bulk("Cu", "bcc", a=2.87), "(110)[-111]", 2.87 * np.sqrt(3) / 2),
        (bulk("Cu", "hcp", a=2.55, c=4.16), "(001)[1-10]", 2.55 * np.sqrt(3)),
    ],
)
def test_usual_slip_systems(emt, atoms, name, period):
    (line,) = stacking_fault.compute(atoms, emt, StackingFaultSpec(relax=False, points=4)).lines
    assert line.name == name
    assert line.period == pytest.approx(period)
    assert line.ideal[2] > 0


def test_crystal_that_gains_by_slipping_is_said(emt):
    """EMT's copper prefers hexagonal stacking by a little."""
    (warning,) = stacking_fault.compute(bulk("Cu", a=3.59), emt, IDEAL).warnings
    assert "the crystal gains 0.005" in warning
    assert "by a slip of 0.333 periods" in warning


def test_relaxation_that_does_not_end_is_said(emt):
    spec = StackingFaultSpec(points=4, max_steps=1, force_tolerance=1e-5)
    warnings = stacking_fault.compute(bulk("Cu", a=3.59), emt, spec).warnings
    assert (
        warnings[0]
        == "stacking fault (111)[11-2]: relaxations at slips of 0, 0.25, 0.5, 0.75 did not converge"
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            StackingFaultSpec(plane=(1, 1, 1), direction=(1, 1, 0)),
            r"direction \(1, 1, 0\) does not lie in the plane",
        ),
        (
            StackingFaultSpec(plane=(1, 1, 1)),
            "the slip system of Cu, space group 225, is not known; give plane and",
        ),
        (StackingFaultSpec(max_atoms=4), r"needs 9 atoms, more than max_atoms \(4\); raise max_atoms"),
    ],
)
def test_wrong_slips_are_refused(spec, message):
    with pytest.raises(ForgefieldError, match=message):
        stacking_fault.plan(bulk("Cu"), spec)


def test_crystal_that_is_symmetric_only_within_the_tolerance_slips_too(emt):
    crystal = bulk("Cu", a=3.6, cubic=True)
    crystal.rattle(1e-3, rng=np.random.default_rng(2))
    (line,) = stacking_fault.plan(crystal, StackingFaultSpec(points=4))
    assert len(line[0]) == 9


def test_unknown_slip_system_is_refused():
    with pytest.raises(ForgefieldError, match="slip system of Po, space group 221, is not known"):
        stacking_fault.plan(bulk("Po", "sc", a=3.3), StackingFaultSpec())


def test_forecast_counts_slips_and_steps():
    assert calculations_in_all(stacking_fault.planned(bulk("Si"), StackingFaultSpec(points=8))) == 2 * 8 * 16
    assert calculations_in_all(stacking_fault.planned(bulk("Cu"), IDEAL)) == 12
