"""Every kind of symmetry function and every cutoff function against plain loops, in cells of all sorts."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from forgefield.atoms.neighbours import concatenate
from forgefield.descriptors.symmetry_functions.cutoffs import cutoff_function
from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction
from forgefield.descriptors.symmetry_functions.descriptor import SymmetryFunctions

from . import formulas
from .conftest import ALL_KINDS, BOHR, CELLS, CUTOFFS

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "n2p2"


@pytest.mark.parametrize("cutoff", CUTOFFS, ids=lambda cutoff: f"cutoff {cutoff.kind}")
def test_all_kinds_are_their_formulas(cutoff):
    functions = SymmetryFunctions(("H", "O"), ALL_KINDS, cutoff, BOHR)
    atoms = CELLS["shorter than the cutoff"]
    pairs, species = functions.neighbours(atoms), functions.species_index(atoms)
    expected = formulas.values(functions, pairs, list(atoms.symbols))
    largest = np.abs(expected).max(axis=0)
    error = np.abs(functions.values(pairs, species) - expected).max(axis=0)
    # Next to 0° the formula's arc cosine loses three digits.
    assert (error <= 2e-12 * largest).all()
    plain = [i for i, f in enumerate(functions.functions_of["O"]) if f.kind < 20]
    assert (error[plain] <= 1e-13 * largest[plain]).all()
    assert (largest > 0).all()


@pytest.mark.parametrize("atoms", CELLS.values(), ids=CELLS.keys())
def test_all_cells_are_treated_alike(atoms):
    functions = SymmetryFunctions(("H", "O"), ALL_KINDS, CutoffFunction(2), BOHR)
    pairs, species = functions.neighbours(atoms), functions.species_index(atoms)
    expected = formulas.values(functions, pairs, list(atoms.symbols))
    np.testing.assert_allclose(functions.values(pairs, species), expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("cutoff", CUTOFFS, ids=lambda cutoff: f"cutoff {cutoff.kind}")
def test_cutoff_functions_and_their_slopes(cutoff):
    r_c, h = 5.0, 1e-4
    # Away from the inner radius, where some have kinks in higher derivatives.
    r = np.array([0.3, 0.7, 2.0, 3.1, 4.2, 4.9])
    found, slope = np.empty(len(r)), np.empty(len(r))
    cutoff_function(cutoff.kind, cutoff.inner, r_c, r, found, slope)

    def formula(at):
        return np.array([formulas.cutoff(cutoff.kind, cutoff.inner, x, r_c) for x in at])

    difference = [(formula(r + k * h) - formula(r - k * h)) / (2 * k * h) for k in (1, 2)]
    # The formulas, not the kernel, lose digits next to the cutoff.
    np.testing.assert_allclose(found, formula(r), rtol=1e-12, atol=3e-14)
    np.testing.assert_allclose(slope * found, (4 * difference[0] - difference[1]) / 3, atol=1e-10)


@pytest.mark.parametrize("kind", range(9))
def test_cutoff_functions_end_at_the_cutoff(kind):
    r = np.array([5.0 * (1 - 1e-9), 5.0 * (1 - 1e-16), 5.0, 5.1, 1e6])
    found, slope = np.empty(len(r)), np.empty(len(r))
    cutoff_function(kind, 0.0, 5.0, r, found, slope)
    assert np.isfinite(found).all()
    assert np.isfinite(slope).all()
    assert found[0] == (1.0 if kind == 0 else pytest.approx(0.0, abs=1e-15))
    assert (found[2:] == 0).all()
    assert (slope[2:] == 0).all()


def test_values_do_not_change_when_the_structure_is_turned_or_its_atoms_are_exchanged():
    functions = SymmetryFunctions(("H", "O"), ALL_KINDS, CutoffFunction(6), BOHR)
    atoms = CELLS["shorter than the cutoff"]
    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    turned = turned[[3, 1, 2, 0, 4]]
    both = [functions.values(functions.neighbours(a), functions.species_index(a)) for a in (atoms, turned)]
    np.testing.assert_allclose(both[1][[3, 1, 2, 0, 4]], both[0], rtol=1e-9, atol=1e-12)


def test_structures_without_an_element_and_structures_together():
    functions = SymmetryFunctions(("H", "O"), ALL_KINDS, CutoffFunction(2), BOHR)
    hydrogen, alone, water = Atoms("H2", [[0, 0, 0], [0, 0, 0.8]]), Atoms("O"), CELLS["molecule"]
    parts = [functions.neighbours(atoms) for atoms in (hydrogen, alone, water)]
    species = [functions.species_index(atoms) for atoms in (hydrogen, alone, water)]
    values = [functions.values(*part) for part in zip(parts, species, strict=True)]
    np.testing.assert_allclose(
        values[0], formulas.values(functions, parts[0], ["H", "H"]), rtol=1e-10, atol=1e-14
    )
    assert (values[1] == 0).all()
    together = functions.values(concatenate(parts), np.concatenate(species))
    np.testing.assert_array_equal(together, np.concatenate(values))


@pytest.mark.parametrize("name", ["H2O_RPBE-D3", "Cu2S_PBE"])
def test_published_structures_lie_within_the_published_range(name):
    folder = DATA / name
    if not folder.exists():
        pytest.skip("the published n2p2 potentials are not at hand")
    functions, atoms = published(folder)
    values = functions.values(functions.neighbours(atoms), functions.species_index(atoms))
    table = np.loadtxt(folder / "scaling.data")
    for index, symbol in enumerate(functions.species):
        mine = values[[s == symbol for s in atoms.symbols], : len(functions.functions_of[symbol])]
        low, high, mean, spread = table[table[:, 0] == index + 1][:, 2:].T
        # n2p2 sorts the functions, so compare sorted means: each within the spread that the training set had.
        found = mine.mean(axis=0)
        assert (found >= low.min()).all()
        assert (found <= high.max()).all()
        assert (np.abs(np.sort(found) - np.sort(mean)) < 2 * spread.max()).all()
        assert np.median(np.abs(np.sort(found) / np.sort(mean) - 1)) < 0.2


def published(folder):
    """The symmetry functions and the first structure of a published potential."""
    lines = [line.split("#")[0].split() for line in (folder / "input.nn").read_text().splitlines()]
    lines = [words for words in lines if words]
    kind = next(words[1:] for words in lines if words[0] == "cutoff_type")
    functions = []
    for words in (words for words in lines if words[0] == "symfunction_short"):
        number, centre = int(words[2]), words[1]
        if number == 2:
            eta, shift, cutoff = map(float, words[4:7])
            functions.append(SymmetryFunction(2, centre, (words[3],), cutoff, eta, shift))
        else:
            eta, lambda_, zeta, cutoff = map(float, words[5:9])
            shift = float(words[9]) if len(words) > 9 else 0.0
            functions.append(
                SymmetryFunction(number, centre, tuple(words[3:5]), cutoff, eta, shift, lambda_, zeta)
            )
    length = BOHR if "H2O" in folder.name else 1.0
    species = ("H", "O") if "H2O" in folder.name else ("S", "Cu")
    rows = [line.split() for line in (folder / "input.data").read_text().splitlines()]
    atoms = Atoms(
        [row[4] for row in rows if row[0] == "atom"],
        [[float(x) * length for x in row[1:4]] for row in rows if row[0] == "atom"],
        cell=[[float(x) * length for x in row[1:4]] for row in rows if row[0] == "lattice"],
        pbc=True,
    )
    return SymmetryFunctions(species, functions, CutoffFunction(int(kind[0])), length), atoms
