"""Distinct hops against the coordination of known crystals."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties.hops import HopSpec, interstitial_hops, vacancy_hops

SPEC = HopSpec()


def found(hops):
    return [(hop.name, hop.multiplicity, hop.multiplicity_backward) for hop in hops]


def rutile():
    return crystal(
        ["Ti", "O"],
        [(0, 0, 0), (0.305, 0.305, 0)],
        spacegroup=136,
        cellpar=[4.594, 4.594, 2.959, 90, 90, 90],
    )


@pytest.mark.parametrize(
    ("atoms", "expected"),
    [
        (bulk("Cu", a=3.61), [("Cu vacancy, 2.55 Å", 12, 12)]),
        (bulk("Cu", a=3.61, cubic=True), [("Cu vacancy, 2.55 Å", 12, 12)]),
        (bulk("Si", a=5.43), [("Si vacancy, 2.35 Å", 4, 4)]),
        (bulk("Fe", "bcc", a=2.87), [("Fe vacancy, 2.49 Å", 8, 8), ("Fe vacancy, 2.87 Å", 6, 6)]),
        (
            bulk("Mg", "hcp", a=3.21, c=5.21),
            [("Mg vacancy, 3.20 Å", 6, 6), ("Mg vacancy, 3.21 Å", 6, 6)],
        ),
        (bulk("NaCl", "rocksalt", a=5.6), [("Cl vacancy, 3.96 Å", 12, 12), ("Na vacancy, 3.96 Å", 12, 12)]),
    ],
)
def test_vacancy_hops_of_simple_crystals(atoms, expected):
    assert found(vacancy_hops(atoms, SPEC)) == expected


def test_oxygen_of_rutile_hops_along_an_edge_to_eight_others_and_along_the_chain():
    expected = [("O vacancy, 2.53 Å", 1, 1), ("O vacancy, 2.78 Å", 8, 8), ("O vacancy, 2.96 Å", 2, 2)]
    assert found(vacancy_hops(rutile(), HopSpec(species=("O",)))) == expected
    farther = vacancy_hops(rutile(), HopSpec(species=("O",), cutoff=3.4))
    assert found(farther) == [*expected, ("O vacancy, 3.33 Å", 2, 2)]


def test_corundum_has_six_hops():
    corundum = crystal(
        ["Al", "O"],
        [(0, 0, 0.35216), (0.30624, 0, 0.25)],
        spacegroup=167,
        cellpar=[4.7602, 4.7602, 12.9933, 90, 90, 120],
    )
    hops = vacancy_hops(corundum, HopSpec(max_atoms=400))
    assert [(h.species, h.multiplicity) for h in hops] == [
        ("Al", 1),
        ("Al", 3),
        ("O", 2),
        ("O", 2),
        ("O", 4),
        ("O", 4),
    ]


def test_unlike_sites_have_multiplicities_of_their_own():
    """β-tungsten: atoms of its chains have two neighbours along them; each cube corner has twelve of another kind."""
    cell = crystal(["W", "W"], [(0, 0, 0), (0.25, 0, 0.5)], spacegroup=223, cellpar=[5.05] * 3 + [90] * 3)
    hops = vacancy_hops(cell, HopSpec(cutoff=2.9))
    assert [(round(h.distance, 2), h.multiplicity, h.multiplicity_backward) for h in hops] == [
        (2.52, 2, 2),
        (2.82, 12, 4),
    ]
    assert not any(hop.jumps.sites_alike for hop in hops)


def test_two_kinds_of_one_length_are_numbered():
    """Tetragonal by a foreign atom: four neighbours in the plane and eight out of it, as far away."""
    atoms = bulk("Cu", a=4.0, cubic=True)
    atoms.symbols[0] = "Au"
    names = [hop.name for hop in vacancy_hops(atoms, HopSpec(species=("Cu",)))]
    assert len(names) == len(set(names))
    split = atoms.copy()
    split.set_masses([197, 63, 63, 65])
    names = [hop.name for hop in vacancy_hops(split, HopSpec(species=("Cu",)))]
    assert names == ["Cu vacancy, 2.83 Å (1)", "Cu vacancy, 2.83 Å (2)"]


def test_jumps_are_all_of_a_kind():
    for hop in vacancy_hops(rutile(), SPEC):
        jumps = hop.jumps
        assert jumps.n_sites == (4 if hop.species == "O" else 2)
        assert jumps.sites_alike
        assert np.linalg.norm(jumps.vectors, axis=1) == pytest.approx(hop.distance)
        assert np.bincount(jumps.starts).tolist() == [hop.multiplicity] * jumps.n_sites
        assert np.bincount(jumps.ends).tolist() == [hop.multiplicity] * jumps.n_sites
        assert jumps.vectors.sum(axis=0) == pytest.approx(0, abs=1e-9)


def test_ends_are_one_atom_apart():
    for hop in vacancy_hops(rutile(), SPEC):
        moved = np.linalg.norm(hop.final.positions - hop.initial.positions, axis=1)
        assert sorted(moved)[-2:] == pytest.approx([0, hop.distance], abs=1e-9)
        mover = int(moved.argmax())
        assert hop.initial.symbols[mover] == hop.species
        # Both are the crystal with one site empty: no two atoms are closer than in it.
        for end in (hop.initial, hop.final):
            assert len(end) % 6 == 5
            distances = end.get_all_distances(mic=True)
            assert distances[~np.eye(len(end), dtype=bool)].min() > 1.9


@pytest.mark.parametrize(
    ("host", "symbol", "place", "distance", "multiplicity"),
    [
        # Tetrahedral sites of diamond form another diamond lattice.
        (bulk("Si", a=5.43), "Si", (2.715, 2.715, 2.715), 5.43 * np.sqrt(3) / 4, 4),
        (bulk("Cu", a=3.6, cubic=True), "C", (1.8, 1.8, 1.8), 3.6 / np.sqrt(2), 12),
        (bulk("Fe", "bcc", a=2.87), "C", (1.435, 1.435, 0.0), 2.87 / 2, 4),
    ],
)
def test_interstitial_hops_between_known_sites(host, symbol, place, distance, multiplicity):
    (hop,) = interstitial_hops(host, symbol, np.array(place), SPEC)
    assert hop.name == f"{symbol} interstitial, {distance:.2f} Å"
    assert hop.distance == pytest.approx(distance)
    assert (hop.multiplicity, hop.multiplicity_backward) == (multiplicity, multiplicity)
    moved = hop.final.positions - hop.initial.positions
    assert np.linalg.norm(moved, axis=1) == pytest.approx([0] * (len(moved) - 1) + [hop.distance], abs=1e-9)


def test_what_cannot_hop_is_said():
    copper = bulk("Cu", a=3.61)
    with pytest.raises(ForgefieldError, match="Cu has no Au to migrate; correct the species"):
        vacancy_hops(copper, HopSpec(species=("Au",)))
    with pytest.raises(
        ForgefieldError,
        match=r"no hop of Cu in Cu is as short as 2 Å; raise the cutoff; the shortest is 2\.55",
    ):
        vacancy_hops(copper, HopSpec(cutoff=2.0))
    with pytest.raises(ForgefieldError, match="is that of an atom; give a place between the atoms"):
        interstitial_hops(copper, "C", np.zeros(3), SPEC)
    with pytest.raises(ForgefieldError, match="is not a crystal"):
        vacancy_hops(Atoms("Cu"), SPEC)
