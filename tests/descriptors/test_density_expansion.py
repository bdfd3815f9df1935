"""The density expansion against independent formulas; derivatives and limits are in its contract."""

import dataclasses

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from scipy.spatial.transform import Rotation
from scipy.special import eval_chebyt, sph_harm_y

from forgefield.atoms.errors import ForgefieldError
from forgefield.descriptors.density import DensityExpansion
from forgefield.descriptors.gaunt import coupled_degrees, gaunt_coefficients


def triclinic() -> Atoms:
    rng = np.random.default_rng(5)
    cell = np.eye(3) * 4.1 + rng.uniform(-0.8, 0.8, (3, 3))
    return Atoms("SiCSi", scaled_positions=rng.random((3, 3)), cell=cell, pbc=True)


def slab() -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.pbc = (True, True, False)
    atoms.rattle(0.1, seed=2)
    return atoms


CELLS = {
    "triclinic": triclinic(),
    "smaller than the cutoff": bulk("Si"),
    "slab": slab(),
    "molecule": Atoms("SiC2", molecule("H2O").positions * 1.9),
    "free atom": Atoms("Si"),
}
EXPANSION = DensityExpansion(("C", "Si"), cutoff=4.3, n_radial=5, l_max=4)


def real_harmonic(degree: int, order: int, vectors: np.ndarray) -> np.ndarray:
    """From scipy's complex harmonics, with the Condon–Shortley sign taken out."""
    r = np.linalg.norm(vectors, axis=1)
    theta, phi = np.arccos(vectors[:, 2] / r), np.arctan2(vectors[:, 1], vectors[:, 0])
    complex_value = sph_harm_y(degree, abs(order), theta, phi)
    if order == 0:
        return complex_value.real
    part = complex_value.real if order > 0 else complex_value.imag
    return np.sqrt(2) * (-1) ** order * part


@pytest.mark.parametrize("atoms", CELLS.values(), ids=CELLS.keys())
def test_values_are_the_defining_sum(atoms):
    pairs, species = EXPANSION.neighbours(atoms), EXPANSION.species_index(atoms)
    expected = np.zeros((len(atoms), *EXPANSION.shape))
    r = np.linalg.norm(pairs.vectors, axis=1)
    x = 2 * (r / EXPANSION.cutoff - 1) ** 2 - 1
    smooth = (1 - (r / EXPANSION.cutoff) ** 2) ** 3
    for n in range(EXPANSION.n_radial):
        for degree in range(EXPANSION.l_max + 1):
            for order in range(-degree, degree + 1):
                term = eval_chebyt(n, x) * smooth * real_harmonic(degree, order, pairs.vectors)
                where = (pairs.centres, species[pairs.neighbours], n, degree**2 + degree + order)
                np.add.at(expected, where, term)
    np.testing.assert_allclose(EXPANSION.values(pairs, species), expected, rtol=1e-10, atol=1e-12)


def test_coefficients_of_one_degree_rotate_among_themselves():
    atoms = triclinic()
    pairs, species = EXPANSION.neighbours(atoms), EXPANSION.species_index(atoms)
    turned = dataclasses.replace(
        pairs, vectors=pairs.vectors @ Rotation.from_euler("xyz", [0.3, 1.1, -0.7]).as_matrix().T
    )
    before, after = EXPANSION.values(pairs, species), EXPANSION.values(turned, species)
    for degree in range(EXPANSION.l_max + 1):
        block = slice(degree**2, (degree + 1) ** 2)
        spectra = [np.einsum("iznm,izkm->iznk", a[..., block], a[..., block]) for a in (before, after)]
        np.testing.assert_allclose(*spectra, atol=1e-10)
    assert np.abs(before - after).max() > 1e-3


def test_gaunt_coefficients_have_their_known_values_and_selection_rules():
    table = gaunt_coefficients(4)
    assert table[0, 0, 0] == pytest.approx(1 / np.sqrt(4 * np.pi))
    np.testing.assert_allclose(table[0], np.eye(25) / np.sqrt(4 * np.pi), atol=1e-12)
    # ∫ Y10 Y10 Y20 = 1/√(5π), from the closed form of the 3j symbols.
    assert table[2, 2, 6] == pytest.approx(1 / np.sqrt(5 * np.pi))
    np.testing.assert_allclose(table, table.transpose(2, 0, 1), atol=1e-12)
    allowed = set(coupled_degrees(4))
    for a in range(1, 5):
        for b in range(a, 5):
            for c in range(b, 5):
                block = table[a**2 : (a + 1) ** 2, b**2 : (b + 1) ** 2, c**2 : (c + 1) ** 2]
                assert (np.abs(block).max() > 1e-6) == ((a, b, c) in allowed)


def test_unknown_element_and_degree_are_refused():
    with pytest.raises(ForgefieldError, match="element Ge is not among the potential's species C, Si"):
        EXPANSION.species_index(Atoms("SiGe", [[0, 0, 0], [2, 0, 0]]))
    with pytest.raises(ForgefieldError, match="l_max 7 is outside"):
        DensityExpansion(("Si",), 5.0, l_max=7)
