"""A fit plus a repulsion: exact derivatives, unchanged labels, atoms kept apart, storage."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

import forgefield
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import find_pairs
from forgefield.potentials.repulsion import RepulsedPotential, baseline_of, joined, radii_from
from forgefield.potentials.training_set import collect
from forgefield.potentials.zbl import Zbl

from .conftest import crystal, fitted_scales
from .training_cases import silicon

pytestmark = pytest.mark.filterwarnings(
    "ignore:'where' used without 'out':UserWarning"
)  # matscipy on numpy 2.4


@pytest.fixture(scope="module")
def repulsed():
    return RepulsedPotential(fitted_scales(), Zbl(("C", "Si"), 0.9, 2.2))


def squeezed() -> Atoms:
    """Pairs inside of the inner radius, between both, and outside."""
    atoms = crystal(1)
    atoms.set_cell(0.8 * atoms.cell.array, scale_atoms=True)
    atoms.positions[0] = atoms.positions[1] + [0.5, 0.3, 0.2]
    return atoms


def extrapolated(difference, atoms, step):
    return (4 * difference(atoms, eps=step) - difference(atoms, eps=2 * step)) / 3


def test_derivatives_are_those_of_the_sum(repulsed):
    atoms = squeezed()
    atoms.calc = repulsed.calculator()
    forces = atoms.get_forces()
    numerical = extrapolated(calculate_numerical_forces, atoms, 1e-4)
    np.testing.assert_allclose(forces, numerical, atol=1e-7 * np.abs(numerical).max())
    stress = extrapolated(calculate_numerical_stress, atoms, 3e-5)
    np.testing.assert_allclose(atoms.get_stress(), stress, atol=1e-7 * np.abs(stress).max())


def test_it_is_the_sum_of_its_parts_whoever_finds_the_pairs(repulsed):
    atoms = squeezed()
    mine = repulsed.evaluate(atoms, uncertainty=True)
    fit, repulsion = repulsed.fitted.evaluate(atoms, uncertainty=True), repulsed.repulsion.evaluate(atoms)
    assert mine.energy == pytest.approx(fit.energy + repulsion.energy, rel=1e-12)
    np.testing.assert_allclose(mine.energies, fit.energies + repulsion.energies, atol=1e-12)
    np.testing.assert_allclose(mine.forces, fit.forces + repulsion.forces, atol=1e-10)
    assert mine.uncertainty.energy == pytest.approx(fit.uncertainty.energy)
    virials = repulsed.fitted.virials(atoms) + repulsed.repulsion.virials(atoms)
    np.testing.assert_allclose(repulsed.virials(atoms), virials, atol=1e-10)
    total = -virials.sum(axis=0)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / atoms.get_volume()
    np.testing.assert_allclose(total, mine.stress, atol=1e-10)
    given = repulsed.evaluate(atoms, pairs=find_pairs(atoms, repulsed.cutoff + 1.0))
    np.testing.assert_allclose(given.forces, mine.forces, atol=1e-10)


def test_it_comes_back_from_its_folder(repulsed, tmp_path):
    repulsed.save(tmp_path / "p")
    again = forgefield.load(tmp_path / "p")
    assert isinstance(again, RepulsedPotential)
    assert again.evaluate(squeezed()).energy == repulsed.evaluate(squeezed()).energy
    assert (again.repulsion.inner, again.repulsion.outer) == (0.9, 2.2)
    np.testing.assert_array_equal(again.features(crystal(2)), repulsed.features(crystal(2)))
    description = json.loads((tmp_path / "p" / "potential.json").read_text())
    del description["outer"]
    (tmp_path / "p" / "potential.json").write_text(json.dumps(description))
    with pytest.raises(ForgefieldError, match=r"potential.json lacks 'outer'"):
        forgefield.load(tmp_path / "p")


def labelled(count, seed):
    structures, labels = silicon(count, seed)
    for atoms, label in zip(structures, labels, strict=True):
        atoms.arrays["force"], atoms.info["energy"], atoms.info["stress"] = (
            label.forces,
            label.energy,
            label.stress,
        )
    return structures


def test_radii_follow_the_shortest_distance_and_bonds():
    close = bulk("Si", a=5.43)
    close.arrays["force"], close.info["energy"] = np.zeros((2, 3)), -10.0
    data, _ = collect([close])
    # Bonds of 2.35 Å are longer than twice the covalent radius.
    assert radii_from(data) == pytest.approx((1.11, 2.22))
    close.positions[1] = [0.0, 0.0, 1.3]
    data, _ = collect([close, *labelled(2, 1)])
    assert radii_from(data) == pytest.approx((0.65, 1.3))


def test_the_baseline_is_taken_from_every_label():
    data, _ = collect(labelled(2, 3))
    repulsion = Zbl(("Si",), 1.0, 2.6)
    rest = data.minus(baseline_of(repulsion))
    found = repulsion.evaluate(data.atoms(1))
    assert found.energy > 0.1
    assert rest.energies[1] == pytest.approx(data.energies[1] - found.energy, rel=1e-12)
    np.testing.assert_allclose(rest.label(1).forces, data.label(1).forces - found.forces)
    np.testing.assert_allclose(rest.stresses[1], data.stresses[1] - found.stress)


def test_atoms_stay_apart_outside_the_data():
    fit = fitted_scales()
    both = joined(fit, Zbl(("C", "Si"), 0.75, 1.5))

    def energy(potential, distance):
        return potential.evaluate(Atoms("Si2", [[0, 0, 0], [0, 0, distance]])).energy

    assert energy(both, 1.5) == energy(fit, 1.5)
    assert energy(both, 0.3) - energy(fit, 0.3) > 500.0
    wall = [energy(both, distance) for distance in (0.2, 0.3, 0.4, 0.5)]
    assert wall == sorted(wall, reverse=True)
