"""The reference's own properties of the target crystal: what the potential has to match."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import read_structures, write_extxyz
from forgefield.atoms.identity import structure_key
from forgefield.atoms.json_files import read_json
from forgefield.atoms.records import Candidate
from forgefield.properties import equation_of_state, target_set
from forgefield.properties.equation_of_state import EquationOfState
from forgefield.properties.point import PointValues, point_values
from forgefield.properties.stored import from_dict, to_json
from forgefield.properties.target_set import Phase, PropertiesSpec, PropertySet
from forgefield.properties.verdict import TargetsSpec, only_needed
from forgefield.structures.prototypes import ground_state_name, prototype
from forgefield.structures.supercell import supercell
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName, write_atomically
from forgefield.workflow.labelling import LabelOutcome
from forgefield.workflow.steps.relaxed import RelaxedCrystal, relaxed_crystals
from forgefield.workflow.steps.result import StepResult

TARGETS = StepName(0, "targets")
_RECENTRINGS = 4
_TYPICAL_CALCULATIONS = 30


def compute_targets(context: Context, name: StepName) -> StepResult:
    """Equation of state, then elastic constants and phonons at its minimum, all by the reference; of a compound's
    other crystals the equation of state alone."""
    spec = context.spec
    (label, crystal), *others = _target_crystals(context)
    settings = settled_properties(context, crystal)
    outcomes: list[LabelOutcome] = []

    def evaluate(structures: Sequence[Atoms], what: str) -> list[PointValues | None]:
        candidates = [Candidate(atoms, "target", f"targets/{what}", note=what) for atoms in structures]
        outcomes.append(context.labeller.label(candidates, name))
        labelled = {
            record.key: record.labels
            for record in context.dataset.records(outcomes[-1].keys, context.recipe.key)
        }
        found = [labelled.get(structure_key(atoms)) for atoms in structures]
        return [None if labels is None else point_values(labels) for labels in found]

    equilibrium, eos = _curve(crystal, label, settings, evaluate)
    reference = PropertySet(problems=("equation of state: some of its calculations failed, see the ledger",))
    if eos is not None:
        plan = target_set.plan_at_equilibrium(equilibrium, settings)
        values = evaluate(plan.structures, "elasticity and phonons")
        reference = target_set.analyse_at_equilibrium(plan, settings, values, eos)
    frames, phases, problems = [(label, equilibrium)], [], list(reference.problems)
    for title, other in others:
        try:
            minimum, curve = _curve(other, title, settings, evaluate)
        except ForgefieldError as error:
            problems.append(str(error))
            continue
        frames.append((title, minimum))
        phases.append(Phase(title, curve))
    reference = replace(reference, phases=tuple(phases), problems=tuple(problems))
    folder = context.folder.step(name)
    write_atomically(folder / "properties.json", to_json(reference))
    for title, atoms in frames:
        atoms.info = {"name": title}
    write_extxyz(folder / "structure.xyz", [(atoms, None) for _, atoms in frames])
    calculations = sum(outcome.counts.requested for outcome in outcomes)
    labels = ", ".join(title for title, _ in frames)
    summary = {
        "structure": labels,
        "calculations": calculations,
        "failed": sum(outcome.counts.failed for outcome in outcomes),
        "problems": list(reference.problems),
    }
    line = f"properties of {labels} from {calculations} calculations with {spec.reference.engine}"
    return StepResult("; ".join([line, *reference.problems]), summary)


def _curve(
    crystal: Atoms,
    label: str,
    settings: PropertiesSpec,
    evaluate: Callable[[Sequence[Atoms], str], list[PointValues | None]],
) -> tuple[Atoms, EquationOfState | None]:
    """A crystal at its volume of lowest energy, and its equation of state; None where a calculation failed."""
    spec = settings.equation_of_state
    for _ in range(_RECENTRINGS):
        evaluations = evaluate(target_set.plan_equation_of_state(crystal, settings), "equation of state")
        points = [each for each in evaluations if each is not None]
        if len(points) < len(evaluations):
            return crystal, None
        moved = equation_of_state.recentre(crystal, spec, points)
        if moved is None:
            eos = equation_of_state.analyse(crystal, spec, points)
            return equation_of_state.equilibrium_structure(crystal, eos), eos
        crystal = moved
    raise ForgefieldError(
        f"the energies of {label} have no minimum within {_RECENTRINGS} windows of volume",
        "choose another targets.structure, or look at the reference's settings",
    )


def planned_calculations(context: Context) -> int:
    """How many calculations the targets will take, if the first window of volumes holds the minimum.

    Before anything is labelled a compound's target crystal is unknown, and so is its symmetry; its number is a guess.
    """
    if len(context.spec.system.symbols) > 1:
        return _TYPICAL_CALCULATIONS
    _, crystal = _prototype(context)
    settings = settled_properties(context, crystal)
    second_stage = target_set.plan_at_equilibrium(crystal, settings)
    return len(target_set.plan_equation_of_state(crystal, settings)) + len(second_stage.structures)


def settled_properties(context: Context, crystal: Atoms) -> PropertiesSpec:
    """Settings of the properties that the targets ask for, the same for reference and potential."""
    return target_set.resolve(crystal, only_needed(context.spec.properties, context.spec.targets))


def reference_properties(context: Context) -> tuple[Atoms, PropertySet]:
    """The target crystal at the reference's equilibrium, and the reference's properties."""
    folder = context.folder.step(TARGETS)
    (_, crystal), *_ = reference_crystals(context)
    return crystal, from_dict(PropertySet, read_json(folder / "properties.json"))


def reference_crystals(context: Context) -> list[tuple[str, Atoms]]:
    """All crystals of the targets by name, the main one first, each at the reference's equilibrium."""
    crystals = []
    for atoms in read_structures(context.folder.step(TARGETS) / "structure.xyz"):
        name = str(atoms.info.get("name", ""))
        atoms.info.clear()
        crystals.append((name, atoms))
    return crystals


