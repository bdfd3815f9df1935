"""The power spectrum against sums over triplets, scipy's harmonics, finite differences; its rows against its pulls."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from scipy.special import eval_chebyt, eval_legendre, sph_harm_y

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import find_neighbours
from forgefield.descriptors.harmonics import prefactors
from forgefield.descriptors.power_spectrum import PowerSpectrum
from forgefield.descriptors.power_spectrum_rows import design_rows
from forgefield.potentials.gradients import forces_from_pairs
from forgefield.testing import DescriptorContract, structures

CELLS = {name: structures.structure(name, ("C", "Si"), 1.9) for name in structures.CELLS}
CELLS["free atom"] = Atoms("Si")
SPECTRA = {
    "two species": PowerSpectrum(("C", "Si"), cutoff=4.1, n_radial=3, l_max=4),
    "self-term kept": PowerSpectrum(("C", "Si"), cutoff=4.1, n_radial=3, l_max=2, self_term=True),
    "an absent species": PowerSpectrum(("C", "Ge", "Si"), cutoff=3.4, n_radial=2, l_max=1),
    "high degree": PowerSpectrum(("Si", "C"), cutoff=3.7, n_radial=2, l_max=6),
    "many functions": PowerSpectrum(("C", "Si"), cutoff=3.7, n_radial=9, l_max=0),
}
all_cells = pytest.mark.parametrize("atoms", CELLS.values(), ids=CELLS.keys())
all_spectra = pytest.mark.parametrize("spectrum", SPECTRA.values(), ids=SPECTRA.keys())


class TestPowerSpectrum(DescriptorContract):
    species = ("C", "Si")

    @pytest.fixture(params=[False, True], ids=["j ≠ k", "all j, k"])
    def descriptor(self, request) -> PowerSpectrum:
        return PowerSpectrum(self.species, cutoff=4.3, n_radial=4, l_max=4, self_term=request.param)

    def bond_length(self) -> float:
        return 1.9


class TestHighDegree(TestPowerSpectrum):
    @pytest.fixture
    def descriptor(self) -> PowerSpectrum:
        return PowerSpectrum(self.species, cutoff=4.0, n_radial=2, l_max=5)


def radial_functions(spectrum: PowerSpectrum, pairs, species) -> np.ndarray:
    """(P, K): zero for channels of other elements than the neighbour's."""
    u = np.linalg.norm(pairs.vectors, axis=1) / spectrum.cutoff
    smooth = np.where(u < 1, 1 - u**2, 0) ** 3
    result = np.zeros((len(u), len(spectrum.species), spectrum.n_radial))
    for n in range(spectrum.n_radial):
        result[np.arange(len(u)), species[pairs.neighbours], n] = (
            eval_chebyt(n, 2 * (u - 1) ** 2 - 1) * smooth
        )
    return result.reshape(len(u), spectrum.n_channels)


def packed(matrices: np.ndarray) -> np.ndarray:
    """Upper triangles of (degrees, K, K), off-diagonal elements times √2."""
    rows, columns = np.triu_indices(matrices.shape[-1])
    return (matrices[:, rows, columns] * np.where(rows == columns, 1, np.sqrt(2))).ravel()


def triplet_features(spectrum: PowerSpectrum, atoms: Atoms) -> np.ndarray:
    """(N, D) from cosines of the angles between pairs of neighbours."""
    pairs, species = spectrum.neighbours(atoms), spectrum.species_index(atoms)
    radial = radial_functions(spectrum, pairs, species)
    units = pairs.vectors / np.linalg.norm(pairs.vectors, axis=1)[:, None]
    features = []
    for i in range(len(atoms)):
        mine = slice(pairs.offsets[i], pairs.offsets[i + 1])
        cosines = units[mine] @ units[mine].T
        weights = np.ones_like(cosines) if spectrum.self_term else 1 - np.eye(len(cosines))
        matrices = [
            (2 * degree + 1)
            / (4 * np.pi)
            * radial[mine].T
            @ (weights * eval_legendre(degree, cosines))
            @ radial[mine]
            for degree in range(spectrum.l_max + 1)
        ]
        sums = radial[mine].sum(axis=0) / np.sqrt(4 * np.pi)
        features.append(np.concatenate([sums, packed(np.array(matrices))]))
    return np.array(features)


