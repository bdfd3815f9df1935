"""What every potential must fulfil, as tests that a family inherits."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from ase import Atoms
from ase.data import chemical_symbols
from ase.stress import voigt_6_to_full_3x3_stress

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import VerletList, find_pairs
from forgefield.atoms.records import Array, Evaluation
from forgefield.potentials.contract import Potential
from forgefield.potentials.registry import load
from forgefield.testing import structures
from forgefield.testing.derivatives import assert_continuous, numerical_forces, numerical_stress, slope


class PotentialContract:
    """Inherit, provide a fixture ``potential``, and state exceptions as class attributes.

    Any weights will do that make interactions of the order of 1 eV.

    Attributes:
        has_energy: forces are the derivative of an energy; False for direct-force families.
        has_virials: `Potential.virials` gives them, which takes atomic energies.
        has_uncertainty: `Potential.evaluate` gives one when asked.
        continuous_derivatives: how many derivatives of the energy are continuous where an atom leaves a cutoff.
        derivative_tolerance: of forces and stress against finite differences, relative to the largest.
        symmetry_tolerance: eV, eV/Å, eV/Å³; of results that must be the same.
    """

    has_energy: ClassVar[bool] = True
    has_virials: ClassVar[bool] = True
    has_uncertainty: ClassVar[bool] = False
    continuous_derivatives: ClassVar[int] = 2
    derivative_tolerance: ClassVar[float] = 1e-7
    symmetry_tolerance: ClassVar[float] = 1e-9

    @pytest.fixture(params=structures.CELLS)
    def atoms(self, request: pytest.FixtureRequest, potential: Potential) -> Atoms:
        """Structures of the potential's species, none with symmetry."""
        return structures.structure(request.param, potential.species, self.bond_length(potential))

    def bond_length(self, potential: Potential) -> float:
        """Å; override where covalent radii suggest distances that the potential was not made for."""
        return structures.bond_length(potential.species)

    def edges(self, potential: Potential) -> tuple[float, ...]:
        """Å; distances at which an interaction ends: override for families with several cutoffs."""
        return (potential.cutoff,)

    def reload(self, potential: Potential, folder: Path) -> Potential:
        """The potential after it was saved."""
        potential.save(folder)
        return load(folder)

    def assert_same(self, one: Evaluation, other: Evaluation) -> None:
        """Equal within `symmetry_tolerance`."""
        for name in ("energy", "energies") * self.has_energy + ("forces", "stress"):
            np.testing.assert_allclose(
                getattr(one, name),
                getattr(other, name),
                rtol=1e-11,
                atol=self.symmetry_tolerance,
                err_msg=name,
            )

    def test_shapes_and_types(self, potential: Potential, atoms: Atoms) -> None:
        before = atoms.copy()
        result = potential.evaluate(atoms)
        assert isinstance(result.energy, float)
        assert result.energies.shape == (len(atoms),)
        assert result.forces.shape == (len(atoms), 3)
        assert result.stress.shape == (6,)
        assert result.forces.dtype == result.energies.dtype == result.stress.dtype == np.float64
        assert result.uncertainty is None
        assert atoms == before

    def test_energy_is_the_sum_of_atomic_energies(self, potential: Potential, atoms: Atoms) -> None:
        self.need_energy()
        result = potential.evaluate(atoms)
        assert result.energy == pytest.approx(result.energies.sum(), rel=1e-12)

    def test_forces_are_the_derivative_of_the_energy(self, potential: Potential, atoms: Atoms) -> None:
        self.need_energy()
        forces = potential.evaluate(atoms).forces
        expected = numerical_forces(lambda moved: potential.evaluate(moved).energy, atoms)
        assert np.abs(expected).max() > 1e-3, "the structure does not probe the forces"
        self.assert_derivative(forces, expected)
        assert np.abs(forces.sum(axis=0)).max() < self.symmetry_tolerance * max(1.0, np.abs(forces).max())

    def test_stress_is_the_strain_derivative_of_the_energy(self, potential: Potential, atoms: Atoms) -> None:
        self.need_energy()
        stress = potential.evaluate(atoms).stress
        if atoms.cell.rank < 3:
            np.testing.assert_array_equal(stress, 0.0)
            return
        self.assert_derivative(
            stress, numerical_stress(lambda moved: potential.evaluate(moved).energy, atoms)
        )

    def test_virials_sum_to_the_stress(self, potential: Potential, atoms: Atoms) -> None:
        self.need_virials(potential, atoms)
        virials, result = potential.virials(atoms), potential.evaluate(atoms)
        assert virials.shape == (len(atoms), 3, 3)
        if not atoms.pbc.any():
            self.assert_derivative(virials.sum(axis=0), atoms.positions.T @ result.forces)
        elif atoms.cell.rank == 3:
            stress = voigt_6_to_full_3x3_stress(result.stress)
            self.assert_derivative(virials.sum(axis=0), -stress * atoms.get_volume())

    def test_virials_carry_the_energy_of_each_atom(self, potential: Potential) -> None:
        """W_k = Σ_i (r_i − r_k) ⊗ ∂U_i/∂r_k, in a molecule, where positions r_i have a meaning."""
        atoms = structures.structure("molecule", potential.species, self.bond_length(potential))
        self.need_virials(potential, atoms)

        def energies(atom: int, axis: int, by: float) -> Array:
            moved = atoms.copy()
            moved.positions[atom, axis] += by
            return potential.evaluate(moved).energies

        expected = np.empty((len(atoms), 3, 3))
        for atom, axis in np.ndindex(len(atoms), 3):
            slopes = slope(lambda by, atom=atom, axis=axis: energies(atom, axis, by), 1e-4)  # type: ignore[misc]
            expected[atom, :, axis] = (atoms.positions - atoms.positions[atom]).T @ slopes
        self.assert_derivative(potential.virials(atoms), expected)

    def test_place_in_space_does_not_matter(self, potential: Potential, atoms: Atoms) -> None:
        moved = atoms.copy()
        moved.translate([0.3, -17.0, 4.1])
        self.assert_same(potential.evaluate(moved), potential.evaluate(atoms))
        moved.positions[0] += np.array([2, -1, 3]) * atoms.pbc @ atoms.cell.array
        self.assert_same(potential.evaluate(moved), potential.evaluate(atoms))

    def test_direction_in_space_does_not_matter(self, potential: Potential, atoms: Atoms) -> None:
        turned, rotation = structures.turned(atoms)
        result, expected = potential.evaluate(turned), potential.evaluate(atoms)
        back = Evaluation(
            result.energy, result.energies, result.forces @ rotation, _turned_back(result.stress, rotation)
        )
        self.assert_same(back, expected)

    def test_order_of_atoms_does_not_matter(self, potential: Potential, atoms: Atoms) -> None:
        order = np.random.default_rng(0).permutation(len(atoms))
        result, expected = potential.evaluate(atoms[order]), potential.evaluate(atoms)
        back = np.argsort(order)
        self.assert_same(
            Evaluation(result.energy, result.energies[back], result.forces[back], result.stress), expected
        )

    def test_a_supercell_is_so_many_cells(self, potential: Potential, atoms: Atoms) -> None:
        repeat = tuple(int(n) for n in np.where(atoms.pbc, [2, 3, 2], 1))
        copies = int(np.prod(repeat))
        one, many = potential.evaluate(atoms), potential.evaluate(atoms * repeat)
        np.testing.assert_allclose(
            many.forces, np.tile(one.forces, (copies, 1)), atol=self.symmetry_tolerance
        )
        if self.has_virials:
            np.testing.assert_allclose(
                potential.virials(atoms * repeat),
                np.tile(potential.virials(atoms), (copies, 1, 1)),
                atol=self.symmetry_tolerance,
            )
        np.testing.assert_allclose(many.stress, one.stress, atol=self.symmetry_tolerance)
        if self.has_energy:
            assert many.energy == pytest.approx(copies * one.energy, rel=1e-10)

    def test_a_longer_pair_list_changes_nothing(self, potential: Potential, atoms: Atoms) -> None:
        expected = potential.evaluate(atoms)
        self.assert_same(potential.evaluate(atoms, pairs=find_pairs(atoms, potential.cutoff)), expected)
        self.assert_same(potential.evaluate(atoms, pairs=find_pairs(atoms, potential.cutoff + 1.3)), expected)

    def test_pairs_of_the_first_atoms_give_what_these_do(self, potential: Potential, atoms: Atoms) -> None:
        """Which lets several processes share the atoms."""
        self.need_energy()
        first = max(1, len(atoms) // 2)
        pairs = find_pairs(atoms, potential.cutoff + 0.5)
        result, whole = potential.evaluate(atoms, pairs=pairs.of_first(first)), potential.evaluate(atoms)
        np.testing.assert_allclose(result.energies[:first], whole.energies[:first], rtol=1e-11)
        expected = numerical_forces(lambda moved: potential.evaluate(moved).energies[:first].sum(), atoms)
        self.assert_derivative(result.forces, expected)

    def test_a_pair_list_serves_while_atoms_move(self, potential: Potential, atoms: Atoms) -> None:
        rng = np.random.default_rng(1)
        lists = VerletList(potential.cutoff, skin=1.0)
        for _ in range(4):
            atoms.positions += rng.uniform(-0.05, 0.05, size=atoms.positions.shape)
            self.assert_same(potential.evaluate(atoms, pairs=lists.update(atoms)), potential.evaluate(atoms))
        assert lists.builds == 1

    def test_free_atoms_feel_nothing(self, potential: Potential) -> None:
        for symbol in potential.species:
            alone = potential.evaluate(Atoms(symbol))
            np.testing.assert_allclose(alone.forces, 0.0, atol=1e-12)
            np.testing.assert_array_equal(alone.stress, 0.0)
            apart = potential.evaluate(Atoms([symbol] * 2, [[0, 0, 0], [0, potential.cutoff + 1e-6, 0]]))
            np.testing.assert_allclose(apart.forces, 0.0, atol=1e-12)
            if self.has_energy:
                assert apart.energy == pytest.approx(2 * alone.energy, rel=1e-12, abs=1e-12)

    def test_smooth_where_an_atom_leaves_the_cutoff(self, potential: Potential) -> None:
        first, last = potential.species[0], potential.species[-1]
        length = self.bond_length(potential)
        for edge in self.edges(potential):
            for which in (0, 1):

                def result(beyond: float, edge: float = edge, which: int = which) -> Evaluation:
                    return potential.evaluate(structures.leaving(first, last, length, edge, beyond)[which])

                if self.has_energy:
                    for order in range(self.continuous_derivatives + 1):
                        assert_continuous(lambda x, of=result: np.array([of(x).energy]), order)  # type: ignore[misc]
                for order in range(self.continuous_derivatives):
                    assert_continuous(lambda x, of=result: of(x).forces, order)  # type: ignore[misc]

    def test_unknown_elements_are_refused(self, potential: Potential) -> None:
        stranger = next(symbol for symbol in reversed(chemical_symbols) if symbol not in potential.species)
        with pytest.raises(ForgefieldError, match=f"element {stranger}"):
            potential.evaluate(Atoms([potential.species[0], stranger], [[0, 0, 0], [0, 0, 2]]))

    def test_atoms_in_one_place_are_refused(self, potential: Potential) -> None:
        places = [[0.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 2.0, 0.0]]
        with pytest.raises(ForgefieldError, match="same place"):
            potential.evaluate(Atoms([potential.species[0]] * 3, places))

    def test_a_stored_potential_comes_back_identical(
        self, potential: Potential, atoms: Atoms, tmp_path: Path
    ) -> None:
        again = self.reload(potential, tmp_path / "stored")
        assert (again.species, again.cutoff) == (potential.species, potential.cutoff)
        one, other = potential.evaluate(atoms), again.evaluate(atoms)
        np.testing.assert_array_equal(other.energies, one.energies)
        np.testing.assert_array_equal(other.forces, one.forces)
        np.testing.assert_array_equal(other.stress, one.stress)

    def test_the_calculator_agrees(self, potential: Potential, atoms: Atoms) -> None:
        expected = potential.evaluate(atoms)
        atoms.calc = potential.calculator()
        if self.has_energy:
            assert atoms.get_potential_energy() == pytest.approx(expected.energy, rel=1e-11)
            np.testing.assert_allclose(atoms.get_potential_energies(), expected.energies, rtol=1e-10)
        np.testing.assert_allclose(atoms.get_forces(), expected.forces, atol=self.symmetry_tolerance)
        np.testing.assert_allclose(atoms.get_stress(), expected.stress, atol=self.symmetry_tolerance)

    def test_uncertainty_comes_when_asked_for(self, potential: Potential, atoms: Atoms) -> None:
        result = potential.evaluate(atoms, uncertainty=True)
        self.assert_same(result, potential.evaluate(atoms))
        if not self.has_uncertainty:
            assert result.uncertainty is None
            return
        assert result.uncertainty is not None
        assert result.uncertainty.energy >= 0
        assert result.uncertainty.forces.shape == (len(atoms),)
        assert (result.uncertainty.forces > 0).all()

    def need_energy(self) -> None:
        """Skip a test that makes no sense without an energy."""
        if not self.has_energy:
            pytest.skip("the family has no energy")

    def need_virials(self, potential: Potential, atoms: Atoms) -> None:
        """Skip a test of virials where there are none, which must be said."""
        if not self.has_virials:
            with pytest.raises(ForgefieldError, match="gives no virials"):
                potential.virials(atoms)
            pytest.skip("the family has no virials of atoms")

    def assert_derivative(self, given: Array, expected: Array) -> None:
        """Equal within `derivative_tolerance` of the largest component."""
        np.testing.assert_allclose(
            given, expected, rtol=0, atol=self.derivative_tolerance * np.abs(expected).max()
        )


def _turned_back(stress: Array, rotation: Array) -> Array:
    tensor = stress[[[0, 5, 4], [5, 1, 3], [4, 3, 2]]]
    back: Array = (rotation.T @ tensor @ rotation)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    return back
