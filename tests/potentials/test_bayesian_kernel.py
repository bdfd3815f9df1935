"""The fused kernel of the linear model against the descriptor's values and pulls times the weights."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import find_pairs
from forgefield.descriptors.fused_neighbours import FIELDS, places_needed
from forgefield.descriptors.power_spectrum import PowerSpectrum
from forgefield.potentials.bayesian.frozen import FrozenLinear
from forgefield.potentials.bayesian.kernel import run, work_size
from forgefield.potentials.gradients import forces_from_pairs
from forgefield.testing import structures

SPECTRA = {
    "one species": PowerSpectrum(("Si",), cutoff=5.0),
    "two species": PowerSpectrum(("C", "Si"), cutoff=4.3, n_radial=5, l_max=3),
    "self-term kept": PowerSpectrum(("Si", "C"), cutoff=4.1, n_radial=3, l_max=4, self_term=True),
    "three species": PowerSpectrum(("C", "Ge", "Si"), cutoff=3.9, n_radial=10, l_max=2),
    "dipoles only": PowerSpectrum(("C", "Si"), cutoff=4.3, n_radial=2, l_max=1),
    "radial only": PowerSpectrum(("C", "Si"), cutoff=4.3, n_radial=4, l_max=0),
}
all_spectra = pytest.mark.parametrize("spectrum", SPECTRA.values(), ids=SPECTRA.keys())


def frozen(spectrum: PowerSpectrum) -> tuple[FrozenLinear, np.ndarray, np.ndarray]:
    """A kernel with random weights, and these (S, D) and shifts (S,)."""
    rng = np.random.default_rng(len(spectrum.species))
    weights = rng.normal(size=(len(spectrum.species), spectrum.n_features))
    shifts = rng.normal(size=len(spectrum.species))
    kernel = FrozenLinear(
        spectrum.species,
        spectrum.cutoff,
        spectrum.n_radial,
        spectrum.l_max,
        spectrum.self_term,
        weights,
        shifts,
    )
    return kernel, weights, shifts


def plain(spectrum: PowerSpectrum, weights, shifts, atoms: Atoms) -> tuple[np.ndarray, ...]:
    """Energies, forces and virial from the descriptor's kernels."""
    pairs, species = spectrum.neighbours(atoms), spectrum.species_index(atoms)
    cotangent = weights[species]
    energies = shifts[species] + (cotangent * spectrum.values(pairs, species)).sum(axis=1)
    gradients = spectrum.pull(pairs, species, cotangent)
    return energies, forces_from_pairs(pairs, gradients, len(atoms)), pairs.vectors.T @ gradients


def assert_same(given, expected) -> None:
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-11 * np.abs(other).max(initial=1e-3))


def cells(spectrum: PowerSpectrum) -> list[Atoms]:
    """Large, small, partly periodic and free, the larger ones first: work space is used again."""
    species = [symbol for symbol in spectrum.species if symbol != "Ge"]
    return [structures.structure(name, species, 1.9) for name in structures.CELLS] + [Atoms(species[0])]


@all_spectra
def test_it_is_the_descriptor_times_the_weights(spectrum):
    kernel, weights, shifts = frozen(spectrum)
    for atoms in cells(spectrum):
        pairs = find_pairs(atoms, spectrum.cutoff)
        given = kernel.evaluate(pairs.placed(atoms), pairs, spectrum.species_index(atoms))
        assert_same(given, plain(spectrum, weights, shifts, atoms))


@all_spectra
def test_pairs_beyond_the_cutoff_change_nothing(spectrum):
    kernel, weights, shifts = frozen(spectrum)
    for atoms in cells(spectrum):
        pairs = find_pairs(atoms, spectrum.cutoff + 0.7)
        given = kernel.evaluate(pairs.placed(atoms), pairs, spectrum.species_index(atoms))
        assert_same(given, plain(spectrum, weights, shifts, atoms))


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_threads_share_the_atoms(n_threads):
    spectrum = SPECTRA["two species"]
    kernel, weights, shifts = frozen(spectrum)
    atoms = structures.structure("triclinic", ("Si", "C"), 1.9)
    pairs, n_atoms = find_pairs(atoms, spectrum.cutoff), len(atoms)
    places = places_needed(int(np.diff(pairs.offsets).max()), 2, False)
    energies, forces, virials = np.empty(n_atoms), np.empty((n_threads, n_atoms, 3)), np.empty((n_threads, 9))
    atom_virials = np.empty((n_threads, n_atoms, 9))
    run(
        *pairs.placed(atoms), pairs.offsets, pairs.neighbours, pairs.images, spectrum.species_index(atoms),
        places, kernel.arrays, np.zeros((n_threads, FIELDS * places + work_size(kernel.arrays, places))),
        np.zeros((n_threads, places + 8), dtype=np.int64), energies, forces, virials, atom_virials,
    )  # fmt: skip
    virial = virials.sum(axis=0).reshape(3, 3)
    assert_same((energies, forces.sum(axis=0), virial), plain(spectrum, weights, shifts, atoms))
    np.testing.assert_allclose(
        -atom_virials.sum(axis=(0, 1)).reshape(3, 3), virial, atol=1e-10 * np.abs(virial).max()
    )


def test_a_free_atom_has_exactly_its_shift():
    spectrum = SPECTRA["two species"]
    kernel, _, shifts = frozen(spectrum)
    atoms = Atoms("SiC", [[0, 0, 0], [0, 0, 4.4]])
    pairs = find_pairs(atoms, 5.0)
    energies, forces, virial = kernel.evaluate(pairs.placed(atoms), pairs, spectrum.species_index(atoms))
    np.testing.assert_array_equal(energies, shifts[[1, 0]])
    assert not forces.any()
    assert not virial.any()


def test_degrees_that_the_kernel_does_not_know_are_refused():
    spectrum = PowerSpectrum(("Si",), 5.0, n_radial=2, l_max=5)
    with pytest.raises(ForgefieldError, match="fused kernels know harmonics up to degree 4, not 5"):
        frozen(spectrum)
