"""`push` against finite differences, `pull` as its adjoint, and the fused kernels against both."""

import dataclasses

import numba
import numpy as np
import pytest
from numba import njit

from forgefield.atoms.pair_list import find_pairs
from forgefield.descriptors.symmetry_functions.definition import CutoffFunction
from forgefield.descriptors.symmetry_functions.descriptor import SymmetryFunctions
from forgefield.descriptors.symmetry_functions.fused import (
    backpropagate,
    describe,
    gather,
    of_thread,
    scatter,
    workspaces,
)
from forgefield.potentials.gradients import forces_from_pairs

from .conftest import ALL_KINDS, BOHR, CELLS, CUTOFFS


def check(functions, atoms):
    rng = np.random.default_rng(1)
    pairs, species = functions.neighbours(atoms), functions.species_index(atoms)
    tangent = rng.normal(size=pairs.vectors.shape)

    def difference(step):
        ahead, behind = (
            functions.values(dataclasses.replace(pairs, vectors=pairs.vectors + s * tangent), species)
            for s in (step, -step)
        )
        return (ahead - behind) / (2 * step)

    pushed = functions.push(pairs, species, tangent)
    scale = np.abs(pushed).max(axis=0, initial=1e-3)
    numeric = (4 * difference(1e-4) - difference(2e-4)) / 3
    assert (np.abs(pushed - numeric).max(axis=0) <= 1e-8 * scale).all()
    # One function at a time, so that none hides behind another.
    for index in range(functions.width):
        cotangent = np.zeros_like(pushed)
        cotangent[:, index] = rng.normal(size=len(pushed))
        pulled = functions.pull(pairs, species, cotangent)
        assert np.sum(pulled * tangent) == pytest.approx(np.sum(pushed * cotangent), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("cutoff", CUTOFFS, ids=lambda cutoff: f"cutoff {cutoff.kind}")
def test_push_is_the_derivative_and_pull_its_adjoint(cutoff):
    check(SymmetryFunctions(("H", "O"), ALL_KINDS, cutoff, BOHR), CELLS["shorter than the cutoff"])


@pytest.mark.parametrize("atoms", CELLS.values(), ids=CELLS.keys())
def test_derivatives_in_all_cells(atoms):
    check(SymmetryFunctions(("H", "O"), ALL_KINDS, CutoffFunction(2), BOHR), atoms)


def test_several_threads_give_the_same():
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one thread only")
    functions = SymmetryFunctions(("H", "O"), ALL_KINDS, CutoffFunction(2), BOHR)
    atoms = CELLS["shorter than the cutoff"] * (3, 1, 1)
    pairs, species = functions.neighbours(atoms), functions.species_index(atoms)
    before = numba.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            found.append(functions.values(pairs, species))
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(*found)


@njit
def fused(
    positions,
    translations,
    offsets,
    neighbours,
    images,
    species,
    tables,
    work,
    cotangent,
    forces,
    virial,
    virials,
):
    values = np.zeros_like(cotangent)
    for i in range(len(species)):
        gather(i, positions, translations, offsets, neighbours, images, species, tables, work)
        describe(species[i], tables, work)
        values[i] = work.values
        work.cotangent[:] = cotangent[i]
        backpropagate(species[i], tables, work)
        scatter(i, tables.length, work, forces, virial, virials)
    return values


def test_fused_kernels_agree_with_the_descriptor():
    functions = SymmetryFunctions(("H", "O"), ALL_KINDS, CutoffFunction(2), BOHR)
    atoms = CELLS["shorter than the cutoff"]
    pairs, species = functions.neighbours(atoms), functions.species_index(atoms)
    cotangent = np.random.default_rng(2).normal(size=(len(atoms), functions.width))
    listed = find_pairs(atoms, functions.cutoff + 0.7)
    work = workspaces(functions.tables, functions.width, 1, int(np.diff(listed.offsets).max()))
    forces, virial, virials = np.zeros((len(atoms), 3)), np.zeros((3, 3)), np.zeros((len(atoms), 3, 3))
    values = fused(
        *listed.placed(atoms), listed.offsets, listed.neighbours, listed.images, species, functions.tables,
        of_thread(work, 0), cotangent, forces, virial, virials,
    )  # fmt: skip
    gradients = functions.pull(pairs, species, cotangent)
    np.testing.assert_allclose(values, functions.values(pairs, species), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(forces, forces_from_pairs(pairs, gradients, len(atoms)), atol=1e-10)
    np.testing.assert_allclose(virial, pairs.vectors.T @ gradients, atol=1e-10)
    np.testing.assert_allclose(virials.sum(axis=0), -virial, atol=1e-10)