@all_spectra
@all_cells
def test_values_are_sums_over_triplets(spectrum, atoms):
    given = spectrum.values(spectrum.neighbours(atoms), spectrum.species_index(atoms))
    assert given.shape == (len(atoms), spectrum.n_features)
    expected = triplet_features(spectrum, atoms)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-12 * max(1, np.abs(expected).max()))


@all_cells
def test_values_are_squares_of_coefficients_of_harmonics(atoms):
    spectrum = SPECTRA["self-term kept"]
    pairs, species = spectrum.neighbours(atoms), spectrum.species_index(atoms)
    radial = radial_functions(spectrum, pairs, species)
    x, y, z = pairs.vectors.T
    theta, phi = np.arccos(z / np.linalg.norm(pairs.vectors, axis=1)), np.arctan2(y, x)
    matrices = np.zeros((len(atoms), spectrum.l_max + 1, spectrum.n_channels, spectrum.n_channels))
    for degree in range(spectrum.l_max + 1):
        for order in range(-degree, degree + 1):
            coefficients = np.zeros((len(atoms), spectrum.n_channels), dtype=complex)
            np.add.at(coefficients, pairs.centres, radial * sph_harm_y(degree, order, theta, phi)[:, None])
            matrices[:, degree] += np.einsum("ia,ib->iab", coefficients.conj(), coefficients).real
    expected = np.array([packed(each) for each in matrices])
    given = spectrum.values(pairs, species)[:, spectrum.n_channels :]
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-12 * max(1, np.abs(expected).max()))


def test_without_self_term_a_dimer_has_no_three_body_features():
    dimer = Atoms("SiC", [[0, 0, 0], [0.3, 1.1, 1.4]])
    for name, zero in (("two species", True), ("self-term kept", False)):
        spectrum = SPECTRA[name]
        pairs, species = spectrum.neighbours(dimer), spectrum.species_index(dimer)
        values = spectrum.values(pairs, species)[:, spectrum.n_channels :]
        slopes = spectrum.pair_jacobian(pairs, species, 0, 2)[..., spectrum.n_channels :]
        assert (np.abs(values).max() < 1e-14) == zero
        assert (np.abs(slopes).max() < 1e-13) == zero


@all_spectra
@all_cells
def test_the_pair_jacobian_is_the_pull_of_each_feature(spectrum, atoms):
    pairs, species = spectrum.neighbours(atoms), spectrum.species_index(atoms)
    first, last = len(atoms) // 3, len(atoms)
    expected = np.empty((len(pairs.centres), 3, spectrum.n_features))
    for feature in range(spectrum.n_features):
        cotangent = np.zeros((len(atoms), spectrum.n_features))
        cotangent[:, feature] = 1
        expected[..., feature] = spectrum.pull(pairs, species, cotangent)
    given = spectrum.pair_jacobian(pairs, species, first, last)
    expected = expected[pairs.offsets[first] :]
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-12 * np.abs(expected).max(initial=1))


def pulled_rows(spectrum: PowerSpectrum, pairs, species, n_elements: int) -> tuple[np.ndarray, ...]:
    """The design, column by column from pulls of unit cotangents."""
    values = spectrum.values(pairs, species)
    energies, forces, virials = [], [], []
    for element in range(n_elements):
        for feature in range(spectrum.n_features):
            cotangent = np.zeros((len(species), spectrum.n_features))
            cotangent[species == element, feature] = 1
            gradient = spectrum.pull(pairs, species, cotangent)
            strain = pairs.vectors.T @ gradient
            virials.append(((strain + strain.T) / 2)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]])
            forces.append(forces_from_pairs(pairs, gradient, len(species)).ravel())
            energies.append((values * cotangent).sum())
    return np.array(energies), np.array(forces).T, np.array(virials).T


