"""What the three kernels of a descriptor must fulfil, as tests that a descriptor inherits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray
from torch import Tensor

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import concatenate, find_neighbours
from forgefield.atoms.records import Array, Neighbours
from forgefield.potentials.gradients import Descriptor
from forgefield.testing import structures
from forgefield.testing.derivatives import assert_continuous, slope

Twin = Callable[[Tensor, Neighbours, NDArray[np.int64]], Tensor]


class DescriptorContract:
    """Inherit, provide a fixture ``descriptor`` and `species`, and state exceptions as class attributes.

    Attributes:
        species: chemical symbols that the descriptor knows.
        invariant: values do not change when space is turned.
        continuous_derivatives: how many derivatives of the values are continuous where an atom leaves a cutoff.
        tolerance: of the three kernels against each other and against the twin, relative to the largest value.
    """

    species: ClassVar[tuple[str, ...]]
    invariant: ClassVar[bool] = True
    continuous_derivatives: ClassVar[int] = 2
    tolerance: ClassVar[float] = 1e-12

    @pytest.fixture
    def twin(self) -> Twin | None:
        """Differentiable values of pair vectors (P, 3) in PyTorch, given the pairs and species; None without one."""
        return None

    @pytest.fixture(params=structures.CELLS)
    def atoms(self, request: pytest.FixtureRequest) -> Atoms:
        """Structures of the descriptor's species, none with symmetry."""
        return structures.structure(request.param, self.species, self.bond_length())

    def bond_length(self) -> float:
        """Å; override where covalent radii suggest distances that the descriptor was not made for."""
        return structures.bond_length(self.species)

    def edges(self, descriptor: Descriptor) -> tuple[float, ...]:
        """Å; distances at which the descriptor ends: override for those with several cutoffs."""
        return (descriptor.neighbours(Atoms(self.species[0])).cutoff,)

    def values(self, descriptor: Descriptor, atoms: Atoms) -> Array:
        """Values of a structure."""
        return descriptor.values(descriptor.neighbours(atoms), descriptor.species_index(atoms))

    def test_push_is_the_derivative_of_the_values(self, descriptor: Descriptor, atoms: Atoms) -> None:
        pairs, species = descriptor.neighbours(atoms), descriptor.species_index(atoms)
        tangent = np.random.default_rng(1).normal(size=pairs.vectors.shape)

        def moved(by: float) -> Array:
            return descriptor.values(
                dataclasses.replace(pairs, vectors=pairs.vectors + by * tangent), species
            )

        expected = slope(moved, 1e-4)
        assert np.abs(expected).max() > 1e-6, "the structure does not probe the derivative"
        given = descriptor.push(pairs, species, tangent)
        np.testing.assert_allclose(given, expected, rtol=0, atol=1e-8 * np.abs(expected).max())

    def test_pull_is_the_adjoint_of_push(self, descriptor: Descriptor, atoms: Atoms) -> None:
        rng = np.random.default_rng(2)
        pairs, species = descriptor.neighbours(atoms), descriptor.species_index(atoms)
        tangent = rng.normal(size=pairs.vectors.shape)
        pushed = descriptor.push(pairs, species, tangent)
        cotangent = rng.normal(size=pushed.shape)
        pulled = descriptor.pull(pairs, species, cotangent)
        assert pulled.shape == pairs.vectors.shape
        scale = np.abs(pushed * cotangent).sum()
        assert abs(np.sum(pulled * tangent) - np.sum(pushed * cotangent)) <= self.tolerance * scale

    def test_pairs_beyond_the_cutoff_change_nothing(self, descriptor: Descriptor, atoms: Atoms) -> None:
        rng = np.random.default_rng(3)
        near, species = descriptor.neighbours(atoms), descriptor.species_index(atoms)
        far = find_neighbours(atoms, near.cutoff + 0.9)
        expected = descriptor.values(near, species)
        self.assert_same(descriptor.values(far, species), expected)
        pulled = descriptor.pull(far, species, rng.normal(size=expected.shape))
        beyond = (far.vectors**2).sum(axis=1) >= near.cutoff**2
        assert beyond.any()
        np.testing.assert_array_equal(pulled[beyond], 0.0)

    def test_place_and_order_do_not_matter(self, descriptor: Descriptor, atoms: Atoms) -> None:
        order = np.random.default_rng(4).permutation(len(atoms))
        moved = atoms[order]
        moved.translate([0.3, -17.0, 4.1])
        assert len(moved) == len(atoms)
        self.assert_same(
            self.values(descriptor, moved), self.values(descriptor, atoms)[order], tolerance=1e-10
        )

    def test_direction_does_not_matter(self, descriptor: Descriptor, atoms: Atoms) -> None:
        if not self.invariant:
            pytest.skip("the descriptor turns with space")
        turned, _ = structures.turned(atoms)
        self.assert_same(self.values(descriptor, turned), self.values(descriptor, atoms), tolerance=1e-10)

    def test_concatenated_structures_keep_to_themselves(self, descriptor: Descriptor) -> None:
        parts = [structures.structure(name, self.species, self.bond_length()) for name in structures.CELLS]
        parts.insert(1, Atoms(self.species[0]))
        species = [descriptor.species_index(atoms) for atoms in parts]
        together = descriptor.values(
            concatenate([descriptor.neighbours(atoms) for atoms in parts]), np.concatenate(species)
        )
        expected = np.concatenate([self.values(descriptor, atoms) for atoms in parts])
        np.testing.assert_array_equal(together, expected)

    def test_smooth_where_an_atom_leaves_the_cutoff(self, descriptor: Descriptor) -> None:
        for edge in self.edges(descriptor):
            for which in (0, 1):
                for order in range(self.continuous_derivatives + 1):

                    def values(beyond: float, edge: float = edge, which: int = which) -> Array:
                        pair = structures.leaving(
                            self.species[0], self.species[-1], self.bond_length(), edge, beyond
                        )
                        return self.values(descriptor, pair[which])

                    assert_continuous(values, order)

    def test_unknown_elements_are_refused(self, descriptor: Descriptor) -> None:
        stranger = next(symbol for symbol in reversed(chemical_symbols) if symbol not in self.species)
        with pytest.raises(ForgefieldError, match=f"element {stranger}"):
            descriptor.species_index(Atoms([self.species[0], stranger], [[0, 0, 0], [0, 0, 2]]))

    def test_the_twin_agrees(self, descriptor: Descriptor, twin: Twin | None, atoms: Atoms) -> None:
        if twin is None:
            pytest.skip("the descriptor has no twin in PyTorch")
        rng = np.random.default_rng(5)
        pairs, species = descriptor.neighbours(atoms), descriptor.species_index(atoms)
        expected = descriptor.values(pairs, species)
        cotangent, tangent = rng.normal(size=expected.shape), rng.normal(size=pairs.vectors.shape)
        vectors = torch.from_numpy(pairs.vectors).requires_grad_()
        values = twin(vectors, pairs, species)
        self.assert_same(values.detach().numpy(), expected)
        weights = torch.from_numpy(cotangent).requires_grad_()
        (pulled,) = torch.autograd.grad((values * weights).sum(), vectors, create_graph=True)
        self.assert_same(descriptor.pull(pairs, species, cotangent), pulled.detach().numpy())
        (pushed,) = torch.autograd.grad((pulled * torch.from_numpy(tangent)).sum(), weights)
        self.assert_same(descriptor.push(pairs, species, tangent), pushed.numpy())

    def assert_same(self, given: Array, expected: Array, tolerance: float | None = None) -> None:
        """Equal within a tolerance relative to the largest value."""
        scale = np.abs(expected).max(initial=1e-30)
        np.testing.assert_allclose(given, expected, rtol=0, atol=(tolerance or self.tolerance) * scale)
