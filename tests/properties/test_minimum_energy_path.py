"""Paths against a surface with known saddles and against ASE's own nudged elastic band."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.mep import NEB
from ase.optimize import FIRE

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.contract import PotentialCalculator
from forgefield.properties import minimum_energy_path, path_check, stored
from forgefield.properties.energy_profile import EnergyProfile
from forgefield.properties.minimum_energy_path import MinimumEnergyPath, MinimumEnergyPathSpec
from forgefield.sampling.relaxation import relax
from forgefield.testing.stillinger_weber import StillingerWeberSilicon
from forgefield.testing.tersoff import TersoffSilicon, lattice_constant

from .model_surfaces import Corrugated, MuellerBrown, SideBySide, atom_at, vacancy_ends

SPEC = MinimumEnergyPathSpec()


def ase_barrier(initial, final, calculator, images):
    """Barrier of ASE's climbing band between relaxed ends, FIRE, from the same start."""
    path = [initial.copy() for _ in range(images + 1)] + [final.copy()]
    for image in path:
        image.calc = calculator()
    band = NEB(path, k=1.0, climb=True, method="improvedtangent")
    band.interpolate("idpp", mic=True)
    assert FIRE(band, logfile=None).run(fmax=0.01, steps=500)
    energies = [image.get_potential_energy() for image in path]
    return max(energies) - energies[0]


def tersoff():
    return PotentialCalculator(TersoffSilicon())


@pytest.fixture(scope="module")
def copper():
    """Path of the vacancy in 31 copper atoms."""
    initial, final = vacancy_ends(bulk("Cu", cubic=True) * (2, 2, 2))
    calculator = SideBySide(EMT())
    return minimum_energy_path.compute(initial, final, calculator, SPEC), calculator.batches


@pytest.fixture(scope="module")
def mueller_brown():
    first, last = (atom_at(*place) for place in (MuellerBrown.first, MuellerBrown.last))
    return minimum_energy_path.compute(first, last, MuellerBrown(), MinimumEnergyPathSpec(images=13))


def test_known_saddle_and_the_minimum_on_the_way(mueller_brown):
    path = mueller_brown
    assert path.converged
    assert path.energy == pytest.approx(MuellerBrown.first_energy, abs=1e-4)
    assert path.profile.forward == pytest.approx(
        MuellerBrown.saddle_energy - MuellerBrown.first_energy, abs=1e-3
    )
    assert path.profile.backward == pytest.approx(
        MuellerBrown.saddle_energy - MuellerBrown.last_energy, abs=1e-3
    )
    assert path.saddle.positions[0, :2] == pytest.approx(MuellerBrown.saddle, abs=0.005)
    ((_, energy),) = path.profile.intermediate_minima()
    assert energy == pytest.approx(MuellerBrown.intermediate_energy - MuellerBrown.first_energy, abs=0.02)
    (warning,) = path.warnings
    assert "passes a minimum at" in warning
    assert "more than one hop" in warning


def test_the_highest_image_climbs_to_the_top_although_no_force_is_across_the_path():
    path = minimum_energy_path.compute(
        atom_at(0.0), atom_at(2.0), Corrugated(), MinimumEnergyPathSpec(images=2, force_tolerance=1e-3)
    )
    assert path.converged
    assert path.profile.energies[path.highest] == pytest.approx(0.5, abs=1e-5)
    assert path.saddle.positions[0] == pytest.approx((1, 0, 0), abs=1e-3)


def test_copper_vacancy_agrees_with_ase(copper):
    path, _ = copper
    start, *_, end = path.images
    barrier = ase_barrier(start, end, EMT, len(path.positions) - 2)
    assert path.profile.forward == pytest.approx(barrier, abs=1e-3)
    assert path.profile.backward == pytest.approx(path.profile.forward, abs=1e-6)
    assert path.converged
    assert path.warnings == ()
    assert [(q.name, q.unit) for q in path.quantities] == [
        ("barrier", "eV"),
        ("barrier backward", "eV"),
        ("energy of the end", "eV"),
    ]


def test_all_images_of_an_iteration_are_one_batch(copper):
    path, batches = copper
    ends, *inner = batches
    assert ends == 2
    assert inner == [len(path.positions) - 2] * path.iterations
    assert path.iterations < 40


