"""What no single setting can know: whether names exist, engines are there, and the budget suffices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from forgefield.app.explain import pinpoint
from forgefield.app.problems import KeyPath, Problem, as_written, dotted
from forgefield.app.yaml_source import Source
from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.recipe import resolve_recipe
from forgefield.structures.build import chosen_prototypes
from forgefield.structures.prototypes import known_element, known_prototype
from forgefield.structures.spec import StructuresSpec
from forgefield.workflow.identify import wanted_compound
from forgefield.workflow.spec import RunSpec


def check(spec: RunSpec, source: Source) -> list[Problem]:
    """Problems of an input whose settings are valid one by one."""
    names = list(_names(spec, source))
    if any(problem.key.startswith("system") for problem in names):
        return names
    return [
        *names,
        *_compound(spec, source),
        *_files(spec, source),
        *_engine(spec, source),
        *_budget(spec, source),
    ]


def planned_structures(spec: StructuresSpec, species: tuple[str, ...]) -> int:
    """How many initial structures there will be, at most; structures from files not counted.

    Raises:
        ForgefieldError: an unknown element or prototype.
    """
    isolated = len(species) if spec.isolated_atom else 0
    if len(species) != 1:
        sources = (
            spec.prototypes == "auto",
            spec.substitution,
            spec.random.count,
            spec.optimade,
            spec.materials_project,
        )
        return isolated + (spec.crystals.count if any(sources) else 0)
    prototypes = chosen_prototypes(spec, species[0])
    strained = spec.strain.volume_count + spec.strain.small_count + spec.strain.large_count
    rattled = len(spec.rattle.amplitudes) * spec.rattle.count
    main = strained + rattled if prototypes else 0
    return main + len(prototypes[1:]) * spec.companions.volumes + spec.random.count + isolated


def _names(spec: RunSpec, source: Source) -> Iterator[Problem]:
    for symbol in spec.system.symbols:
        yield from _attempt(partial(known_element, symbol), ("system",), source)
    if len(spec.system.symbols) != 1:
        return
    if spec.structures.prototypes != "auto":
        for index, name in enumerate(spec.structures.prototypes):
            path = ("structures", "prototypes", index)
            yield from _attempt(partial(known_prototype, name), path, source)
    structure = spec.targets.structure
    if structure is not None:
        yield from _attempt(partial(known_prototype, structure), ("targets", "structure"), source)


def _compound(spec: RunSpec, source: Source) -> Iterator[Problem]:
    """Whether a compound's species are ions that can be neutral together; one given by its id is looked up later."""
    if len(spec.system.symbols) > 1 and spec.system.id is None:
        given = "formula" if spec.system.formula is not None else "species"
        yield from _attempt(lambda: wanted_compound(spec, Path()), ("system", given), source)


def _files(spec: RunSpec, source: Source) -> Iterator[Problem]:
    for index, path in enumerate(spec.structures.files):
        if not path.is_file():
            kind = "is a folder, not a file" if path.is_dir() else "does not exist"
            key: KeyPath = ("structures", "files", index)
            cause = f"{path} {kind}"
            remedy = "correct the path, which is relative to the input file"
            yield Problem(source.line(key), dotted(key), as_written(source.value(key)), cause, remedy)


def _engine(spec: RunSpec, source: Source) -> Iterator[Problem]:
    if spec.system.symbols:
        yield from _attempt(
            lambda: resolve_recipe(spec.reference, spec.system.symbols), ("reference",), source
        )


def _budget(spec: RunSpec, source: Source) -> Iterator[Problem]:
    limit = spec.budget.calculations
    if limit is None:
        return
    try:
        initial = planned_structures(spec.structures, spec.system.symbols)
    except ForgefieldError:
        # An unknown element or prototype, which is reported by itself.
        return
    if spec.structures.slabs is not None or spec.structures.defects is not None:
        initial += spec.perturbation.count
    needed = initial + spec.hold_out.configurations
    if limit <= needed:
        cause = (
            f"about {initial} initial structures and {spec.hold_out.configurations} held-out configurations "
            "leave nothing for exploration"
        )
        remedy = f"allow more than {needed} calculations, or lower the counts under structures or hold_out"
        key: KeyPath = ("budget", "calculations")
        yield Problem(source.line(key), dotted(key), str(limit), cause, remedy)


def _attempt(action: Callable[[], object], path: KeyPath, source: Source) -> Iterator[Problem]:
    try:
        action()
    except ForgefieldError as error:
        where = pinpoint(error.problem, path, source)
        if where == path and path == ("reference",):
            where = next((p for p in (("reference", "engine"),) if p in source.lines), path)
        value = source.value(where)
        shown = "" if value is None or isinstance(value, dict) else as_written(value)
        yield Problem(source.line(where), dotted(where), shown, error.problem, error.remedy)


def relative_to(spec: RunSpec, folder: Path) -> RunSpec:
    """The spec with structure files and pseudopotentials looked up from a folder, that of the input."""
    files = tuple(folder / path for path in spec.structures.files)
    if files:
        spec = spec.model_copy(update={"structures": spec.structures.model_copy(update={"files": files})})
    if spec.reference.pseudopotentials is not None:
        named = str(folder / Path(spec.reference.pseudopotentials).expanduser())
        spec = spec.model_copy(
            update={"reference": spec.reference.model_copy(update={"pseudopotentials": named})}
        )
    return spec
