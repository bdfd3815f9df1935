"""Sections that prove the potential: verdict, accuracy, properties."""

from __future__ import annotations

from forgefield.properties.target_set import PropertySet
from forgefield.report.figures_accuracy import LearningPoint, learning_curves, parity_plots
from forgefield.report.figures_properties import (
    elastic_plot,
    equation_of_state_plot,
    phases_plot,
    phonon_plot,
)
from forgefield.report.html import Html, joined, missing, paragraph, section
from forgefield.report.records import RunRecords
from forgefield.report.tables import elastic_table, verdict_table
from forgefield.report.wording import (
    count,
    number,
    progress_sentence,
    reference_name,
    sentence_case,
    the_reference,
)


def verdict_section(run: RunRecords) -> Html:
    """Which targets hold."""
    verdict = run.verdict
    if verdict is None:
        return section(
            "verdict", "Verdict", missing(f"No potential has been judged yet: {progress_sentence(run)}")
        )
    if not verdict.rows:
        return section("verdict", "Verdict", missing("No target was set, so nothing was judged."))
    cycle = next(each.number for each in reversed(run.cycles) if each.verdict is not None)
    return section(
        "verdict",
        "Verdict",
        paragraph(
            f"The potential of cycle {cycle} beside {the_reference(run)}, each at its own equilibrium volume."
        ),
        verdict_table(verdict, reference_name(run)),
    )


def accuracy_section(run: RunRecords) -> Html:
    """Errors on configurations that were never trained on."""
    errors = run.verified.properties.errors if run.verified and run.verified.properties else None
    if errors is None:
        return section("accuracy", "Accuracy on held-out configurations", missing(_why_no_hold_out(run)))
    trajectories = len(run.hold_out_trajectories)
    origin = (
        f" from {count(trajectories, 'independent trajectory', 'independent trajectories')}"
        if trajectories
        else ""
    )
    text = (
        f"{count(errors.n_structures, 'configuration')} with {count(errors.n_atoms, 'atom')}{origin}, "
        f"labelled by {the_reference(run)} and never used for training or selection. Forces and stresses "
        "count by component."
    )
    return section(
        "accuracy",
        "Accuracy on held-out configurations",
        paragraph(text),
        parity_plots(errors, reference_name(run)),
    )


def learning_section(run: RunRecords) -> Html:
    """Errors against what was spent."""
    points = []
    for cycle in run.cycles:
        manifest = run.manifest(cycle.number, "verify")
        errors = cycle.properties.errors if cycle.properties else None
        if manifest is not None and errors is not None and "calculations" in manifest.summary:
            points.append(
                LearningPoint(
                    cycle.number, manifest.summary["calculations"], errors.energy_mae, errors.force_mae
                )
            )
    if not points:
        return section("learning", "Learning curve", missing(_why_no_hold_out(run)))
    targets = run.spec.targets if run.spec else None
    return section(
        "learning",
        "Learning curve",
        paragraph(
            "Errors on the held-out configurations after each training. All calculations count, "
            "failed ones too."
        ),
        learning_curves(
            points,
            targets.energy_mae if targets else None,
            targets.force_mae if targets else None,
            reference_name(run).partition(" (")[0],
        ),
        paragraph("So far there is one point, from one training.", kind="note") if len(points) == 1 else None,
    )


def equation_of_state_section(run: RunRecords) -> Html:
    """Energy against volume."""
    mine, theirs = _both(run)
    title = "Equation of state"
    if mine.eos is None and theirs.eos is None:
        return section("eos", title, missing(_why_no_property(run, "equation of state", wanted=True)))
    return section(
        "eos",
        title,
        equation_of_state_plot(mine.eos, theirs.eos, reference_name(run)),
        paragraph(
            *(
                f"{name}: V₀ = {number(eos.volume, 'Å³/atom')}, B₀ = {number(eos.bulk_modulus, 'GPa')}, "
                f"B₀′ = {number(eos.bulk_modulus_derivative, digits=3)}. "
                for name, eos in ((sentence_case(the_reference(run)), theirs.eos), ("Potential", mine.eos))
                if eos is not None
            )
        ),
        _one_sided(run, mine.eos is None, theirs.eos is None, "equation of state"),
        phases_plot(mine, theirs, reference_name(run)) if theirs.phases else None,
    )


