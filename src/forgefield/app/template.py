"""The input file that `forgefield init` writes: short, commented, valid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from forgefield.app.explain import nearest_element
from forgefield.app.settings import plain
from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.spec import ENGINE_SETTINGS, ReferenceSpec, engine_family
from forgefield.structures.prototypes import known_element
from forgefield.structures.spec import StructuresSpec
from forgefield.workflow.identify import wanted_compound
from forgefield.workflow.spec import RunSpec


def changes(spec: BaseModel, base: BaseModel) -> dict[str, Any]:
    """What a group of settings has otherwise than another one of its kind, as plain values."""
    found: dict[str, Any] = {}
    for name in type(spec).model_fields:
        mine, theirs = getattr(spec, name), getattr(base, name)
        if mine != theirs:
            is_group = isinstance(mine, BaseModel) and isinstance(theirs, BaseModel)
            found[name] = changes(mine, theirs) if is_group else plain(mine)
    return found


QUICK: Mapping[str, Mapping[str, Any]] = {
    "structures": changes(StructuresSpec.quick(), StructuresSpec()),
    "reference": {
        "k_spacing": 0.35,
        "parameters": {"convergence": {"energy": 1e-4, "density": 3e-4, "eigenstates": 1e-4}},
    },
    "exploration": {"max_atoms": 8, "trajectories": 8, "steps": 800},
    "selection": {"per_cycle": 10},
    "cycles": {"max": 4},
    "hold_out": {"configurations": 12, "steps": 800, "max_atoms": 8},
    "properties": {"phonons": {"minimum_length": 5.0}},
    "targets": {"max_atoms": 8},
    "budget": {"calculations": 120},
}
"""Settings of `--quick`, by group: a first potential of an element in about 10 minutes on two cores."""

QUICK_COMPOUND: Mapping[str, Mapping[str, Any]] = {
    "structures": {"crystals": {"count": 12, "max_atoms": 12}, "random": {"count": 4}, "parents": 2},
    "reference": {"k_spacing": 0.5},
    "relaxation": {"structures": 6, "calculations": 10},
    "exploration": {"max_atoms": 12, "trajectories": 6, "steps": 600},
    "selection": {"per_cycle": 20},
    "cycles": {"max": 3},
    "hold_out": {"configurations": 15, "steps": 600, "max_atoms": 12},
    "budget": {"calculations": 160},
}
"""Settings of `--quick` for a compound, by group."""

_COMPOUND: Mapping[str, Mapping[str, Any]] = {
    "structures": {"crystals": {"count": 30, "max_atoms": 24}, "isolated_atom": False},
    "relaxation": {"structures": 10},
    "targets": {"phases": 1, "elastic_constants": None, "phonon_rmse": None},
}
"""Settings that are worth showing for a compound, or that are other than for an element."""

_SHOWN: Mapping[str, tuple[str, ...]] = {
    "exploration": ("temperatures", "max_atoms"),
    "selection": ("per_cycle",),
    "cycles": ("max",),
    "hold_out": ("configurations",),
    "targets": ("energy_mae", "force_mae", "bulk_modulus", "elastic_constants", "phonon_rmse"),
    "budget": ("calculations", "hours"),
}
"""Settings that are worth showing with their defaults, by group."""

_COMMENTS = {
    "structures": "Where the first structures come from. Without this group: from all sources.",
    "structures.crystals": "Databases, prototypes, ionic substitution and random search give crystals with up to so\n"
    "many atoms; each type is used once.",
    "structures.isolated_atom": "Free atoms: costly with plane waves, and needed for cohesive energies only.",
    "structures.parents": "From how many crystals perturbed ones are made.",
    "structures.random": "Crystals with random space groups.",
    "relaxation": "The crystals of lowest energy are relaxed on a potential that learns on the way.",
    "targets.phases": "Crystals beside the lowest whose energy–volume curves are compared: how many, or names.",
    "structures.files": "Structures of your own, in any format that ASE reads; relative to this file.",
    "reference": "What the potential learns from.",
    "reference.engine": "gpaw (density functional theory); espresso, cp2k, abinit or vasp, installed on your own;\n"
    "tblite (molecules and large cells); or ase:<module>.<callable> for any ASE calculator.",
    "reference.pseudopotentials": "Folder of the program's pseudopotentials, absolute or relative to this file.",
    "reference.command": "How the program is started, such as mpirun -np 4 pw.x.",
    "reference.k_spacing": "Distance between k-points, 1/Å, with the factor 2π.",
    "reference.parameters": "Further arguments of the calculator: here, when self-consistency is good enough.",
    "properties": "How the properties of the verdict are computed.",
    "targets.max_atoms": "Properties are computed in cells of so many atoms, as the potential is trained on:\n"
    "with a coarse k-point mesh this is the fairer comparison.",
    "exploration": "Molecular dynamics that learns on the fly: it calls the reference only where it does not know.",
    "exploration.max_atoms": "Larger cells see more, but each of their reference calculations costs more.",
    "selection": "How many structures an exploration may compute, at most.",
    "cycles": "Trainings, at most; the run ends earlier when every target holds.",
    "hold_out": "Configurations that are computed for the test alone and never trained on.",
    "targets": "What the potential must reach, beside the reference; null where it does not matter.",
    "budget": "What the run may cost; null: no limit. It can be raised and the run continued.",
    "seed": "The same seed gives the same structures and the same data set.",
}
"""Comments above a group or key."""

_REMARKS = {
    "exploration.temperatures": "K",
    "targets.energy_mae": "meV/atom, mean absolute error on held-out configurations",
    "targets.force_mae": "eV/Å, likewise",
    "targets.bulk_modulus": "% of the reference's",
    "targets.elastic_constants": "% of the reference's, each",
    "targets.phonon_rmse": "THz, over the Brillouin zone",
    "budget.calculations": "reference calculations in all",
    "budget.hours": "no new cycle begins after so many",
}
"""Comments behind a value."""

_PROGRAMS: Mapping[str, Mapping[str, str]] = {
    "espresso": {"pseudopotentials": "pseudopotentials", "command": "pw.x"},
    "cp2k": {"command": "cp2k"},
    "abinit": {"pseudopotentials": "pseudopotentials", "command": "abinit"},
    "vasp": {"pseudopotentials": "potentials", "command": "vasp_std"},
}
"""Settings that stand in an input for a program, as places to fill in."""

_REMARK_COLUMN = 30
_SYMBOL = re.compile(r"(?<=[A-Za-z])[^A-Za-z]")
"""What follows the symbol of an ion."""


def input_template(species: Sequence[str], quick: bool = False, engine: str = "gpaw") -> str:
    """A commented input for a chemical system.

    Args:
        species: chemical symbols, of a compound with oxidation states: ``Ti4+``, ``O2-``.
        quick: small numbers of everything.
        engine: of the reference calculations.

    Raises:
        ForgefieldError: an unknown element or engine.
    """
    names = list(dict.fromkeys(species))
    for name in names:
        _checked(_SYMBOL.split(name, maxsplit=1)[0])
    if not names:
        raise ForgefieldError("no element is given", "name at least one, such as --species Si")
    _check_engine(engine)
    compound = len(names) > 1
    small: Mapping[str, Mapping[str, Any]] = (QUICK_COMPOUND if compound else QUICK) if quick else {}
    groups: dict[str, dict[str, Any]] = {}
    for name in ("structures", "reference", "relaxation", "properties", *_SHOWN):
        defaults = {key: _default(name, key) for key in _SHOWN.get(name, ())}
        groups[name] = (
            defaults | dict(_COMPOUND.get(name, {}) if compound else {}) | dict(small.get(name, {}))
        )
    groups["reference"] = {"engine": engine, **_of_engine(engine, groups["reference"])}
    title = f"# forgefield input for {'-'.join(names)}. All keys: forgefield schema --describe"
    system = ["", "# The chemical system.", "system:", f"  species: [{', '.join(names)}]"]
    body = [line for name, content in groups.items() if content for line in _group(name, content)]
    text = "\n".join([title, *system, *body, "", *_comment("seed", ""), "seed: 1", ""])
    if compound:
        _check_compound(text)
    return text


def _check_compound(text: str) -> None:
    """Whether the ions can be neutral together."""
    try:
        wanted_compound(RunSpec.model_validate(yaml.safe_load(text)), Path())
    except ValidationError as error:
        raise _first_problem(error) from error


def _of_engine(engine: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the engine reads, and what a program needs to be told."""
    family = engine_family(engine)
    if family == "gpaw":
        return dict(settings)
    # Parameters go by the names of the engine that they were written for.
    kept = {key: settings[key] for key in settings if key in ENGINE_SETTINGS[family] - {"parameters"}}
    return {**kept, **_PROGRAMS.get(family, {})}