def test_silicon_vacancy_agrees_with_ase():
    crystal = bulk("Si", cubic=True, a=lattice_constant()) * (2, 2, 2)
    path = minimum_energy_path.compute(*vacancy_ends(crystal), tersoff(), SPEC)
    start, *_, end = path.images
    barrier = ase_barrier(start, end, tersoff, len(path.positions) - 2)
    # Half-way the atom is bound to none: Tersoff's cutoff ends between the shells.
    assert path.profile.forward == pytest.approx(barrier, abs=1e-3)
    assert path.profile.forward > 6


def test_a_path_that_has_not_converged_says_so():
    initial, final = vacancy_ends(bulk("Cu", cubic=True) * (2, 2, 2))
    path = minimum_energy_path.compute(initial, final, EMT(), MinimumEnergyPathSpec(max_iterations=2))
    assert not path.converged
    assert path.iterations == 2
    (warning,) = path.warnings
    assert "the path has not converged: forces across it are up to" in warning
    assert "after 2 iterations (0.01 asked for)" in warning
    assert "uncertain and as a rule too high" in warning


def test_a_band_that_falls_into_deeper_minima_is_given_up():
    """Stillinger and Weber's vacancy has a state 1.5 eV below the one in which no bond changes."""
    crystal = bulk("Si", cubic=True, a=5.431) * (2, 2, 2)
    calculator = PotentialCalculator(StillingerWeberSilicon())
    path = minimum_energy_path.compute(*vacancy_ends(crystal), calculator, SPEC)
    assert not path.converged
    assert any("eV below both ends: they are not the lowest minima" in w for w in path.warnings)


def test_ends_in_one_minimum_have_no_path():
    calculator, spec = Corrugated(), MinimumEnergyPathSpec(max_relaxation_steps=500)
    path = minimum_energy_path.compute(atom_at(-0.3), atom_at(0.4, 0.1), calculator, spec)
    assert path.warnings == ("both ends relax into the same minimum: there is no path and no barrier",)
    assert path.quantities == ()
    assert not path.converged


def test_an_end_that_has_not_relaxed_or_went_far_says_so():
    spec = MinimumEnergyPathSpec(max_relaxation_steps=1)
    path = minimum_energy_path.compute(atom_at(-0.3), atom_at(1.8, 0.3), Corrugated(), spec)
    assert not path.converged
    assert path.warnings[0].startswith("first end: the relaxation did not converge in 1 steps (largest force")
    assert path.warnings[1].startswith("last end: the relaxation did not converge")
    others = atom_at(6.0) + atom_at(10.0)
    far = minimum_energy_path.compute(atom_at(0.0) + others, atom_at(2.0, 1.2) + others, Corrugated(), SPEC)
    assert far.warnings[0].startswith("last end: atom 0 (H) moved by 1.20 Å in the relaxation")


def test_no_image_above_the_ends_is_said():
    """A step downhill: the first end sits where the relaxation had no time to leave."""
    spec = MinimumEnergyPathSpec(max_relaxation_steps=1, images=3, force_tolerance=0.02)
    path = minimum_energy_path.compute(atom_at(0.9), atom_at(0.0), Corrugated(), spec)
    assert any("no image lies above both ends" in warning for warning in path.warnings)


def test_a_rattle_frees_a_path_from_a_ridge():
    """The straight way leads over a maximum of 2 eV; saddles are κ²/16q = 0.25 eV lower on both sides."""
    surface, ends = Corrugated(height=2.0, change=-6.0, quartic=1.0), (atom_at(0.0), atom_at(2.0))
    held = minimum_energy_path.compute(*ends, surface, SPEC)
    assert held.converged
    assert held.profile.forward == pytest.approx(2.0, abs=1e-3)
    free, again = (
        minimum_energy_path.compute(*ends, surface, MinimumEnergyPathSpec(rattle=0.05)) for _ in range(2)
    )
    assert free.converged
    assert free.profile.forward == pytest.approx(1.75, abs=1e-3)
    assert abs(free.saddle.positions[0, 1]) == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert np.array_equal(free.positions, again.positions)


