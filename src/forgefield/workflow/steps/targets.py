"""The reference's own properties of the target crystal: what the potential has to match."""

from __future__ import annotations

from collections.abc import Sequence

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import read_structures, write_extxyz
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.properties import equation_of_state, target_set
from forgefield.properties.point import PointValues, point_values
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.target_set import PropertiesSpec, PropertySet
from forgefield.properties.verdict import only_needed
from forgefield.structures.prototypes import ground_state_name, prototype
from forgefield.structures.supercell import supercell
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName, write_atomically
from forgefield.workflow.labelling import LabelOutcome
from forgefield.workflow.steps.result import StepResult

TARGETS = StepName(0, "targets")
_RECENTRINGS = 4
_TYPICAL_CALCULATIONS = 30


def compute_targets(context: Context, name: StepName) -> StepResult:
    """Equation of state, then elastic constants and phonons at its minimum, all by the reference."""
    spec = context.spec
    crystal, label = _target_crystal(context)
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

    reference = PropertySet(problems=("equation of state: some of its calculations failed, see the ledger",))
    equilibrium = crystal
    for _ in range(_RECENTRINGS):
        evaluations = evaluate(target_set.plan_equation_of_state(crystal, settings), "equation of state")
        points = [each for each in evaluations if each is not None]
        if len(points) < len(evaluations):
            break
        moved = equation_of_state.recentre(crystal, settings.equation_of_state, points)
        if moved is None:
            eos = equation_of_state.analyse(crystal, settings.equation_of_state, points)
            equilibrium = equation_of_state.equilibrium_structure(crystal, eos)
            plan = target_set.plan_at_equilibrium(equilibrium, settings)
            values = evaluate(plan.structures, "elasticity and phonons")
            reference = target_set.analyse_at_equilibrium(plan, settings, values, eos)
            break
        crystal = moved
    else:
        raise ForgefieldError(
            f"the energies of {label} have no minimum within {_RECENTRINGS} windows of volume",
            "choose another targets.structure, or look at the reference's settings",
        )
    folder = context.folder.step(name)
    write_atomically(folder / "properties.json", to_json(reference))
    write_extxyz(folder / "structure.xyz", [(equilibrium, None)])
    calculations = sum(outcome.counts.requested for outcome in outcomes)
    summary = {
        "structure": label,
        "calculations": calculations,
        "failed": sum(outcome.counts.failed for outcome in outcomes),
        "problems": list(reference.problems),
    }
    line = f"properties of {label} from {calculations} calculations with {spec.reference.engine}"
    return StepResult("; ".join([line, *reference.problems]), summary)


def planned_calculations(context: Context) -> int:
    """How many calculations the targets will take, if the first window of volumes holds the minimum.

    Before anything is labelled a compound's target crystal is unknown, and so is its symmetry; its number is a guess.
    """
    if len(context.spec.system.symbols) > 1:
        return _TYPICAL_CALCULATIONS
    crystal, _ = _target_crystal(context)
    settings = settled_properties(context, crystal)
    second_stage = target_set.plan_at_equilibrium(crystal, settings)
    return len(target_set.plan_equation_of_state(crystal, settings)) + len(second_stage.structures)


def settled_properties(context: Context, crystal: Atoms) -> PropertiesSpec:
    """Settings of the properties that the targets ask for, the same for reference and potential."""
    return target_set.resolve(crystal, only_needed(context.spec.properties, context.spec.targets))


def reference_properties(context: Context) -> tuple[Atoms, PropertySet]:
    """The target crystal at the reference's equilibrium, and the reference's properties."""
    folder = context.folder.step(TARGETS)
    (crystal,) = read_structures(folder / "structure.xyz")
    crystal.info.clear()
    return crystal, from_json(PropertySet, (folder / "properties.json").read_text())


def _target_crystal(context: Context) -> tuple[Atoms, str]:
    """The crystal of the targets, before its volume is known: a prototype, or the lowest labelled crystal."""
    symbols, wanted = context.spec.system.symbols, context.spec.targets.structure
    if len(symbols) == 1:
        label = wanted or ground_state_name(symbols[0])
        crystal, largest = prototype(symbols[0], label), context.spec.targets.max_atoms
        return crystal if largest is None else supercell(crystal, max(largest, len(crystal))), label
    if wanted is not None:
        raise ForgefieldError(
            f"targets.structure {wanted!r} names a prototype, but {'-'.join(symbols)} is a compound",
            "leave it out: the crystal of lowest energy among the initial structures is taken",
        )
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
    return lowest.atoms, f"{lowest.atoms.get_chemical_formula()} ({lowest.note or lowest.trajectory})"
