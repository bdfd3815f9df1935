"""Oganov–Valle fingerprints against the paper's sums, shells of known crystals, and the ideal gas."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from scipy.special import erf

from forgefield.atoms.errors import ForgefieldError
from forgefield.descriptors.oganov_valle import OganovValle
from forgefield.descriptors.oganov_valle_kernel import margin, shares
from forgefield.testing import structures

SPECIES = ("C", "Si")
CELLS = {name: structures.structure(name, SPECIES, 1.9) for name in structures.CELLS}
SETTINGS = {
    "wide": OganovValle(SPECIES, cutoff=6.0, bin_width=0.08, smearing=0.1),
    "narrow": OganovValle(SPECIES, cutoff=5.03, bin_width=0.2, smearing=0.03),
    "absent element": OganovValle(("Ge", "Si", "C"), cutoff=4.0, bin_width=0.1, smearing=0.1),
}
all_cells = pytest.mark.parametrize("atoms", CELLS.values(), ids=CELLS.keys())
all_settings = pytest.mark.parametrize("fingerprint", SETTINGS.values(), ids=SETTINGS.keys())


def gaussian_shares(edges: np.ndarray, centre: float, width: float) -> np.ndarray:
    """What part of a Gaussian lies in each bin."""
    return np.diff(0.5 * erf((edges - centre) / (np.sqrt(2) * width)))


def textbook(fingerprint: OganovValle, atoms: Atoms) -> np.ndarray:
    """F_AB as printed, pair by pair, with ASE's neighbours."""
    edges = fingerprint.bin_width * np.arange(fingerprint.n_bins + 1)
    i, j, distances = neighbor_list("ijd", atoms, edges[-1] + 10 * fingerprint.smearing)
    volume = atoms.get_volume() if atoms.pbc.all() else len(atoms)
    symbols, result = np.array(atoms.get_chemical_symbols()), []
    for a, first in enumerate(fingerprint.species):
        for second in fingerprint.species[a:]:
            numbers = (symbols == first).sum() * (symbols == second).sum()
            values = np.zeros(fingerprint.n_bins)
            if numbers:
                for distance in distances[(symbols[i] == first) & (symbols[j] == second)]:
                    smeared = gaussian_shares(edges, distance, fingerprint.smearing) / fingerprint.bin_width
                    values += smeared / (4 * np.pi * distance**2 * numbers / volume)
                values -= atoms.pbc.all()
            result.append(values)
    return np.array(result)


def cosine_distance(fingerprint: OganovValle, one: Atoms, other: Atoms) -> float:
    """D as printed, over all ordered pairs of elements."""
    n = len(fingerprint.species)
    place = {pair: index for index, pair in enumerate(zip(*np.triu_indices(n), strict=True))}
    sums = np.zeros(3)
    functions = [textbook(fingerprint, atoms) for atoms in (one, other)]
    numbers = [
        [list(atoms.symbols).count(symbol) for symbol in fingerprint.species] for atoms in (one, other)
    ]
    for a in range(n):
        for b in range(n):
            f, g = (each[place[min(a, b), max(a, b)]] for each in functions)
            w, v = (each[a] * each[b] / sum(each) ** 2 for each in numbers)
            sums += np.sqrt(w * v) * (f @ g), w * (f @ f), v * (g @ g)
    return 0.5 * (1 - sums[0] / np.sqrt(sums[1] * sums[2]))


@all_settings
@all_cells
def test_functions_are_the_sums_of_the_paper(fingerprint, atoms):
    given, expected = fingerprint.functions(atoms), textbook(fingerprint, atoms)
    assert given.shape == (fingerprint.n_pairs, fingerprint.n_bins)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@all_settings
def test_squared_distance_of_rows_is_the_cosine_distance(fingerprint):
    atoms = CELLS["triclinic"]
    rattled, poorer = atoms.copy(), atoms.copy()
    rattled.rattle(0.05, seed=1)
    poorer.symbols[0] = "Si"
    others = [rattled, poorer, CELLS["shorter than the cutoff"], bulk("Si")]
    rows = fingerprint.rows([atoms, *others])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 0.5, rtol=1e-14)
    for row, other in zip(rows[1:], others, strict=True):
        expected = cosine_distance(fingerprint, atoms, other)
        assert ((row - rows[0]) ** 2).sum() == pytest.approx(expected, rel=1e-9)