def test_a_rattle_frees_ends_that_are_no_minima():
    """With k₀ = −1 eV/Å² and q = 1 eV/Å⁴, minima lie at y = ±½ Å beside every site."""
    surface, ends = Corrugated(height=2.0, stiffness=-1.0, change=0.0, quartic=1.0), (0.0, 2.0)
    held, free = (
        minimum_energy_path.compute(
            *(atom_at(x) for x in ends),
            surface,
            MinimumEnergyPathSpec(rattle=rattle, max_relaxation_steps=40),
        )
        for rattle in (0.0, 0.05)
    )
    assert held.positions[0, 0, 1] == 0
    assert abs(free.positions[0, 0, 1]) == pytest.approx(0.5, abs=1e-2)


@pytest.mark.parametrize(
    "other", [atom_at(0.0, symbol="He"), atom_at(0.0) + atom_at(2.0), bulk("H", "sc", a=4.0)]
)
def test_ends_of_other_atoms_or_cells_are_refused(other):
    with pytest.raises(ForgefieldError, match=r"a path cannot lead from H to .*same atoms in the same order"):
        minimum_energy_path.compute(atom_at(0.0), other, Corrugated(), SPEC)


def test_number_of_images_follows_the_length():
    initial, final = vacancy_ends(bulk("Cu", cubic=True) * (2, 2, 2))
    (planned,) = minimum_energy_path.planned(initial, final, SPEC)
    assert planned.calculations == 2 * 20 + 5 * 40
    (fixed,) = minimum_energy_path.planned(initial, final, MinimumEnergyPathSpec(images=2))
    assert fixed.calculations == 2 * 20 + 2 * 40


def test_a_stored_path_is_the_same(copper):
    path, _ = copper
    again = stored.from_json(MinimumEnergyPath, stored.to_json(path))
    assert np.array_equal(again.positions, path.positions)
    assert np.array_equal(again.profile.slopes, path.profile.slopes)
    assert again.start.periodic == (True, True, True)
    assert again.saddle == path.saddle


def test_another_calculator_on_the_images(copper):
    path, _ = copper
    itself = path_check.check_path(path, SideBySide(EMT()))
    assert itself.profile.energies == pytest.approx(path.profile.energies, abs=1e-9)
    assert itself.profile.slopes == pytest.approx(path.profile.slopes, abs=1e-9)
    assert itself.residual <= SPEC.force_tolerance
    assert itself.warnings == ()
    assert itself.quantities[0].value == pytest.approx(path.profile.forward)
    (planned,) = path_check.planned_check(path)
    assert planned.calculations == len(path.positions)


def test_a_path_of_somebody_else_says_so():
    crystal = bulk("Si", cubic=True, a=lattice_constant()) * (2, 2, 2)
    path = minimum_energy_path.compute(
        *vacancy_ends(crystal), tersoff(), MinimumEnergyPathSpec(force_tolerance=0.1)
    )
    other = SideBySide(PotentialCalculator(StillingerWeberSilicon()))
    check = path_check.check_path(path, other)
    assert other.batches == [len(path.positions)]
    assert check.residual > 1
    assert "forces across the path are up to" in check.warnings[0]


def test_the_curve_has_barriers_minima_and_its_images():
    lengths = np.linspace(0, 2, 8)
    energies, slopes = np.sin(np.pi * lengths) ** 2, np.pi * np.sin(2 * np.pi * lengths)
    profile = EnergyProfile(lengths, energies - 0.1 * lengths, slopes - 0.1)
    assert profile.energy_at(lengths) == pytest.approx(profile.energies, abs=1e-12)
    assert profile.forward == pytest.approx(1 - 0.05, abs=0.02)
    assert profile.backward == pytest.approx(profile.forward + 0.2, abs=1e-12)
    ((length, energy),) = profile.intermediate_minima()
    assert (length, energy) == pytest.approx((1.0, -0.1), abs=0.02)
    single = EnergyProfile(lengths, lengths * (2 - lengths), 2 - 2 * lengths)
    assert single.intermediate_minima() == ()


def test_relaxed_ends_are_where_the_potential_puts_them(copper):
    path, _ = copper
    initial, _ = vacancy_ends(bulk("Cu", cubic=True) * (2, 2, 2))
    relaxed = relax(initial, EMT(), SPEC.force_tolerance / 2, cell=False)
    assert path.positions[0] == pytest.approx(relaxed.atoms.positions, abs=1e-9)
    assert path.energy == pytest.approx(relaxed.energy, abs=1e-9)
