"""Bayesian potentials as a family: `fit`, the registry and the command."""

import json

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from forgefield import load
from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.fitting import fit
from forgefield.potentials.registry import FAMILIES
from forgefield.potentials.repulsion import RepulsedPotential

from .bayesian_cases import BOTH, SMALL, carbide, examples


def framed(seeds):
    frames = []
    for each in examples(seeds):
        labels, atoms = each.labels, each.atoms.copy()
        results = {"energy": labels.energy, "forces": labels.forces}
        results |= {} if labels.stress is None else {"stress": labels.stress}
        atoms.calc = SinglePointCalculator(atoms, **results)
        frames.append(atoms)
    return frames


@BOTH
def test_fit_gives_it_like_any_other_family(spec, tmp_path):
    reports, shares = [], []
    settings = {"potential": spec.model_dump(), "training": {"epochs": 3}}
    fitted = fit(framed(range(20)), "bayesian", settings=settings, report=reports.append, tick=shares.append)
    (only,) = fitted.result.history
    assert reports == [only]
    assert shares[-1] == 1.0
    assert (only.epoch, only.epochs, fitted.result.ending) == (1, 1, "finished")
    assert 0 < only.training < 0.3
    assert 0 < only.validation < 0.5
    assert 0 < only.validation_energy < 0.1
    assert only.validation_stress > 0
    assert "training.epochs: no effect, as bayesian potentials are fitted in closed form" in fitted.warnings
    assert isinstance(fitted.potential, RepulsedPotential)
    fitted.potential.save(tmp_path / "potential")
    atoms = carbide(99)
    one, other = (each.evaluate(atoms, True) for each in (fitted.potential, load(tmp_path / "potential")))
    np.testing.assert_array_equal(one.forces, other.forces)
    np.testing.assert_array_equal(one.uncertainty.components, other.uncertainty.components)
    for index in np.flatnonzero(fitted.validation.sizes > 1):
        found = fitted.potential.evaluate(fitted.validation.atoms(index)).forces
        assert np.abs(found - fitted.validation.label(index).forces).mean() < 0.5


def test_a_fit_without_validation_reports_its_own_residuals():
    settings = {"potential": SMALL, "repulsion": None}
    fitted = fit(framed(range(2)), "bayesian", settings=settings)
    assert len(fitted.validation) == 0
    (only,) = fitted.result.history
    assert only.validation == only.training > 0


def test_a_fit_that_is_stopped_says_so():
    with pytest.raises(ForgefieldError, match=r"stopped after 14% of the data.*; repeat the command"):
        fit(framed(range(6)), "bayesian", settings={"potential": SMALL}, stop=lambda: True)


def test_the_family_is_registered():
    assert FAMILIES["bayesian"].problem is None
    assert FAMILIES["bayesian"].closed_form is not None


def test_the_command_trains_it(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from forgefield.app.cli import app

    ase.io.write(tmp_path / "data.xyz", framed(range(20)))
    settings = [word for name, value in SMALL.items() for word in ("--set", f"potential.{name}={value}")]
    out = tmp_path / "out"
    arguments = ["train", str(tmp_path / "data.xyz"), "--family", "bayesian", "-o", str(out), *settings]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((out / "training.json").read_text())
    assert record["family"] == "bayesian"
    assert len(record["history"]) == 1
    assert (out / "report.html").exists()
    assert load(out / "potential").evaluate(carbide(3), uncertainty=True).uncertainty is not None