def phonon_section(run: RunRecords) -> Html:
    """Bands and densities of states."""
    mine, theirs = _both(run)
    title = "Phonons"
    if mine.phonons is None and theirs.phonons is None:
        wanted = run.spec is None or run.spec.targets.phonon_rmse is not None
        return section("phonons", title, missing(_why_no_property(run, "phonons", wanted)))
    warnings = [
        paragraph(f"{name} has imaginary modes, down to {number(phonons.lowest, 'THz', 3)}.", kind="warning")
        for name, phonons in (
            ("The potential", mine.phonons),
            (sentence_case(the_reference(run)), theirs.phonons),
        )
        if phonons is not None and phonons.imaginary
    ]
    some = theirs.phonons or mine.phonons
    cells = "×".join(str(each) for each in some.mesh) if some else ""
    return section(
        "phonons",
        title,
        phonon_plot(mine.phonons, theirs.phonons, reference_name(run)),
        paragraph(f"Finite displacements; density of states on a {cells} mesh of q-points.", kind="note"),
        joined(warnings),
        _one_sided(run, mine.phonons is None, theirs.phonons is None, "phonons"),
    )


def elastic_section(run: RunRecords) -> Html:
    """The elastic tensor."""
    mine, theirs = _both(run)
    title = "Elastic constants"
    if mine.elasticity is None and theirs.elasticity is None:
        wanted = run.spec is None or run.spec.targets.elastic_constants is not None
        return section("elasticity", title, missing(_why_no_property(run, "elasticity", wanted)))
    unstable = [
        paragraph(f"{name} finds the crystal mechanically unstable (Born criterion).", kind="warning")
        for name, elasticity in (
            ("The potential", mine.elasticity),
            (sentence_case(the_reference(run)), theirs.elasticity),
        )
        if elasticity is not None and not elasticity.stable
    ]
    return section(
        "elasticity",
        title,
        elastic_plot(mine.elasticity, theirs.elasticity, reference_name(run)),
        elastic_table(mine.elasticity, theirs.elasticity, reference_name(run)),
        joined(unstable),
        _one_sided(run, mine.elasticity is None, theirs.elasticity is None, "elasticity"),
    )


def _both(run: RunRecords) -> tuple[PropertySet, PropertySet]:
    mine = run.verified.properties if run.verified else None
    return mine or PropertySet(), run.reference or PropertySet()


def _why_no_hold_out(run: RunRecords) -> str:
    hold_out = next((manifest for name, manifest in run.steps if name.step == "hold-out"), None)
    if hold_out is not None:
        if not hold_out.summary.get("keys"):
            return "There are no held-out configurations: none of them got labels (see the failures below)."
        return (
            f"{count(len(hold_out.summary['keys']), 'configuration')} are held out, but no "
            f"potential has been verified on them yet: {progress_sentence(run)}"
        )
    if run.spec is None:
        return f"There are no held-out configurations yet: {progress_sentence(run)}"
    cycle = run.spec.hold_out_cycle
    return (
        f"There are no held-out configurations yet; they are made in cycle {cycle}: {progress_sentence(run)}"
    )


def _why_no_property(run: RunRecords, name: str, wanted: bool) -> str:
    if not wanted:
        return "Not computed: no target asks for it."
    problems = [*_problems(run.reference, name), *_problems(_both(run)[0], name)]
    if problems:
        return f"Not available. {' '.join(problems)}"
    return f"Not computed yet: {progress_sentence(run)}"


def _one_sided(run: RunRecords, no_potential: bool, no_reference: bool, name: str) -> Html | None:
    if no_reference:
        why = " ".join(_problems(run.reference, name)) or "it is not stored."
        return missing(f"{sentence_case(the_reference(run))} is missing: {why}")
    if no_potential and run.verified is None:
        return missing(f"The potential is missing: none has been verified yet; {progress_sentence(run)}")
    if no_potential:
        why = " ".join(_problems(_both(run)[0], name)) or "it could not be computed."
        return missing(f"The potential is missing: {why}")
    return None


def _problems(properties: PropertySet | None, name: str) -> list[str]:
    if properties is None:
        return []
    mine = [problem for problem in properties.problems if problem.startswith(name)]
    # Without an equation of state there is no equilibrium, and nothing else can be computed.
    earlier = [problem for problem in properties.problems if problem.startswith("equation of state")]
    return [f"{problem.rstrip('.')}." for problem in mine or earlier]
