"""Hold-out configurations, and the verdict: the potential's properties beside the reference's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from forgefield.atoms.json_files import read_json
from forgefield.atoms.records import Array
from forgefield.dataset.records import Record
from forgefield.potentials.contract import Potential
from forgefield.potentials.registry import load
from forgefield.properties.errors import ErrorStatistics, prediction_errors
from forgefield.properties.point import point_values
from forgefield.properties.stored import from_dict, to_json
from forgefield.properties.target_set import PropertySet, compute_phases, compute_property_set
from forgefield.properties.verdict import Verdict, VerdictRow, judge
from forgefield.selection.reliability import reliability, vanishing
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName, write_atomically
from forgefield.workflow.steps.fitting import POTENTIAL
from forgefield.workflow.steps.result import StepResult
from forgefield.workflow.steps.targets import reference_crystals, reference_properties, settled_properties
from forgefield.workflow.steps.training import check_forces, read_calibration, write_force_errors

_BINS = 5
"""Of the reliability diagram: held-out configurations have about a hundred atoms."""


def verify(context: Context, name: StepName) -> StepResult:
    """Compute the potential's properties and judge them against the targets."""
    crystal, reference = reference_properties(context)
    trained = context.folder.step(StepName(name.cycle, "train"))
    potential = load(trained / POTENTIAL)
    judged: dict[str, float] | None = None
    settings = settled_properties(context, crystal)
    properties = compute_property_set(crystal, potential.calculator(), settings)
    _, *others = reference_crystals(context)
    phases = compute_phases(others, potential.calculator(), settings)
    properties = dataclasses.replace(properties, phases=phases)
    held_out = context.hold_out_records()
    if held_out:
        properties = dataclasses.replace(properties, errors=_errors(potential, held_out))
        _test_earlier_potentials(context, name.cycle, held_out)
        scale = read_calibration(context, StepName(name.cycle, "train")).scale
        check = check_forces(potential, held_out)
        write_force_errors(context.folder.step(name) / "held-out.json", check, scale)
        judged = _reliability(scale * check.predicted, check.actual)
    verdict = judge(properties, reference, context.spec.targets)
    folder = context.folder.step(name)
    write_atomically(folder / "properties.json", to_json(properties))
    write_atomically(folder / "verdict.json", to_json(verdict))
    held = sum(row.holds for row in verdict.rows)
    errors = properties.errors
    summary = {
        "energy_mae": errors.energy_mae if errors else None,
        "force_mae": errors.force_mae if errors else None,
        "holds": verdict.holds,
        "held": held,
        "judged": len(verdict.rows),
        "calculations": context.labeller.spent(),
        "training_structures": len(context.training_records()),
        "problems": list(properties.problems),
        "reliability": judged,
    }
    missed = "; ".join(f"{row.name}: {_figure(row)}" for row in verdict.rows if not row.holds)
    line = f"{held} of {len(verdict.rows)} targets hold" + (f". Short: {missed}" if missed else "")
    return StepResult(line, summary)


def _reliability(predicted: Array, actual: Array) -> dict[str, float] | None:
    """How well the calibrated uncertainty tells the errors of the test; None without one."""
    if not predicted.any():
        return None
    bins = min(_BINS, int((~vanishing(predicted)).sum()))
    found = reliability(predicted, actual, components=3, bins=bins)
    return {
        "rank_correlation": found.rank_correlation,
        "calibration_error": found.calibration_error,
        "bins": bins,
    }


def _errors(potential: Potential, held_out: Sequence[Record]) -> ErrorStatistics:
    predicted = [point_values(potential.evaluate(record.atoms)) for record in held_out]
    return prediction_errors(predicted, [point_values(record.labels) for record in held_out])


def _test_earlier_potentials(context: Context, cycle: int, held_out: Sequence[Record]) -> None:
    """Add the errors of potentials that were verified before there was a test: the learning curve needs them."""
    for name, manifest in list(context.folder.finished()):
        if name.step != "verify" or name.cycle >= cycle or manifest.summary["force_mae"] is not None:
            continue
        errors = _errors(load(context.folder.step(StepName(name.cycle, "train")) / POTENTIAL), held_out)
        path = context.folder.step(name) / "properties.json"
        properties = from_dict(PropertySet, read_json(path))
        write_atomically(path, to_json(dataclasses.replace(properties, errors=errors)))
        summary = {**manifest.summary, "energy_mae": errors.energy_mae, "force_mae": errors.force_mae}
        context.folder.finish(name, dataclasses.replace(manifest, summary=summary))


def read_verdict(context: Context, name: StepName) -> Verdict:
    """Verdict of a finished verification."""
    return from_dict(Verdict, read_json(context.folder.step(name) / "verdict.json"))


def _figure(row: VerdictRow) -> str:
    return "not measured yet" if row.deviation is None else f"{row.deviation:.3g} {row.unit}"