@all_spectra
@all_cells
def test_rows_are_pulls_of_single_features(spectrum, atoms):
    pairs, species = spectrum.neighbours(atoms), spectrum.species_index(atoms)
    n_elements = len(spectrum.species)
    expected = pulled_rows(spectrum, pairs, species, n_elements)
    for given, each in zip(spectrum.rows(pairs, species, n_elements), expected, strict=True):
        assert given.shape == each.shape
        np.testing.assert_allclose(given, each, rtol=0, atol=1e-12 * np.abs(each).max(initial=1))


def test_rows_are_derivatives_of_the_summed_features():
    spectrum, atoms = SPECTRA["two species"], CELLS["shorter than the cutoff"]

    def summed(atoms: Atoms) -> np.ndarray:
        return spectrum.rows(spectrum.neighbours(atoms), spectrum.species_index(atoms), 2)[0]

    _, forces, virial = spectrum.rows(spectrum.neighbours(atoms), spectrum.species_index(atoms), 2)
    step = 1e-4
    ends = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[1, 2] += sign * step
        ends.append(summed(moved))
    np.testing.assert_allclose(-(ends[0] - ends[1]) / (2 * step), forces[5], atol=1e-6 * np.abs(forces).max())
    ends = []
    for sign in (1, -1):
        strain = np.zeros((3, 3))
        strain[1, 2] = strain[2, 1] = sign * step / 2
        strained = atoms.copy()
        strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        ends.append(summed(strained))
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), virial[3], atol=1e-6 * np.abs(virial).max())


def test_rows_do_not_depend_on_threads_or_on_pairs_beyond_the_cutoff():
    spectrum = SPECTRA["two species"]
    atoms = bulk("Si", cubic=True) * (2, 1, 1)
    atoms.symbols[::3] = "C"
    atoms.rattle(0.1, seed=3)
    pairs, species = find_neighbours(atoms, 5.0), spectrum.species_index(atoms)
    a = spectrum.expansion.values(pairs, species)
    _, *expected = spectrum.rows(spectrum.neighbours(atoms), species, 2)
    for n_threads in (1, 3):
        given = design_rows(
            pairs.vectors, pairs.neighbours, pairs.offsets, species, prefactors(4), a, 4.1, 2, 4, 1.0, n_threads
        )  # fmt: skip
        for one, other in zip(given, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * np.abs(other).max())


def test_a_free_atom_has_no_features_and_no_rows():
    spectrum, atoms = SPECTRA["two species"], CELLS["free atom"]
    pairs, species = spectrum.neighbours(atoms), spectrum.species_index(atoms)
    assert not spectrum.values(pairs, species).any()
    assert spectrum.pull(pairs, species, np.ones((1, spectrum.n_features))).shape == (0, 3)
    assert spectrum.pair_jacobian(pairs, species, 0, 1).shape == (0, 3, spectrum.n_features)
    for rows in spectrum.rows(pairs, species, 2):
        assert not rows.any()


def test_counts_of_features():
    assert PowerSpectrum(("Si",), 5.0).n_features == 8 + 5 * 36
    assert SPECTRA["two species"].n_features == 6 + 5 * 21


def test_senseless_settings_are_refused():
    with pytest.raises(ForgefieldError, match="l_max 7 is outside"):
        PowerSpectrum(("Si",), 5.0, l_max=7)
    with pytest.raises(ForgefieldError, match="0 radial functions describe nothing"):
        PowerSpectrum(("Si",), 5.0, n_radial=0)
    spectrum, atoms = SPECTRA["two species"], CELLS["molecule"]
    with pytest.raises(ForgefieldError, match="1 blocks of weights are too few for 2 species"):
        spectrum.rows(spectrum.neighbours(atoms), spectrum.species_index(atoms), 1)