def _target_crystals(context: Context) -> list[tuple[str, Atoms]]:
    """The crystals of the targets, before their volumes are known, the main one first."""
    symbols, wanted = context.spec.system.symbols, context.spec.targets.structure
    if len(symbols) == 1:
        return [_prototype(context)]
    relaxed = relaxed_crystals(context)
    if relaxed:
        return _chosen(context.spec.targets, relaxed)
    if wanted is not None:
        raise ForgefieldError(
            f"targets.structure {wanted!r} names a crystal of {'-'.join(symbols)}, but none was relaxed",
            "leave it out, or raise relaxation.structures",
        )
    return [_lowest_labelled(context)]


def _chosen(targets: TargetsSpec, relaxed: Sequence[RelaxedCrystal]) -> list[tuple[str, Atoms]]:
    """Those that are named, or the lowest; `relaxed` begins with the lowest."""

    def named(part: str, key: str) -> RelaxedCrystal:
        for each in relaxed:
            if part.lower() in each.note.lower() or part.lower() in each.name.lower():
                return each
        known = ", ".join(each.name for each in relaxed)
        raise ForgefieldError(f"{key} {part!r} names none of the relaxed crystals", f"choose among {known}")

    main = relaxed[0] if targets.structure is None else named(targets.structure, "targets.structure")
    if isinstance(targets.phases, tuple):
        others = [named(part, "targets.phases") for part in targets.phases]
    else:
        others = [each for each in relaxed if each is not main][: targets.phases]
    return [(each.name, each.atoms) for each in dict.fromkeys([main, *others])]


def _prototype(context: Context) -> tuple[str, Atoms]:
    symbol, targets = context.spec.system.symbols[0], context.spec.targets
    label = targets.structure or ground_state_name(symbol)
    crystal, largest = prototype(symbol, label), targets.max_atoms
    return label, crystal if largest is None else supercell(crystal, max(largest, len(crystal)))


def _lowest_labelled(context: Context) -> tuple[str, Atoms]:
    """The lowest of the crystals that have labels."""
    symbols = context.spec.system.symbols
    records = [
        record
        for record in context.training_records()
        if record.atoms.pbc.all()
        and record.source != "isolated-atom"
        and set(symbols) <= set(record.atoms.symbols)
    ]
    if not records:
        raise ForgefieldError(
            "no crystal of all species has labels, so there is none to judge by", "add structures.files"
        )
    lowest = min(records, key=lambda record: record.labels.energy / len(record.atoms))
    return f"{lowest.atoms.get_chemical_formula()} ({lowest.note or lowest.trajectory})", lowest.atoms
