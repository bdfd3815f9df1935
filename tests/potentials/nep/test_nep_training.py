"""Training: kernels that are each other's adjoint, a network that is its frozen self, and files that others read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.io import read
from pydantic import ValidationError

from forgefield.atoms.records import Labels
from forgefield.descriptors.nep_basis import NepBasis
from forgefield.potentials.nep.fit import NepProblem
from forgefield.potentials.nep.potential import NepPotential
from forgefield.potentials.nep.spec import NepSpec
from forgefield.potentials.training import train
from forgefield.potentials.training_spec import TrainingSpec

SMALL = NepSpec(
    cutoff=5.0,
    angular_cutoff=4.0,
    n_max_radial=4,
    n_max_angular=3,
    basis_size_radial=6,
    basis_size_angular=5,
    neurons=10,
)


def _mixture(seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    cell = np.array([[6.0, 0.5, 0.0], [0.2, 5.5, 0.3], [0.0, -0.4, 6.2]])
    return Atoms("Si4C4", rng.uniform(size=(8, 3)) @ cell, cell=cell, pbc=(True, True, False))


def _labels(atoms: Atoms, stress: bool = True) -> Labels:
    """Those of a pair potential, whatever it is, and elements that differ in energy."""
    vectors = atoms.get_all_distances(mic=True, vector=True)
    r = np.linalg.norm(vectors, axis=2) + 1000 * np.eye(len(atoms))
    energy = float(np.exp(-r).sum() + (atoms.numbers == 6).sum() * 7.0 - 100.0 * (atoms.numbers == 14).sum())
    forces = 2 * (np.exp(-r) / r)[..., None] * vectors
    return Labels(energy, -forces.sum(axis=1), np.zeros(6) if stress else None, "", "", 0.0)


def test_kernels_are_derivatives_and_adjoint_of_each_other() -> None:
    basis, rng = NepBasis(("C", "Si"), 5.0, 3.5, 4, 5, 4), np.random.default_rng(0)
    atoms = _mixture(0)
    pairs, species = basis.neighbours(atoms), basis.species_index(atoms)
    values = basis.values(pairs, species)
    assert values.shape == (8, 2 * 4 + 2 * 5 * 24)
    cotangent, tangent = rng.normal(size=values.shape), rng.normal(size=pairs.vectors.shape)
    pulled, pushed = basis.pull(pairs, species, cotangent), basis.push(pairs, species, tangent)
    assert (pulled * tangent).sum() == pytest.approx((pushed * cotangent).sum(), rel=1e-11)

    def moved(step: float) -> np.ndarray:
        vectors = pairs.vectors + step * tangent
        other = type(pairs)(pairs.centres, pairs.neighbours, vectors, pairs.offsets, pairs.cutoff)
        return basis.values(other, species)

    one, two = ((moved(k * 1e-5) - moved(-k * 1e-5)) / (2e-5 * k) for k in (1, 2))
    np.testing.assert_allclose((4 * one - two) / 3, pushed, rtol=0, atol=1e-7 * abs(pushed).max())


@pytest.mark.parametrize(
    "spec",
    [SMALL, SMALL.model_copy(update={"zbl": (0.8, 1.6)}), SMALL.model_copy(update={"angular_cutoff": 5.0}),
     SMALL.model_copy(update={"l_max": 3, "l_max_4body": 0, "l_max_5body": 0})],
    ids=["two cutoffs", "repulsion", "one cutoff", "3-body"],
)  # fmt: skip
@pytest.mark.parametrize("species", [("C", "Si"), ("Si",)])
def test_frozen_potential_is_the_network(spec: NepSpec, species: tuple[str, ...]) -> None:
    structures = [_mixture(seed) for seed in range(3)]
    if len(species) == 1:
        for atoms in structures:
            atoms.symbols[:] = "Si"
    problem = NepProblem(spec, species, seed=1)
    prepared = [problem.prepare(atoms) for atoms in structures]
    problem.initialise(prepared, [_labels(atoms) for atoms in structures])
    with torch.no_grad():
        predicted = problem.predict(problem.collate(prepared))
    potential, start = problem.potential(), 0
    for index, atoms in enumerate(structures):
        found = potential.evaluate(atoms)
        forces = predicted.forces[0, start : start + len(atoms)].numpy()
        start += len(atoms)
        assert found.energy == pytest.approx(float(predicted.energies[0, index]), abs=1e-9)
        np.testing.assert_allclose(found.forces, forces, rtol=0, atol=1e-10 * abs(forces).max())
        virial = predicted.virials[0, index].numpy()
        np.testing.assert_allclose(
            found.stress * atoms.get_volume(), virial, rtol=0, atol=1e-10 * abs(virial).max()
        )


def test_free_atoms_are_exact_and_training_starts_at_the_mean_energy() -> None:
    structures = [*(_mixture(seed) for seed in range(4)), Atoms("C"), Atoms("Si")]
    labels = [_labels(atoms) for atoms in structures]
    problem = NepProblem(SMALL, ("C", "Si"), seed=3)
    prepared = [problem.prepare(atoms) for atoms in structures]
    problem.initialise(prepared, labels)
    potential = problem.potential()
    assert potential.evaluate(Atoms("C")).energy == pytest.approx(7.0, abs=1e-10)
    assert potential.evaluate(Atoms("Si")).energy == pytest.approx(-100.0, abs=1e-10)
    errors = [
        potential.evaluate(atoms).energy - label.energy
        for atoms, label in zip(structures, labels, strict=True)
    ]
    assert abs(np.mean(errors[:4])) < 0.1
    assert potential.evaluate(Atoms("CSi", [[0, 0, 0], [0, 0, 50]])).energy == pytest.approx(-93.0, abs=1e-9)


@pytest.mark.parametrize("system", ["Si", "PbTe"])
def test_calorine_reads_what_was_trained(data: Path, tmp_path: Path, system: str) -> None:
    calculators = pytest.importorskip("calorine.calculators", reason="calorine is not installed")
    if system == "PbTe":
        structures, species = read(data / "PbTe_train.xyz", index=":2"), ("Te", "Pb")
        labels = [Labels(a.get_potential_energy(), a.arrays["force"], None, "", "", 0.0) for a in structures]
    else:
        truth, structures, labels, species = (
            NepPotential.from_nep_txt(data / "Si_2022_NEP4_3body.txt"),
            [],
            [],
            ("Si",),
        )
        for seed in range(4):
            atoms = _mixture(seed)
            atoms = Atoms("Si8", atoms.get_scaled_positions(), pbc=True)
            atoms.set_cell(np.eye(3) * 5.6, scale_atoms=True)
            found = truth.evaluate(atoms)
            structures.append(atoms)
            labels.append(Labels(found.energy, found.forces, found.stress, "", "", 0.0))
    problem = NepProblem(SMALL.model_copy(update={"zbl": (0.7, 1.4)}), species, seed=0)
    before = _force_error(problem, structures, labels)
    settings = TrainingSpec(epochs=30 // len(structures), batch_atoms=1, learning_rate=0.01)
    train(problem, structures, labels, ([], []), settings, seed=0)
    assert _force_error(problem, structures, labels) < before
    potential = problem.potential()
    potential.to_nep_txt(tmp_path / "nep.txt")
    for atoms in structures:
        found, reference = potential.evaluate(atoms), atoms.copy()
        reference.calc = calculators.CPUNEP(str(tmp_path / "nep.txt"))
        assert abs(found.energy - reference.get_potential_energy()) < 1e-9 * len(atoms)
        np.testing.assert_allclose(found.forces, reference.get_forces(), rtol=0, atol=1e-8)
        np.testing.assert_allclose(found.stress, reference.get_stress(), rtol=0, atol=1e-9)


def _force_error(problem: NepProblem, structures: list[Atoms], labels: list[Labels]) -> float:
    prepared = [problem.prepare(atoms) for atoms in structures]
    if float(problem.model.elements[0].scale.max()) == 1.0:
        problem.initialise(prepared, labels)
    with torch.no_grad():
        forces = problem.predict(problem.collate(prepared)).forces[0].numpy()
    return float(((forces - np.concatenate([label.forces for label in labels])) ** 2).mean())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cutoff": 4.0, "angular_cutoff": 5.0}, "angular_cutoff 5.0 is larger than cutoff 4.0; lower it"),
        ({"l_max": 1}, "l_max 1 is below the degree of the 4- or 5-body invariants; raise it"),
        ({"zbl": (2.0, 1.0)}, "zbl 2.0, 1.0 is not 0 < inner < outer <= 2.5; choose"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NepSpec.model_validate(settings)
