"""The properties that a potential is judged by, planned so that expensive labels can be made in parallel.

Two stages, because the second starts from the result of the first:

1. :func:`plan_equation_of_state` → labels → :func:`equation_of_state.analyse` → equilibrium structure;
2. :func:`plan_at_equilibrium` → labels → :func:`analyse_at_equilibrium`.

:func:`compute_property_set` does both at once with an ASE calculator. Each method has its own equilibrium
volume, but both share supercell, mesh and band path through :func:`resolve`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ase import Atoms
from ase.calculators.calculator import Calculator

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.properties import elasticity, equation_of_state, phonons
from forgefield.properties.elasticity import Elasticity, ElasticitySpec
from forgefield.properties.equation_of_state import EquationOfState, EquationOfStateSpec
from forgefield.properties.errors import ErrorStatistics
from forgefield.properties.phonons import Phonons, PhononSpec
from forgefield.properties.point import PointValues, evaluate_points


class PropertiesSpec(Spec):
    """Which properties are computed, and how."""

    equation_of_state: EquationOfStateSpec = EquationOfStateSpec()
    """Energy–volume curve."""
    elasticity: ElasticitySpec | None = ElasticitySpec()
    """Elastic constants; null: not computed."""
    phonons: PhononSpec | None = PhononSpec()
    """Phonons; null: not computed."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Another crystal of the system.

    Attributes:
        name: for people.
        eos: its energy–volume curve; None if it failed.
    """

    name: str
    eos: EquationOfState | None


@dataclass(frozen=True, slots=True)
class PropertySet:
    """What one method says about the target crystal; None for what was not computed or failed.

    Attributes:
        eos: energy–volume curve.
        elasticity: at the method's own equilibrium volume.
        phonons: at the method's own equilibrium volume.
        errors: of the method against the reference on held-out structures.
        problems: one line for each property that failed.
        phases: other crystals of the system.
    """

    eos: EquationOfState | None = None
    elasticity: Elasticity | None = None
    phonons: Phonons | None = None
    errors: ErrorStatistics | None = None
    problems: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()


@dataclass(frozen=True, slots=True)
class EquilibriumPlan:
    """Structures of the second stage.

    Attributes:
        atoms: the crystal at its equilibrium volume.
        strained: structures for the elastic tensor.
        displaced: supercells for the phonons.
    """

    atoms: Atoms
    strained: tuple[Atoms, ...]
    displaced: tuple[Atoms, ...]

    @property
    def structures(self) -> tuple[Atoms, ...]:
        """All of them, in the order in which evaluations are expected."""
        return self.strained + self.displaced


def resolve(atoms: Atoms, spec: PropertiesSpec) -> PropertiesSpec:
    """The spec with all that depends on the crystal settled; the same for every method and volume."""
    if spec.phonons is None:
        return spec
    return spec.model_copy(update={"phonons": phonons.resolve(atoms, spec.phonons)})


def plan_equation_of_state(atoms: Atoms, spec: PropertiesSpec) -> list[Atoms]:
    """Structures of the first stage."""
    return equation_of_state.plan(atoms, spec.equation_of_state)


def plan_at_equilibrium(equilibrium: Atoms, spec: PropertiesSpec) -> EquilibriumPlan:
    """Structures of the second stage.

    Args:
        equilibrium: from ``equation_of_state.equilibrium_structure``.
        spec: as settled by :func:`resolve`.
    """
    return EquilibriumPlan(
        atoms=equilibrium,
        strained=tuple(elasticity.plan(equilibrium, spec.elasticity)) if spec.elasticity else (),
        displaced=tuple(phonons.plan(equilibrium, spec.phonons)) if spec.phonons else (),
    )


def analyse_at_equilibrium(
    plan: EquilibriumPlan,
    spec: PropertiesSpec,
    evaluations: Sequence[PointValues | None],
    eos: EquationOfState | None = None,
) -> PropertySet:
    """Elastic tensor and phonons from the evaluations of ``plan.structures``.

    A property that lacks an evaluation or cannot be analysed is left out and named in ``problems``; the
    others are still there.

    Args:
        plan: the second stage.
        spec: as given to :func:`plan_at_equilibrium`.
        evaluations: one for each structure, None where the calculation failed.
        eos: result of the first stage, passed through.
    """
    if len(evaluations) != len(plan.structures):
        raise ForgefieldError(
            f"the plan has {len(plan.structures)} structures, but there are {len(evaluations)} evaluations",
            "give one evaluation (or None) for each structure",
        )
    split = len(plan.strained)
    problems: list[str] = []
    elastic, vibrations = None, None
    if spec.elasticity is not None:
        try:
            elastic = elasticity.analyse(plan.atoms, spec.elasticity, _complete(evaluations[:split]))
        except ForgefieldError as error:
            problems.append(f"elasticity: {error}")
    if spec.phonons is not None:
        try:
            vibrations = phonons.analyse(plan.atoms, spec.phonons, _complete(evaluations[split:]))
        except ForgefieldError as error:
            problems.append(f"phonons: {error}")
    return PropertySet(eos, elastic, vibrations, problems=tuple(problems))


def compute_phases(
    crystals: Sequence[tuple[str, Atoms]], calculator: Calculator, spec: PropertiesSpec
) -> tuple[Phase, ...]:
    """Energy–volume curves of several named crystals with an ASE calculator; None where there is no minimum."""
    found = []
    for name, atoms in crystals:
        try:
            found.append(Phase(name, equation_of_state.compute(atoms, calculator, spec.equation_of_state)))
        except ForgefieldError:
            found.append(Phase(name, None))
    return tuple(found)


def compute_property_set(atoms: Atoms, calculator: Calculator, spec: PropertiesSpec) -> PropertySet:
    """All properties with an ASE calculator, at its own equilibrium volume.

    What the calculator cannot give (an early potential may have no equilibrium at all) is named in
    ``problems`` instead of stopping the run.
    """
    settled = resolve(atoms, spec)
    try:
        eos = equation_of_state.compute(atoms, calculator, settled.equation_of_state)
    except ForgefieldError as error:
        return PropertySet(problems=(f"equation of state: {error}",))
    plan = plan_at_equilibrium(equation_of_state.equilibrium_structure(atoms, eos), settled)
    return analyse_at_equilibrium(plan, settled, evaluate_points(plan.structures, calculator), eos)


def _complete(evaluations: Sequence[PointValues | None]) -> list[PointValues]:
    present = [evaluation for evaluation in evaluations if evaluation is not None]
    if len(present) < len(evaluations):
        raise ForgefieldError(
            f"{len(evaluations) - len(present)} of {len(evaluations)} calculations failed",
            "see the ledger for the reasons",
        )
    return present