def test_shells_of_rock_salt():
    """Ions stand on a simple cubic lattice; n = (R/d)² has as many sites as it is a sum of three squares (A005875)."""
    sites = [0, 6, 12, 8, 6, 24, 24, 0, 12, 30, 24, 24, 8]
    spacing, smearing = 2.82, 0.05
    atoms = bulk("NaCl", "rocksalt", a=2 * spacing)
    fingerprint = OganovValle(("Na", "Cl"), cutoff=spacing * np.sqrt(12.5), bin_width=0.07, smearing=smearing)
    edges = 0.07 * np.arange(fingerprint.n_bins + 1)
    expected = np.full((3, fingerprint.n_bins), -1.0)
    for n in range(1, 13):
        radius = spacing * np.sqrt(n)
        # Each ion's neighbours of one element, over their number on average: one ion of each element per 2 d³.
        density = sites[n] / (4 * np.pi * radius**2 / (2 * spacing**3))
        peak = density * gaussian_shares(edges, radius, smearing) / 0.07
        for pair in (1,) if n % 2 else (0, 2):
            expected[pair] += peak
    given = fingerprint.functions(atoms)
    reach = int(spacing * np.sqrt(13) / 0.07 - 8)  # n = 13 begins to be felt
    np.testing.assert_allclose(given[:, :reach], expected[:, :reach], rtol=0, atol=1e-10 * expected.max())


def test_an_ideal_gas_has_no_structure():
    rng = np.random.default_rng(2)
    n_atoms, length = 3000, 30.0
    gas = Atoms(
        numbers=rng.permutation([6, 14] * (n_atoms // 2)),
        positions=rng.uniform(0, length, (n_atoms, 3)),
        cell=[length] * 3,
        pbc=True,
    )
    fingerprint = OganovValle(SPECIES, cutoff=9.0, bin_width=0.5, smearing=0.05)
    values = fingerprint.functions(gas)
    radii = 0.5 * (np.arange(fingerprint.n_bins) + 0.5)
    # Poisson's error of the number of pairs in a shell, unlike pairs counted once, like ones twice.
    pairs = np.array([0.5, 1.0, 0.5])[:, None] * (n_atoms / 2) ** 2 / length**3 * 4 * np.pi * radii**2 * 0.5
    assert (np.abs(values) * np.sqrt(pairs))[:, 2:].max() < 4
    assert (np.abs(values) * np.sqrt(pairs))[:, 2:].mean() > 0.3


def test_free_atoms():
    fingerprint = SETTINGS["wide"]
    assert not fingerprint.rows([Atoms("Si")]).any()
    boxed = fingerprint.functions(Atoms("Si", cell=[9, 9, 9], pbc=True))
    np.testing.assert_array_equal(boxed[2], -1.0)
    assert not boxed[:2].any()
    assert not fingerprint.functions(Atoms("Si", pbc=True)).any()


@pytest.mark.parametrize(("bin_width", "smearing"), [(0.08, 0.08), (0.3, 0.02), (0.05, 0.4)])
def test_tabulated_shares_are_those_of_a_gaussian(bin_width, smearing):
    table, bins = shares(bin_width, smearing), margin(bin_width, smearing)
    for x in np.random.default_rng(0).uniform(0, 1, 50):
        node = int(x * len(table))
        powers = (x - (node + 0.5) / len(table)) ** np.arange(table.shape[1])
        edges = bin_width * np.arange(-bins, bins + 2)
        expected = gaussian_shares(edges, x * bin_width, smearing)
        np.testing.assert_allclose((powers @ table[node])[: 2 * bins + 1], expected, rtol=0, atol=1e-12)
        assert expected.sum() == pytest.approx(1, abs=1e-11)


def test_the_last_bin_reaches_the_cutoff():
    assert OganovValle(("Si",), cutoff=6.0, bin_width=0.1).n_bins == 60
    assert OganovValle(("Si",), cutoff=6.01, bin_width=0.1).n_bins == 61
    assert OganovValle(("C", "O", "Si"), cutoff=6.0, bin_width=0.1).n_features == 6 * 60


@pytest.mark.parametrize("name", ["cutoff", "bin_width", "smearing"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.inf, np.nan])
def test_senseless_lengths_are_refused(name, value):
    with pytest.raises(ForgefieldError, match=f"{name} {value} Å is not a length; choose one above zero"):
        OganovValle(("Si",), **{name: value})


def test_bins_wider_than_the_cutoff_are_refused():
    with pytest.raises(ForgefieldError, match=r"bins of 2\.0 Å do not fit into a cutoff of 1\.0 Å"):
        OganovValle(("Si",), cutoff=1.0, bin_width=2.0)
