"""What every fingerprint of structures must hold: the same row for the same structure in another guise."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.descriptors.fingerprint import batches
from forgefield.descriptors.mean_environments import MeanEnvironments
from forgefield.descriptors.oganov_valle import OganovValle
from forgefield.testing import structures

SPECIES = ("C", "Si")
CELLS = {name: structures.structure(name, SPECIES, 1.9) for name in structures.CELLS}
FINGERPRINTS = {
    "Oganov–Valle": OganovValle(SPECIES, cutoff=6.0, bin_width=0.1, smearing=0.07),
    "mean environments": MeanEnvironments(SPECIES, cutoff=4.5, n_radial=4, l_max=3),
}
all_cells = pytest.mark.parametrize("atoms", CELLS.values(), ids=CELLS.keys())
all_fingerprints = pytest.mark.parametrize("fingerprint", FINGERPRINTS.values(), ids=FINGERPRINTS.keys())


def guises(atoms: Atoms) -> dict[str, Atoms]:
    rng = np.random.default_rng(5)
    shifted = atoms.copy()
    shifted.positions += [0.7, -3.1, 11.3]
    shifted.wrap()
    mirrored = atoms.copy()
    mirrored.set_cell(atoms.cell.array * [-1, 1, 1])
    mirrored.positions *= [-1, 1, 1]
    skewed = atoms.copy()
    if atoms.pbc.all():
        skewed.set_cell(np.array([[1, 0, 0], [2, 1, 0], [-1, 1, 1]]) @ atoms.cell.array)
    return {
        "shifted": shifted,
        "turned": structures.turned(atoms)[0],
        "mirrored": mirrored,
        "renumbered": atoms[rng.permutation(len(atoms))],
        "another cell": skewed,
        "supercell": atoms.repeat([3 if periodic else 1 for periodic in atoms.pbc * [1, 1, 0]]),
    }


@all_fingerprints
@all_cells
def test_rows_are_invariant(fingerprint, atoms):
    given = fingerprint.rows(list(guises(atoms).values()))
    expected = fingerprint.rows([atoms])
    assert given.dtype == np.float64
    assert given.shape[1] == fingerprint.n_features
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(
        given, np.broadcast_to(expected, given.shape), rtol=0, atol=1e-11 * np.abs(expected).max()
    )


@all_fingerprints
def test_different_structures_have_different_rows(fingerprint):
    rows = fingerprint.rows(list(CELLS.values()))
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    assert distances[np.triu_indices(len(rows), 1)].min() > 0.05 * np.linalg.norm(rows, axis=1).max()
    exchanged = CELLS["triclinic"].copy()
    exchanged.symbols[[0, 1]] = exchanged.symbols[[1, 0]]
    both = fingerprint.rows([CELLS["triclinic"], exchanged])
    assert np.linalg.norm(both[0] - both[1]) > 1e-3 * np.linalg.norm(both[0])


@all_fingerprints
def test_distance_grows_linearly_with_small_displacements(fingerprint):
    atoms = CELLS["triclinic"]
    step = np.random.default_rng(0).normal(size=(len(atoms), 3))
    moved = []
    for length in (1e-4, 1e-3):
        moved.append(atoms.copy())
        moved[-1].positions += length * step
    rows = fingerprint.rows([atoms, *moved])
    near, far = np.linalg.norm(rows[1:] - rows[0], axis=1)
    assert far / near == pytest.approx(10, rel=0.05)


@all_fingerprints
def test_rows_do_not_depend_on_company(fingerprint):
    rng = np.random.default_rng(3)
    large = bulk("Si", cubic=True) * (6, 6, 6)
    large.rattle(0.1, rng=rng)
    together = [*CELLS.values(), large, bulk("C"), Atoms("Si"), *CELLS.values()]
    given = fingerprint.rows(together)
    for row, atoms in zip(given, together, strict=True):
        np.testing.assert_allclose(
            row, fingerprint.rows([atoms])[0], rtol=0, atol=1e-13 * np.abs(row).max(initial=1)
        )
    assert fingerprint.rows([]).shape == (0, fingerprint.n_features)


@all_fingerprints
def test_rows_may_be_stored_in_single_precision(fingerprint):
    atoms = list(CELLS.values())
    single = fingerprint.rows(atoms, np.float32)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, fingerprint.rows(atoms).astype(np.float32))


@all_fingerprints
def test_other_elements_are_refused(fingerprint):
    with pytest.raises(ForgefieldError, match="element Ge is not among"):
        fingerprint.rows([bulk("Si"), bulk("Ge")])


def test_batches_hold_few_atoms_or_one_structure():
    sizes = [3, 4, 2, 20, 1, 9, 1]
    runs = list(batches([Atoms(f"H{n}") for n in sizes], 10))
    assert [sizes[run] for run in runs] == [[3, 4, 2], [20], [1, 9], [1]]
    assert list(batches([], 10)) == []


def test_mean_environments_are_means():
    fingerprint = FINGERPRINTS["mean environments"]
    spectrum = fingerprint.spectrum
    for atoms in (CELLS["triclinic"], bulk("Si", cubic=True)):
        features = spectrum.values(spectrum.neighbours(atoms), spectrum.species_index(atoms))
        row = fingerprint.rows([atoms])[0].reshape(2, -1)
        for mean, symbol in zip(row, SPECIES, strict=True):
            own = [feature for feature, other in zip(features, atoms.symbols, strict=True) if other == symbol]
            expected = sum(own) / len(own) if own else np.zeros(spectrum.n_features)
            np.testing.assert_allclose(mean, expected, rtol=1e-12, atol=1e-12)
