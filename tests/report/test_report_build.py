"""The page shows the numbers of the run folder, stands alone, and survives what runs leave behind."""

import hashlib
import json
import re
from collections import Counter

import numpy as np
import pytest

from forgefield.properties.phonons import phonon_rmse
from forgefield.properties.verdict import TargetsSpec, judge
from forgefield.report.build import build_report
from forgefield.report.read import read_run

from .reading import SECTIONS, properties_of, read_page, traces

FIGURES = {
    "parity-energy", "parity-force", "parity-stress", "learning-energy", "learning-force",
    "equation-of-state", "phonon-bands", "elastic-constants", "training-history", "uncertainty", "sources",
    "energy-volume", "outcomes", "wall-time",
}  # fmt: skip


@pytest.fixture(scope="module")
def page(finished_run):
    return read_page(finished_run)


def test_page_has_every_section_and_figure(page):
    assert set(page.sections) - {"top"} == SECTIONS
    assert set(page.figures) == FIGURES
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} == SECTIONS
    for name, figure in page.figures.items():
        assert figure["data"], name


def test_page_loads_nothing_and_forbids_it(finished_run, page):
    assert page.loads == []
    for style in page.styles:
        assert "url(" not in style
        assert "@import" not in style
    source = build_report(finished_run).read_text()
    assert "default-src 'none'" in source
    assert source.count("plotly.js v") == 1
    assert len(source.encode()) < 8e6


def test_building_touches_nothing_but_the_report(run_copy):
    def content():
        files = sorted(path for path in run_copy.rglob("*") if path.is_file())
        return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in files if p.name != "report.html"}

    before = content()
    build_report(run_copy)
    assert content() == before


def test_verdict_table_says_what_was_judged(finished_run, page):
    verdict = judge(properties_of(finished_run, 3), properties_of(finished_run, 0, "targets"), TargetsSpec())
    for row in verdict.rows:
        cells = page.row(row.name)
        assert cells[1] == ("✓ holds" if row.holds else "✗ falls short")
        assert float(cells[2].split()[0]) == pytest.approx(row.deviation, rel=6e-3, abs=5e-3)
        assert cells[3] == f"≤ {row.target:g} {row.unit}"
    held = sum(row.holds for row in verdict.rows)
    assert not verdict.holds
    assert f"{held} of 8 targets hold; short: energy MAE, held out (" in page.sections["top"]
    rmse = phonon_rmse(
        properties_of(finished_run, 3).phonons, properties_of(finished_run, 0, "targets").phonons
    )
    assert float(page.row("phonon RMSE")[2].split()[0]) == pytest.approx(rmse, rel=5e-3)


def test_parity_plots_show_the_held_out_values(finished_run, page):
    errors = properties_of(finished_run, 3).errors
    for name, decimals, values in (
        ("energy", 5, (errors.reference_energies, errors.predicted_energies)),
        ("force", 4, (errors.reference_forces, errors.predicted_forces)),
        ("stress", 4, (errors.reference_stresses, errors.predicted_stresses)),
    ):
        points = traces(page, f"parity-{name}")[1]
        assert np.allclose(points["x"], values[0], atol=0.51 * 10**-decimals)
        assert np.allclose(points["y"], values[1], atol=0.51 * 10**-decimals)
    title = re.search(r"Force: MAE (\S+), RMSE (\S+) eV/Å", page.sections["accuracy"])
    difference = errors.predicted_forces - errors.reference_forces
    assert float(title[1]) == pytest.approx(np.abs(difference).mean(), rel=5e-3)
    assert float(title[2]) == pytest.approx(np.sqrt((difference**2).mean()), rel=5e-3)
    assert "20 configurations with 160 atoms from 4 independent trajectories" in page.sections["accuracy"]


def test_learning_curve_has_the_cycles_with_a_test_and_the_target(finished_run, page):
    spent = [
        json.loads((finished_run / f"steps/cycle-{cycle:02d}/verify/manifest.json").read_text())["summary"][
            "calculations"
        ]
        for cycle in (2, 3)
    ]
    for name in ("energy", "force"):
        (curve,) = traces(page, f"learning-{name}")
        assert curve["x"] == spent
        expected = [getattr(properties_of(finished_run, cycle).errors, f"{name}_mae") for cycle in (2, 3)]
        assert np.allclose(curve["y"], expected, atol=1e-5)
        (line,) = page.figures[f"learning-{name}"]["layout"]["shapes"]
        assert line["y0"] == line["y1"] == getattr(TargetsSpec(), f"{name}_mae")


