"""Data of one's own: read, checked, split, weighted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import iterate_structures
from forgefield.potentials.training_checks import (
    cutoff_with,
    find_oddities,
    species_of,
    without_duplicates,
)
from forgefield.potentials.training_set import TrainingSet, collect, labels_of
from forgefield.potentials.training_split import hold_out

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"shared data are not at {DATA}")


def frames(count: int, group: str = "", seed: int = 0) -> list[Atoms]:
    """A trajectory in a harmonic potential, with energies and forces that fit together."""
    rng = np.random.default_rng(seed)
    lattice, found = bulk("Si", cubic=True), []
    shift = rng.normal(scale=0.1, size=(8, 3))
    for _ in range(count):
        atoms = lattice.copy()
        shift = shift + rng.normal(scale=0.02, size=(8, 3))
        atoms.positions += shift
        atoms.info["energy"] = float(5 * (shift**2).sum() - 40)
        atoms.arrays["forces"] = -10 * shift
        if group:
            atoms.info["group"] = group
        found.append(atoms)
    return found


def test_labels_come_in_ase_and_gpumd_terms():
    atoms = bulk("Si")
    assert labels_of(atoms) is None
    atoms.info["energy"] = -10.0
    assert labels_of(atoms) is None
    atoms.arrays["force"] = np.ones((2, 3))
    energy, forces, stress = labels_of(atoms)
    assert (energy, stress) == (-10.0, None)
    np.testing.assert_array_equal(forces, 1.0)
    virial = np.array([[1.0, 4.0, 5.0], [4.0, 2.0, 6.0], [5.0, 6.0, 3.0]])
    atoms.info["virial"] = virial.ravel()
    volume = atoms.get_volume()
    np.testing.assert_allclose(labels_of(atoms)[2], np.array([-1, -2, -3, -6, -5, -4]) / volume)
    atoms.arrays["force"][0, 0] = np.nan
    assert labels_of(atoms) is None


@pytest.mark.parametrize("energy", ["low", True, np.nan, [1.0, 2.0], None, {}])
def test_what_is_no_energy_is_no_label(energy):
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]])
    atoms.info["energy"] = energy
    atoms.arrays["forces"] = np.zeros((2, 3))
    assert labels_of(atoms) is None


@pytest.mark.parametrize("stress", ["none", np.full(6, np.inf), np.zeros(5), [["a"] * 3] * 3])
def test_what_is_no_stress_is_left_out(stress):
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]])
    atoms.info |= {"energy": -1, "stress": stress}
    atoms.arrays["forces"] = np.zeros((2, 3))
    assert labels_of(atoms)[0] == -1.0
    assert labels_of(atoms)[2] is None


def test_a_set_gives_back_what_it_was_made_of():
    given = frames(3, "a")
    given[1].info["weight"] = 4.0
    given[2].pbc = False
    data, unlabelled = collect([*given, bulk("Si")])
    assert (len(data), unlabelled, species_of(data)) == (3, 1, ("Si",))
    np.testing.assert_array_equal(data.weights, [1, 4, 1])
    for index, atoms in enumerate(given):
        assert data.structures[index] == Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        np.testing.assert_array_equal(data.labels[index].forces, atoms.arrays["forces"])
    part = data.subset(np.array([2, 0]))
    np.testing.assert_array_equal(part.atoms(1).positions, given[0].positions)
    assert part.energies.tolist() == [given[2].info["energy"], given[0].info["energy"]]
    assert data.key() != part.key() == data.subset(np.array([2, 0])).key()


def test_groups_have_weights():
    data, _ = collect([*frames(2, "solid"), *frames(2, "liquid")])
    assert data.weighted({"liquid": 3.0}).weights.tolist() == [1, 1, 3, 3]
    with pytest.raises(ForgefieldError, match=r"no group 'gas' in the data; groups: liquid, solid"):
        data.weighted({"gas": 1.0})
    with pytest.raises(ForgefieldError, match=r"liquid: -1.0 is negative"):
        data.weighted({"liquid": -1.0})


def split_of(data: TrainingSet, **options):
    return hold_out(data, options.get("fraction", 0.1), options.get("seed", 1))


def test_every_group_is_held_out_in_blocks():
    alone = Atoms("Si", info={"energy": -1.0, "group": "atom"})
    alone.arrays["forces"] = np.zeros((1, 3))
    data, _ = collect([*frames(100, "long"), *frames(20, "short"), *frames(2, "few"), alone])
    kept, held = split_of(data)
    assert sorted([*kept, *held]) == list(range(123))
    groups = [data.groups[i] for i in held]
    assert groups.count("long") == 10
    assert groups.count("short") == 2
    assert set(groups) == {"long", "short"}
    long = [i for i in held if i < 100]
    assert all(i - i % 5 in long for i in long)  # blocks of five
    np.testing.assert_array_equal(held, split_of(data)[1])
    assert held.tolist() != split_of(data, seed=2)[1].tolist()
    assert len(split_of(data, fraction=0.0)[1]) == 0


def test_trajectories_stay_on_one_side():
    given = frames(60, "md")
    for number, atoms in enumerate(given):
        atoms.info["trajectory"] = f"t{number % 12}"
    data, _ = collect(given)
    kept, held = split_of(data, fraction=0.2)
    assert not {data.trajectories[i] for i in kept} & {data.trajectories[i] for i in held}
    assert len({data.trajectories[i] for i in held}) == 2


def test_duplicates_are_used_once():
    given = frames(4)
    again = given[1].copy()
    again.info["energy"] += 1.0
    data, _ = collect([*given, again])
    once, warnings = without_duplicates(data)
    assert len(once) == 4
    assert "1 structures occur more than once" in warnings[0]
    assert "1 of them have energies that differ" in warnings[0]
    assert without_duplicates(once) == (once, [])


def test_units_that_do_not_fit_together_are_guessed():
    data, _ = collect(frames(30))
    assert find_oddities(data) == []
    cases = {
        "energies in hartree": replace(data, energies=data.energies / 27.2114),
        "forces in hartree/bohr": replace(data, forces=data.forces / 51.4221),
        "gradients, not forces": replace(data, forces=-data.forces),
        "look like bohr": replace(data, positions=data.positions / 0.529177, cells=data.cells / 0.529177),
        "too small": replace(data, positions=data.positions / 10, cells=data.cells / 10),
    }
    for expected, wrong in cases.items():
        assert any(expected in each for each in find_oddities(wrong)), expected


def test_outliers_are_named():
    data, _ = collect(frames(30))
    forces, energies = data.forces.copy(), data.energies.copy()
    forces[8 * 7 + 2] = [0, 90, 0]
    energies[11] -= 1000
    found = find_oddities(replace(data, forces=forces, energies=energies))
    assert any(each.startswith("structure 7 has forces above") and "largest 90" in each for each in found)
    assert any(each.startswith("structure 11 lies more than") for each in found)


@needs_data
@pytest.mark.parametrize("name", ["nep/PbTe_train.xyz", "mlearn/Si_train.xyz", "InP/InP_JPCA2020.xyz.gz"])
def test_published_data_raise_no_alarm(name):
    data, unlabelled = collect(iterate_structures(DATA / name))
    assert unlabelled == 0
    assert find_oddities(data) == []
    assert ("InP" in name) == bool(without_duplicates(data)[1])


def test_the_cutoff_follows_the_density_of_the_data():
    def labelled(atoms: Atoms) -> Atoms:
        atoms.info["energy"], atoms.arrays["forces"] = -1.0, np.zeros((len(atoms), 3))
        return atoms

    copper, _ = collect([labelled(bulk("Cu", a=3.61, cubic=True)), labelled(bulk("Cu", a=3.61) * 2)])
    volume = 3.61**3 / 4
    expected = (45 * volume * 3 / (4 * np.pi)) ** (1 / 3)
    assert cutoff_with(45, copper) == pytest.approx(expected, abs=0.05)
    assert cutoff_with(4, copper) == 4.5
    assert cutoff_with(1000, copper) == 7.0
    assert cutoff_with(45, collect([labelled(Atoms("CO", [[0, 0, 0], [0, 0, 1.1]]))])[0]) == 6.0
