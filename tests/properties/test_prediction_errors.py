"""Error statistics against numbers worked out by hand."""

import numpy as np
import pytest
from ase import units

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Evaluation, Labels
from forgefield.properties.errors import ErrorStatistics, prediction_errors
from forgefield.properties.point import PointValues, point_values
from forgefield.properties.stored import from_json, to_json


def point(energy, n_atoms, force=0.0, stress=0.0):
    strain = None if stress is None else np.full(6, stress * units.GPa)
    return PointValues(energy, np.full((n_atoms, 3), force), strain)


def test_errors_of_structures_of_unlike_size():
    predicted = [point(1.0, 1, 0.1, 2.0), point(8.0, 4, 0.4, -1.0)]
    reference = [point(1.01, 1, 0.0, 1.0), point(7.88, 4, 0.0, 1.0)]
    errors = prediction_errors(predicted, reference)
    assert (errors.n_structures, errors.n_atoms) == (2, 5)
    assert errors.energy_mae == pytest.approx(20.0)  # (10 + 30) / 2
    assert errors.energy_rmse == pytest.approx(np.sqrt(500.0))
    assert errors.force_mae == pytest.approx(0.34)  # (1 · 0.1 + 4 · 0.4) / 5
    assert errors.force_rmse == pytest.approx(np.sqrt((0.01 + 4 * 0.16) / 5))
    assert errors.stress_mae == pytest.approx(1.5)
    assert errors.stress_rmse == pytest.approx(np.sqrt(2.5))
    assert errors.predicted_energies == pytest.approx([1.0, 2.0])
    assert errors.reference_forces.shape == (15,)
    assert errors.reference_stresses == pytest.approx(np.ones(12))


def test_structures_without_stress_count_for_the_rest():
    predicted = [point(1.0, 1, 0.1, 0.0), point(1.0, 1, 0.1, 3.0)]
    reference = [point(1.0, 1, 0.0, None), point(1.0, 1, 0.0, 1.0)]
    errors = prediction_errors(predicted, reference)
    assert errors.stress_mae == pytest.approx(2.0)
    assert errors.force_mae == pytest.approx(0.1)
    none = prediction_errors(predicted[:1], reference[:1])
    assert none.stress_mae is None
    assert none.stress_rmse is None
    assert none.predicted_stresses.shape == (0,)


def test_error_statistics_survive_json_even_when_not_finite():
    errors = prediction_errors([point(float("nan"), 2, 0.1, None)], [point(1.0, 2, 1 / 3, None)])
    assert np.isnan(errors.energy_mae)
    text = to_json(errors)
    again = from_json(ErrorStatistics, text)
    assert np.isnan(again.energy_mae)
    assert again.force_mae == errors.force_mae
    assert np.array_equal(again.predicted_forces, errors.predicted_forces)
    assert np.isnan(again.predicted_energies[0])
    assert again.stress_mae is None
    assert to_json(again) == text


def test_point_values_come_from_labels_and_evaluations():
    forces, stress = np.ones((2, 3)), np.arange(6.0)
    labels = Labels(-1.0, forces, None, "recipe", "engine 1", 0.1)
    evaluation = Evaluation(-1.0, np.array([-0.5, -0.5]), forces, stress)
    assert point_values(labels).stress is None
    assert np.array_equal(point_values(evaluation).stress, stress)
    assert prediction_errors([point_values(evaluation)], [point_values(labels)]).energy_mae == 0


@pytest.mark.parametrize(
    ("predicted", "reference", "message"),
    [
        ([], [], "0 predictions cannot be compared with 0"),
        ([point(0, 1)], [point(0, 1), point(0, 1)], "1 predictions cannot be compared with 2"),
        ([point(0, 1)], [point(0, 2)], r"structure 0 has predicted forces of shape \(1, 3\)"),
    ],
)
def test_errors_refuse_what_does_not_fit(predicted, reference, message):
    with pytest.raises(ForgefieldError, match=message):
        prediction_errors(predicted, reference)
