"""A committee of any potentials, and draws from the posterior of a network's last layer."""

import numpy as np
import pytest
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Labels
from forgefield.potentials.committee import Committee
from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.last_layer_posterior import last_layer_committee, last_layer_spread
from forgefield.potentials.nep.fit import NepProblem
from forgefield.potentials.nep.spec import NepSpec
from forgefield.potentials.registry import load
from forgefield.testing import PotentialContract

from .conftest import SPEC, SPECIES, crystal, fitted_scales

SINGLE = DensitySpec(cutoff=4.2, n_radial=4, l_max=2, l_max_4body=2, channels=2, hidden=(6, 5), members=1)
PROBLEMS = {
    "density": lambda: DensityProblem(SINGLE, SPECIES, 3),
    "nep": lambda: NepProblem(NepSpec(cutoff=4.2, angular_cutoff=4.0, neurons=6), SPECIES, 3),
}


class TestContract(PotentialContract):
    """Whatever holds for its members holds for a committee."""

    has_uncertainty = True

    def bond_length(self, potential):
        return 1.9

    @pytest.fixture
    def potential(self) -> Committee:
        single = SPEC.model_copy(update={"members": 1})
        return Committee([fitted_scales(single, seed) for seed in (1, 2, 3)])


def test_spread_is_that_of_the_members():
    single = SPEC.model_copy(update={"members": 1})
    members = [fitted_scales(single, seed) for seed in (1, 2, 3)]
    atoms = crystal(5)
    said = [member.evaluate(atoms) for member in members]
    found = Committee(members).evaluate(atoms, uncertainty=True)
    forces = np.array([each.forces for each in said])
    np.testing.assert_allclose(found.forces, forces.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.uncertainty.components, forces.std(axis=0, ddof=1), rtol=1e-10)
    np.testing.assert_allclose(
        found.uncertainty.forces, np.sqrt(forces.var(axis=0, ddof=1).sum(axis=1)), rtol=1e-10
    )
    assert found.uncertainty.energy == pytest.approx(np.std([each.energy for each in said], ddof=1))
    np.testing.assert_allclose(
        found.uncertainty.stress, np.std([each.stress for each in said], axis=0, ddof=1), rtol=1e-10
    )


def test_members_must_know_the_same_species(potential):
    other = fitted_scales()
    other.species = ("C", "Ge")
    with pytest.raises(ForgefieldError, match="know different species"):
        Committee([potential, other])
    with pytest.raises(ForgefieldError, match="committee of 1 has no spread"):
        Committee([potential])


def test_a_damaged_description_is_named(tmp_path, potential):
    Committee([potential, potential]).save(tmp_path)
    (tmp_path / "potential.json").write_text('{"family": "committee", "members": 2}')
    with pytest.raises(ForgefieldError, match="lacks 'degrees_lost'"):
        load(tmp_path)


@pytest.fixture(params=PROBLEMS)
def trained(request) -> tuple[DensityProblem | NepProblem, list[Atoms], list[Labels]]:
    """A network, and labels that scatter about what it says."""
    rng = np.random.default_rng(0)
    structures = [crystal(seed) for seed in range(12)]
    problem = PROBLEMS[request.param]()
    labels = [
        Labels(-5.0 * len(a) + rng.normal(), np.zeros((len(a), 3)), None, "", "", 0.0) for a in structures
    ]
    problem.initialise([problem.prepare(atoms) for atoms in structures], labels)
    potential = problem.potential()
    labels = []
    for number, atoms in enumerate(structures):
        said = potential.evaluate(atoms)
        labels.append(
            Labels(
                said.energy + len(atoms) * 1e-3 * rng.normal(),
                said.forces + 0.05 * rng.normal(size=said.forces.shape),
                said.stress + 1e-3 * rng.normal(size=6) if number % 2 else None,
                "", "", 0.0,
            )
        )  # fmt: skip
    return problem, structures, labels


def test_more_data_make_the_posterior_narrower(trained):
    problem, structures, labels = trained
    before = problem.last_layer(0)
    root = last_layer_spread(problem, structures, labels)
    assert root.shape == (len(before), len(before))
    np.testing.assert_array_equal(problem.last_layer(0), before)
    wide = last_layer_spread(problem, structures[:4], labels[:4])
    assert np.trace(root @ root.T) < np.trace(wide @ wide.T)


def test_draws_leave_the_mean_and_have_the_posterior_s_spread(trained):
    problem, structures, labels = trained
    atoms = crystal(77)
    said = problem.potential().evaluate(atoms)
    committee = last_layer_committee(problem, structures, labels, np.random.default_rng(1), pairs=60)
    found = committee.evaluate(atoms, uncertainty=True)
    np.testing.assert_allclose(found.forces, said.forces, atol=1e-10)
    assert found.energy == pytest.approx(said.energy, abs=1e-9)
    root = last_layer_spread(problem, structures, labels)
    columns = problem.columns(0, problem.collate([problem.prepare(atoms)])).forces.detach().numpy()
    exact = np.linalg.norm(np.tensordot(root.T, columns, axes=1), axis=0)
    ratio = found.uncertainty.components / exact
    assert abs(np.sqrt((ratio**2).mean()) - 1.0) < 0.15


def test_the_posterior_of_a_committee_is_refused(trained):
    problem, structures, labels = trained
    with pytest.raises(ForgefieldError, match="needs data"):
        last_layer_spread(problem, [], [])
    several = DensityProblem(SINGLE.model_copy(update={"members": 2}), SPECIES, 3)
    with pytest.raises(ForgefieldError, match="the model has 2"):
        last_layer_committee(several, structures, labels, np.random.default_rng(1))