def test_property_figures_hold_both_sides(finished_run, page):
    mine, theirs = properties_of(finished_run, 3), properties_of(finished_run, 0, "targets")
    curves = traces(page, "equation-of-state")
    for points, eos in ((curves[1], theirs.eos), (curves[3], mine.eos)):
        assert np.allclose(points["x"], eos.volumes, atol=1e-4)
        assert np.allclose(points["y"], 1000 * (eos.energies - eos.energy), atol=1e-3)
    reference, _, potential, _ = traces(page, "phonon-bands")
    for trace, phonons in ((reference, theirs.phonons), (potential, mine.phonons)):
        drawn = np.sort([value for value in trace["y"] if value is not None])
        assert np.allclose(drawn, np.sort(phonons.bands.frequencies.ravel()), atol=1e-3)
        # One gap behind every branch of every piece of the path.
        assert trace["y"].count(None) == 6 * len(phonons.bands.segments)
    labels = page.figures["phonon-bands"]["layout"]["xaxis"]["ticktext"]
    assert labels == ["Γ", "X", "U|K", "Γ", "L", "W", "X"]
    bars = traces(page, "elastic-constants")
    assert [bar["x"] for bar in bars] == [["C11", "C12", "C44"]] * 2
    assert np.allclose(bars[0]["y"], [each.value for each in theirs.elasticity.constants], atol=0.01)
    assert np.allclose(bars[1]["y"], [each.value for each in mine.elasticity.constants], atol=0.01)


def test_uncertainty_means_follow_their_own_data(finished_run, page):
    validation = json.loads((finished_run / "steps/cycle-03/train/validation.json").read_text())
    binned = next(each for each in traces(page, "uncertainty") if each["name"] == "root mean square")
    order = np.argsort(validation["predicted"])
    tenth = np.array(validation["actual"])[order[:40]]
    assert binned["y"][0] == pytest.approx(np.sqrt((tenth**2).mean()), rel=1e-3)
    shapes = page.figures["uncertainty"]["layout"]["shapes"]
    assert [shape["x0"] for shape in shapes] == pytest.approx([0.15, 0.5])


def test_data_are_counted_by_source_and_cycle(finished_run, page):
    records = read_run(finished_run).labelled
    counts = Counter((record.source, record.cycle) for record in records)
    drawn = {
        (trace["name"].replace("&lt;", "<"), int(x.split()[1])): y
        for trace in traces(page, "sources")
        for x, y in zip(trace["x"], trace["y"], strict=True)
        if y
    }
    assert drawn == counts
    assert page.row("all")[-2:] == [str(len(records)), str(sum(len(record.atoms) for record in records))]
    points = [y for trace in traces(page, "energy-volume") for y in trace["y"]]
    assert len(points) == len(records) - 1
    assert min(points) == 0.0
    assert "38 may be trained on, 20 are held out" in page.sections["data"]


def test_failures_exploration_and_cost_are_told(page):
    failures = page.sections["failures"]
    assert "2 of 67 calculations gave no labels (1 not-converged, 1 time-limit)" in failures
    assert "gave up after 60 s in attempt 1" in failures
    assert "converged only after a retry" in failures
    outcomes = {trace["name"]: trace["y"] for trace in traces(page, "outcomes")}
    assert outcomes == {"completed": [1, 1], "uncertain": [2, 2], "overlap": [1, 1]}
    assert "cycle-02/nvt-600K-01" in page.sections["exploration"]
    wall, calculations, failed, core_seconds, _ = next(
        row[1:] for row in page.rows if row[0] == "00/label" and len(row) == 6
    )
    assert (wall, calculations, failed) == ("1 min 15 s", "24", "2")
    # 22 labels of 2 + (n mod 5) s and two failures of 61.5 s.
    assert float(core_seconds) == sum(2 + n % 5 for n in range(22)) + 123


def test_user_text_is_escaped_everywhere(finished_run, page):
    source = build_report(finished_run).read_text()
    assert "<script>alert" not in source
    assert 'SCF <script>alert("x")</script> & not converged' in page.sections["failures"]
    assert '# Silicon <to be "escaped" & kept>' in page.sections["reproduction"]
    assert "random <odd>" in page.sections["data"]
    assert '"Tersoff <1989>"' in page.sections["reproduction"]


def test_reader_learns_how_to_use_and_repeat(finished_run, page):
    assert f"forgefield.load('{finished_run.name}/potential')" in page.sections["usage"]
    assert "steps/cycle-00/targets/structure.xyz" in page.sections["usage"]
    assert page.row("seed") == ["seed", "7"]
    assert page.row("python")[1] == "3.11.9"
    assert '"energy_mae": 4.0' in page.sections["reproduction"]