def _group(name: str, content: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield from _comment(name, "")
    yield f"{name}:"
    yield from _entries(name, content, "  ")


def _entries(prefix: str, content: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in content.items():
        yield from _comment(f"{prefix}.{key}", indent)
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _entries(f"{prefix}.{key}", value, indent + "  ")
        else:
            remark = _REMARKS.get(f"{prefix}.{key}", "")
            line = f"{indent}{key}: {_written(value)}"
            yield f"{line.ljust(_REMARK_COLUMN)}  # {remark}" if remark else line


def _comment(key: str, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in _COMMENTS.get(key, "").splitlines()]


def _written(value: Any) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True, width=10_000)).removesuffix("\n...\n").strip()


def _default(group: str, key: str) -> Any:
    return plain(getattr(RunSpec.model_fields[group].default, key))


def _checked(symbol: str) -> str:
    try:
        return known_element(symbol)
    except ForgefieldError as error:
        advice = nearest_element(symbol)
        raise ForgefieldError(error.problem, advice or "give a chemical symbol such as Si") from error


def _check_engine(engine: str) -> None:
    try:
        ReferenceSpec.model_validate({"engine": engine})
    except ValidationError as error:
        raise _first_problem(error) from error


def _first_problem(error: ValidationError) -> ForgefieldError:
    """The first thing that is wrong with some settings."""
    problem, _, remedy = error.errors()[0]["msg"].removeprefix("Value error, ").partition("; ")
    return ForgefieldError(problem, remedy)
