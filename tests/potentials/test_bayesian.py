"""Bayesian potentials: the contract, uncertainties against dense formulas, fits that grow, stop and go on."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from scipy.stats import spearmanr

from forgefield import load
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Labels
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.fit import BayesianFit
from forgefield.potentials.bayesian.model import bound_columns
from forgefield.potentials.bayesian.rows import Rows
from forgefield.potentials.bayesian.spec import BayesianSpec
from forgefield.testing import PotentialContract

from .bayesian_cases import BOTH, FREE, LINEAR, POLYNOMIAL, SPECIES, carbide, examples, labelled


@pytest.fixture(scope="module")
def fits():
    high = BayesianSpec(cutoff=4.2, n_radial=3, l_max=5, self_term=True)
    specs = {"linear": LINEAR, "polynomial": POLYNOMIAL, "high degree": high}
    data = examples(range(12))
    return {name: BayesianFit.start(spec, SPECIES, data) for name, spec in specs.items()}


class TestLinear(PotentialContract):
    has_uncertainty = True

    @pytest.fixture
    def potential(self, fits):
        return fits["linear"].potential()

    def bond_length(self, potential):
        return 1.9


class TestPolynomial(TestLinear):
    @pytest.fixture
    def potential(self, fits):
        return fits["polynomial"].potential()


class TestHighDegreeWithSelfTerm(TestLinear):
    """Beyond what the fused kernel knows."""

    @pytest.fixture
    def potential(self, fits):
        return fits["high degree"].potential()


@BOTH
def test_predictions_and_uncertainties_are_those_of_a_dense_posterior(spec):
    data = examples(range(8))
    fitted = BayesianFit.start(spec, SPECIES, data)
    potential, basis, energies = fitted.potential(), fitted.basis, fitted.energies

    def rows_of(atoms):
        pairs, index = basis.descriptor.neighbours(atoms), basis.descriptor.species_index(atoms)
        columns, bound = basis.rows(pairs, index), bound_columns(pairs, index, 2, spec.cutoff)
        assert set(bound.energy) == {4.0}, "all atoms of these crystals are bound"
        factors = [np.concatenate([basis.factors, np.ones(2)])]
        return [
            np.concatenate([a, b], axis=-1) * factors[0]
            for a, b in zip(vars(columns).values(), vars(bound).values(), strict=True)
        ]

    rows, values, precisions = [], [], []
    betas = fitted.posterior.hyperparameters.noise_precisions
    for each in data[2:]:
        n, (energy, forces, virial) = len(each.atoms), rows_of(each.atoms)
        offset = energies.bound.sum() * n / 2
        rows += [forces, energy[None] / n, virial / n]
        virials = each.labels.stress * each.atoms.get_volume() / n
        values += [each.labels.forces.ravel(), [(each.labels.energy - offset) / n], virials]
        precisions += [np.full(3 * n, betas[0]), [betas[1]], np.full(6, betas[2])]
    rows, values, precisions = (np.concatenate(each) for each in (rows, values, precisions))
    alpha = fitted.posterior.hyperparameters.prior_precision
    covariance = np.linalg.inv(alpha * np.eye(rows.shape[1]) + rows.T @ (precisions[:, None] * rows))
    mean = covariance @ rows.T @ (precisions * values)
    other = carbide(99)
    energy, forces, virial = rows_of(other)
    found = potential.evaluate(other, uncertainty=True)
    scale = np.abs(found.forces).max()
    np.testing.assert_allclose(found.forces.ravel(), forces @ mean, atol=1e-6 * scale)
    assert found.energy == pytest.approx(energy @ mean + 4 * energies.bound.sum(), rel=1e-6)
    np.testing.assert_allclose(found.stress, virial @ mean / other.get_volume(), atol=1e-6)

    def deviation(each):
        return np.sqrt(np.einsum("...c,cd,...d->...", each, covariance, each))

    components = deviation(forces).reshape(-1, 3)
    np.testing.assert_allclose(found.uncertainty.components, components, rtol=1e-4)
    np.testing.assert_allclose(found.uncertainty.forces, np.sqrt((components**2).sum(axis=1)), rtol=1e-4)
    np.testing.assert_allclose(found.uncertainty.stress, deviation(virial) / other.get_volume(), rtol=1e-4)
    assert found.uncertainty.energy == pytest.approx(deviation(energy), rel=1e-4)


@BOTH
def test_it_learns_and_knows_where_it_errs(spec, fits):
    potential = fits[spec.kernel].potential()
    errors, expected, before = [], [], []
    for seed in range(100, 112):
        atoms = carbide(seed, amplitude=0.03 + 0.15 * (seed % 4) / 3)
        found, truth = potential.evaluate(atoms, uncertainty=True), labelled(atoms).forces
        errors.append(np.linalg.norm(found.forces - truth, axis=1))
        before.append(np.linalg.norm(truth, axis=1))
        expected.append(found.uncertainty.forces)
    errors, expected = np.concatenate(errors), np.concatenate(expected)
    assert np.median(errors) < 0.1 * np.median(np.concatenate(before))
    assert spearmanr(errors, expected)[0] > 0.5


def test_free_atoms_are_exact_and_bound_ones_have_energies_of_their_own(fits):
    for fitted in fits.values():
        potential = fitted.potential()
        for symbol, energy in FREE.items():
            assert potential.evaluate(Atoms(symbol)).energy == pytest.approx(energy, abs=1e-12)


@BOTH
def test_one_by_one_is_nearly_all_at_once(spec):
    data = examples(range(10))
    whole = BayesianFit.start(spec, SPECIES, data)
    grown = BayesianFit.start(spec, SPECIES, data[:5])
    for each in data[5:]:
        grown = grown.plus(each.atoms, each.labels)
    assert grown.n_environments == whole.n_environments == 80
    np.testing.assert_array_equal(grown.sums.counts, whole.sums.counts)
    np.testing.assert_allclose(grown.sums.squares[Rows.FORCE], whole.sums.squares[Rows.FORCE], rtol=1e-12)
    one, other = (each.potential().evaluate(carbide(99), uncertainty=True) for each in (grown, whole))
    # References are another draw where the data have not grown by half since the last.
    tolerance = {"linear": 2e-3, "polynomial": 0.1}[spec.kernel]
    np.testing.assert_allclose(one.forces, other.forces, atol=tolerance)
    assert one.energy == pytest.approx(other.energy, abs=10 * tolerance)


def test_sums_of_a_linear_fit_do_not_depend_on_the_way():
    data = examples(range(6))
    whole = BayesianFit.start(LINEAR, SPECIES, data)
    grown = BayesianFit.start(LINEAR, SPECIES, data[:3])
    for each in data[3:]:
        grown = grown.plus(each.atoms, each.labels)
    np.testing.assert_allclose(grown.sums.grams, whole.sums.grams, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(grown.basis.scales, whole.basis.scales, rtol=1e-12)


def test_a_free_atom_that_comes_later_is_as_good_as_one_that_came_first():
    pair = Atoms("SiC", [[0, 0, 0], [0, 0, 3.5]])
    loose = Example(pair, Labels(-7.0, np.array([[0, 0, 0.3], [0, 0, -0.3]]), None, "", "", 0.0))
    late = BayesianFit.start(LINEAR, SPECIES, [loose, *examples(range(6), free=())])
    assert not late.energies.known.any()
    for each in examples((), free=("Si", "C")):
        late = late.plus(each.atoms, each.labels)
    early = BayesianFit.start(LINEAR, SPECIES, [loose, *examples(range(6))])
    assert early.energies.known.all()
    assert late.energies.known.all()
    for name, expected in vars(early.sums).items():
        scale = np.abs(expected).max()
        np.testing.assert_allclose(getattr(late.sums, name), expected, rtol=0, atol=1e-9 * scale)
    one, other = early.potential().evaluate(pair), late.potential().evaluate(pair)
    np.testing.assert_allclose(other.forces, one.forces, atol=1e-4)
    again = late.plus(Atoms("Si"), Labels(7.0, np.zeros((1, 3)), None, "", "", 0.0))
    assert again is late, "the first label of a free atom counts"


@BOTH
def test_a_new_element_joins_later(spec):
    silicon = [Example(atoms, labelled(atoms)) for atoms in (bulk("Si", a=5.3), bulk("Si", a=5.5))]
    for each in silicon:
        each.atoms.rattle(0.1)
    silicon = [Example(each.atoms, labelled(each.atoms)) for each in silicon]
    fitted = BayesianFit.start(spec, SPECIES, silicon)
    for each in examples(range(6), free=()):
        fitted = fitted.plus(each.atoms, each.labels)
    atoms = carbide(99)
    found = fitted.potential().evaluate(atoms)
    assert found.energy / 8 == pytest.approx(labelled(atoms).energy / 8, abs=0.1)


@BOTH
def test_a_stored_fit_goes_on_to_the_bit(spec, tmp_path):
    data = examples(range(9))
    fitted = BayesianFit.start(spec, SPECIES, data[:6])
    fitted.save(tmp_path / "fit.npz")
    again = BayesianFit.load(tmp_path / "fit.npz")
    assert not list(tmp_path.glob("*.partial"))
    for each in data[6:]:
        fitted, again = fitted.plus(each.atoms, each.labels), again.plus(each.atoms, each.labels)
    one, other = (each.potential().evaluate(carbide(99), uncertainty=True) for each in (fitted, again))
    np.testing.assert_array_equal(one.forces, other.forces)
    np.testing.assert_array_equal(one.uncertainty.components, other.uncertainty.components)
    np.testing.assert_array_equal(fitted.sums.grams, again.sums.grams)
    assert fitted.posterior.hyperparameters == again.posterior.hyperparameters
    assert again.posterior.log_evidence == fitted.posterior.log_evidence


@BOTH
def test_uncertainty_survives_saving(spec, fits, tmp_path):
    potential = fits[spec.kernel].potential()
    potential.save(tmp_path)
    one, other = (
        each.evaluate(carbide(5), uncertainty=True).uncertainty for each in (potential, load(tmp_path))
    )
    for name in ("energy", "forces", "components", "stress"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_weight_is_precision():
    atoms = carbide(3)
    truth = labelled(atoms)
    wrong = Labels(truth.energy + 1.0, truth.forces + 0.2, truth.stress, "", "", 0.0)
    start = BayesianFit.start(LINEAR, SPECIES, examples(range(4, 10)))
    ignored = start.plus(atoms, wrong, weight=0.0)
    for name in ("grams", "sides", "squares", "counts"):
        np.testing.assert_array_equal(getattr(ignored.sums, name), getattr(start.sums, name))
    light, heavy = (
        start.plus(atoms, wrong, weight).potential().evaluate(atoms).energy for weight in (0.01, 100)
    )
    assert abs(heavy - wrong.energy) < abs(light - wrong.energy)


def test_more_data_make_it_surer(fits):
    few = BayesianFit.start(LINEAR, SPECIES, examples(range(3))).potential()
    atoms = carbide(99)
    one, other = (each.evaluate(atoms, True).uncertainty for each in (few, fits["linear"].potential()))
    assert other.forces.mean() < one.forces.mean()


def test_features_are_of_order_one_and_do_not_turn(fits):
    potential, atoms = fits["linear"].potential(), carbide(2)
    features = potential.features(atoms)
    assert features.shape == (8, potential.descriptor.n_features)
    assert 0.1 < np.sqrt((features**2).mean()) < 10
    turned = atoms.copy()
    turned.rotate(40, (1, 2, 3), rotate_cell=True)
    np.testing.assert_allclose(potential.features(turned), features, atol=1e-9)


def test_free_atoms_alone_are_not_enough():
    fitted = BayesianFit.start(LINEAR, SPECIES, examples(()))
    assert fitted.posterior is None
    with pytest.raises(ForgefieldError, match="no structure of more than one atom to fit to; add structures"):
        fitted.potential()
    grown = fitted.plus(carbide(0), labelled(carbide(0)))
    assert np.isfinite(grown.potential().evaluate(carbide(1)).forces).all()


def test_what_cannot_be_fitted_is_refused(fits, tmp_path):
    atoms = carbide(0)
    broken = Labels(np.nan, np.zeros((8, 3)), None, "", "", 0.0)
    with pytest.raises(ForgefieldError, match="not finite, or a negative weight"):
        fits["linear"].plus(atoms, broken)
    with pytest.raises(ForgefieldError, match="element Ge"):
        fits["linear"].plus(bulk("Ge"), Labels(0.0, np.zeros((2, 3)), None, "", "", 0.0))
    path = tmp_path / "fit.npz"
    with pytest.raises(ForgefieldError, match=r"holds no state of a Bayesian fit.*; restore the file"):
        BayesianFit.load(path)
    path.write_bytes(b"PK nothing")
    with pytest.raises(ForgefieldError, match="holds no state of a Bayesian fit"):
        BayesianFit.load(path)
    fits["linear"].save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ForgefieldError, match="holds no state of a Bayesian fit"):
        BayesianFit.load(path)
