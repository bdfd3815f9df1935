"""The page of a run that is not done, is damaged, is large, or has failed in part."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties.errors import prediction_errors
from forgefield.properties.point import PointValues
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.target_set import PropertySet
from forgefield.properties.verdict import TargetsSpec, Verdict, judge
from forgefield.report.build import build_report

from .reading import SECTIONS, properties_of, read_page, traces


def test_run_before_its_first_label(run_copy):
    shutil.rmtree(run_copy / "steps")
    shutil.rmtree(run_copy / "potential")
    for name in ("dataset.db", "ledger.jsonl", "verdict.json"):
        (run_copy / name).unlink()
    page = read_page(run_copy)
    assert set(page.sections) - {"top"} == SECTIONS
    assert page.figures == {}
    assert "No verdict yet: no step of the run is finished." in page.sections["top"]
    for name in SECTIONS - {"reproduction"}:
        assert re.search(r"\b(No|no|not|Not|Nothing|Neither)\b", page.sections[name]), name
    assert (run_copy / "report.html").stat().st_size < 1e5


def test_run_without_hold_out_says_when_it_comes(run_copy):
    for cycle in ("cycle-02", "cycle-03"):
        shutil.rmtree(run_copy / "steps" / cycle)
    (run_copy / "steps/cycle-02/train").mkdir(parents=True)
    page = read_page(run_copy)
    expected = (
        "There are no held-out configurations yet; they are made in cycle 2: "
        "the last finished step is 01/label; 02/train has begun but is not finished."
    )
    assert expected in page.sections["accuracy"]
    assert expected in page.sections["learning"]
    assert not any(name.startswith(("parity", "learning")) for name in page.figures)
    assert {"equation-of-state", "phonon-bands", "elastic-constants"} <= set(page.figures)
    assert page.row("energy MAE, held out")[1:3] == ["✗ not measured", "–"]
    assert "So far, " in page.sections["top"]
    assert "not measured: energy MAE, held out, force MAE, held out" in page.sections["top"]
    assert page.row("02/train")[1] == "–"


def test_run_with_nothing_but_the_reference_shows_the_reference(run_copy):
    for cycle in (1, 2, 3):
        shutil.rmtree(run_copy / f"steps/cycle-{cycle:02d}")
    shutil.rmtree(run_copy / "potential")
    page = read_page(run_copy)
    assert len(traces(page, "elastic-constants")) == 1
    for name in ("eos", "phonons", "elasticity"):
        assert "The potential is missing: none has been verified yet" in page.sections[name]
    assert "There is no potential yet" in page.sections["usage"]


def test_hold_out_without_verification_and_running_exploration(run_copy):
    (run_copy / "steps/cycle-02/verify/manifest.json").unlink()
    (run_copy / "steps/cycle-02/explore/manifest.json").unlink()
    for step in ("select", "label"):
        shutil.rmtree(run_copy / "steps/cycle-02" / step)
    shutil.rmtree(run_copy / "steps/cycle-03")
    page = read_page(run_copy)
    assert (
        "20 configurations are held out, but no potential has been verified on them"
        in page.sections["accuracy"]
    )
    assert "The potential of cycle 1" in page.sections["verdict"]
    # Trajectories that are already there count, though the step is not finished.
    assert traces(page, "outcomes")[0]["x"] == ["cycle 1", "cycle 2"]


def test_property_that_failed_or_is_not_wanted_is_explained(run_copy):
    for folder in ("cycle-00/targets", "cycle-03/verify"):
        path = run_copy / "steps" / folder / "properties.json"
        properties = from_json(PropertySet, path.read_text())
        problem = "elasticity: 2 of 6 calculations <failed>; see the ledger for the reasons"
        properties = dataclasses.replace(properties, elasticity=None, phonons=None, problems=(problem,))
        path.write_text(to_json(properties))
    spec = json.loads((run_copy / "spec.json").read_text())
    spec["targets"]["phonon_rmse"] = None
    (run_copy / "spec.json").write_text(json.dumps(spec))
    page = read_page(run_copy)
    assert "Not available. elasticity: 2 of 6 calculations <failed>" in page.sections["elasticity"]
    assert "Not computed: no target asks for it." in page.sections["phonons"]
    assert "Properties that could not be computed" in page.sections["failures"]


def test_unstable_potential_is_called_so(run_copy):
    path = run_copy / "steps/cycle-03/verify/properties.json"
    found = from_json(PropertySet, path.read_text())
    phonons = dataclasses.replace(found.phonons, lowest=-1.25, imaginary=True)
    elasticity = dataclasses.replace(found.elasticity, stable=False)
    path.write_text(to_json(dataclasses.replace(found, phonons=phonons, elasticity=elasticity)))
    page = read_page(run_copy)
    assert "The potential has imaginary modes, down to −1.25 THz." in page.sections["phonons"]
    assert "The potential finds the crystal mechanically unstable" in page.sections["elasticity"]


def test_damaged_files_are_named_and_the_rest_is_shown(run_copy):
    (run_copy / "steps/cycle-03/train/history.json").write_text("[[1, 2")
    (run_copy / "steps/cycle-03/verify/properties.json").write_text('{"eos": null}')
    (run_copy / "steps/cycle-01/explore/trajectory-000.json").write_text('{"name": "x"}')
    (run_copy / "spec.json").write_text('{"system": {"element": "Xx"}}')
    (run_copy / "dataset.db").write_bytes(b"this is not SQLite, but it is long enough to be looked at" * 40)
    with (run_copy / "ledger.jsonl").open("a") as ledger:
        ledger.write('{"key": "torn')
    page = read_page(run_copy)
    top = page.sections["top"]
    for name in (
        "cycle-03/train/history.json",
        "cycle-03/verify/properties.json",
        "trajectory-000.json",
        "spec.json",
    ):
        assert f"{name} cannot be read" in top
    assert "dataset.db cannot be used" in top
    assert "ledger" not in top
    assert "2 of 67 calculations gave no labels" in page.sections["failures"]
    assert "phonon-bands" in page.figures


def test_numbers_that_are_not_finite_become_gaps(run_copy):
    path = run_copy / "steps/cycle-03/verify/properties.json"
    found = from_json(PropertySet, path.read_text())
    points = [PointValues(float(n), np.full((1, 3), float(n)), None) for n in range(3)]
    broken = [*points[:2], PointValues(np.nan, np.full((1, 3), np.inf), None)]
    with np.errstate(invalid="ignore"):
        errors = prediction_errors(broken, points)
    found = dataclasses.replace(found, errors=errors)
    path.write_text(to_json(found))
    verdict = judge(found, properties_of(run_copy, 0, "targets"), TargetsSpec())
    (path.parent / "verdict.json").write_text(to_json(verdict))
    page = read_page(run_copy)
    assert traces(page, "parity-energy")[1]["y"] == [0.0, 1.0, None]
    assert "Energy: MAE –, RMSE –" in page.sections["accuracy"]
    assert page.row("force MAE, held out")[1] == "✗ not measured"
    assert "parity-stress" not in page.figures


def test_large_runs_stay_small_pages(run_copy):
    path = run_copy / "steps/cycle-03/verify/properties.json"
    found = from_json(PropertySet, path.read_text())
    rng = np.random.default_rng(0)
    points = [PointValues(rng.normal(), rng.normal(size=(200, 3)), rng.normal(size=6)) for _ in range(200)]
    path.write_text(to_json(dataclasses.replace(found, errors=prediction_errors(points[::-1], points))))
    page = read_page(run_copy)
    assert len(traces(page, "parity-force")[1]["x"]) <= 4000
    assert "One point in 30 of 120,000 is shown." in page.sections["accuracy"]
    assert (run_copy / "report.html").stat().st_size < 8e6


def test_success_is_one_sentence(run_copy):
    path = run_copy / "steps/cycle-03/verify/verdict.json"
    verdict = from_json(Verdict, path.read_text())
    rows = tuple(row for row in verdict.rows if row.holds)
    path.write_text(to_json(Verdict(rows, True)))
    page = read_page(run_copy)
    assert f"All {len(rows)} targets hold." in page.sections["top"]


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(
        ForgefieldError, match=r"there is no run folder .*; check the path, or start a run first"
    ):
        build_report(tmp_path / "nowhere")
    with pytest.raises(ForgefieldError, match=r"holds no run: it has neither spec\.json nor steps/"):
        build_report(tmp_path)
    assert list(tmp_path.iterdir()) == []
