"""Sections for the record: failures, cost, use, reproduction."""

from __future__ import annotations

import json
from collections import Counter

from forgefield.reference.ledger import CONVERGED
from forgefield.report.figures_data import cost_plot
from forgefield.report.html import Html, element, folded, missing, paragraph, section
from forgefield.report.records import RunRecords
from forgefield.report.table import MOST_ROWS
from forgefield.report.tables import StepCost, cost_table, failures_table, pairs_table
from forgefield.report.wording import count, progress_sentence, reference_name

_MOST_BARS = 40


def failures_section(run: RunRecords) -> Html:
    """What failed, and why."""
    title = "What failed, and why"
    if not run.ledger:
        return section("failures", title, missing("No calculation has been made yet, so none has failed."))
    failures = [entry for entry in run.ledger if entry.kind != CONVERGED]
    retried = sum(entry.attempts > 1 for entry in run.ledger if entry.kind == CONVERGED)
    properties = [
        (name, problem)
        for name, found in (
            (reference_name(run), run.reference),
            ("potential", run.verified.properties if run.verified else None),
        )
        if found is not None
        for problem in found.problems
    ]
    parts: list[Html] = []
    if failures:
        kinds = Counter(entry.kind for entry in failures)
        counted = ", ".join(f"{how_many} {kind}" for kind, how_many in kinds.most_common())
        text = (
            f"{len(failures):,} of {count(len(run.ledger), 'calculation')} gave no labels ({counted}). Their "
            f"structures are kept in quarantine/ and are not in the data."
        )
        parts += [paragraph(text), failures_table(failures)]
        if len(failures) > MOST_ROWS:
            parts.append(paragraph(f"The first {MOST_ROWS} are shown; all are in ledger.jsonl.", kind="note"))
    else:
        parts.append(paragraph(f"Nothing: all {count(len(run.ledger), 'calculation')} gave labels."))
    if retried:
        text = f"{retried:,} of {count(len(run.ledger), 'calculation')} converged only after a retry."
        parts.append(paragraph(text, kind="note"))
    if properties:
        parts.append(element("h3", "Properties that could not be computed"))
        parts.append(element("ul", [element("li", f"{name}: {problem}") for name, problem in properties]))
    return section("failures", title, *parts)


def cost_section(run: RunRecords) -> Html:
    """What everything cost."""
    if not run.steps and not run.ledger:
        return section("cost", "Cost", missing("Nothing has been spent yet."))
    costs = _costs(run)
    setting_aside = (
        paragraph(
            f"The run was begun again from an earlier step {count(run.set_aside, 'time')}; calculations of "
            "steps that were set aside still count, their wall time does not.",
            kind="note",
        )
        if run.set_aside
        else None
    )
    return section(
        "cost",
        "Cost",
        paragraph(
            "Calculations run on one core each, several side by side, so core-seconds may exceed "
            "the wall time."
        ),
        cost_plot(_wall_times(run)) if run.steps else None,
        cost_table(costs),
        setting_aside,
    )


def usage_section(run: RunRecords) -> Html:
    """How to use the potential."""
    title = "How to use the potential"
    if not run.potential_exists:
        return section("usage", title, missing(f"There is no potential yet: {progress_sentence(run)}"))
    name = run.folder.path.resolve().name
    structure = run.folder.steps / "cycle-00" / "targets" / "structure.xyz"
    example = f"{name}/steps/cycle-00/targets/structure.xyz" if structure.exists() else "structure.xyz"
    snippet = "\n".join(
        [
            "import forgefield",
            "from ase.io import read",
            "",
            f"potential = forgefield.load({name + '/potential'!r})",
            f"atoms = read({example!r})",
            "atoms.calc = potential.calculator()",
            "",
            "print(atoms.get_potential_energy())  # eV",
            "print(atoms.get_forces())            # eV/Å",
            "print(atoms.get_stress())            # eV/Å³, Voigt order xx yy zz yz xz xy",
        ]
    )
    return section(
        "usage",
        title,
        paragraph(f"From the folder that holds {name}:"),
        element("pre", element("code", snippet)),
    )


def reproduction_section(run: RunRecords) -> Html:
    """Everything that is needed to get the same again."""
    versions: dict[str, set[str]] = {}
    for _, manifest in run.steps:
        for name, version in manifest.versions.items():
            versions.setdefault(name, set()).add(version)
    parts: list[Html] = []
    facts: dict[str, str] = {}
    if run.spec is not None:
        facts["seed"] = str(run.spec.seed)
    if run.recipe is not None:
        facts["recipe"] = f"{run.recipe.label}, key {run.recipe.key}"
        facts |= {
            name: json.dumps(value, ensure_ascii=False) for name, value in run.recipe.parameters.items()
        }
    if facts:
        parts.append(pairs_table("settings", facts))
    else:
        parts.append(missing("Neither settings nor recipe are stored."))
    if versions:
        parts.append(
            pairs_table("versions", {name: ", ".join(sorted(found)) for name, found in versions.items()})
        )
    if run.input_text.strip():
        parts += [element("h3", "Input"), element("pre", element("code", run.input_text.strip()))]
    else:
        parts.append(missing("The run has no input file; it was started from Python."))
    if run.spec is not None:
        resolved = run.spec.model_dump_json(indent=2)
        parts.append(folded("All settings, defaults included", element("pre", element("code", resolved))))
    return section("reproduction", "Reproducibility", *parts)


def _costs(run: RunRecords) -> list[StepCost]:
    wall = {str(name): manifest.seconds for name, manifest in run.steps}
    names = list(dict.fromkeys([*wall, *map(str, run.begun), *(entry.step for entry in run.ledger)]))
    costs = []
    for name in names:
        mine = [entry for entry in run.ledger if entry.step == name]
        failed = sum(entry.kind != CONVERGED for entry in mine)
        made = sum(entry.attempts > 0 for entry in mine)
        costs.append(StepCost(name, wall.get(name), made, failed, sum(entry.seconds for entry in mine)))
    return costs


def _wall_times(run: RunRecords) -> dict[str, float]:
    """Seconds of each step; of each kind of step, where single ones would be too many to draw."""
    single = len(run.steps) <= _MOST_BARS
    seconds: dict[str, float] = {}
    for name, manifest in run.steps:
        label = str(name) if single else f"all {name.step}"
        seconds[label] = seconds.get(label, 0.0) + manifest.seconds
    return seconds
