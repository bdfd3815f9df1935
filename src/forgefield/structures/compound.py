"""Crystals of a compound from all sources, each crystal once, and what is made from them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Candidate
from forgefield.structures.charge_balance import BalancedFormula, balanced_formulas, reduced_formula
from forgefield.structures.clusters import bulk_clusters
from forgefield.structures.crystal_types import same_types
from forgefield.structures.decorated import decorated_prototypes
from forgefield.structures.distorted import distorted
from forgefield.structures.fractional_substitution import fractional_substitutions
from forgefield.structures.ionic_substitution import ionic_substitutions, library_parents
from forgefield.structures.ions import Ion, ion_from_text, listed
from forgefield.structures.materials_project import KEY, materials_project_structures
from forgefield.structures.optimade_source import optimade_structures
from forgefield.structures.oxidation_states import fitting_states
from forgefield.structures.point_defects import point_defects
from forgefield.structures.random_clusters import random_clusters
from forgefield.structures.random_compounds import random_compounds
from forgefield.structures.slabs import slabs
from forgefield.structures.source_result import Collected, LeftOut, SourceCount, SourceResult, joined
from forgefield.structures.spec import StructuresSpec


@dataclass(frozen=True, slots=True)
class Compound:
    """What crystals are looked for.

    Attributes:
        ions: each element once.
        formulas: the neutral formulas that are wanted, most important first.
        exactly: whether crystals of other formulas are left out.
        crystal: the one that the system was named after.
    """

    ions: tuple[Ion, ...]
    formulas: tuple[BalancedFormula, ...]
    exactly: bool = False
    crystal: Candidate | None = None


def compound_structures(
    spec: StructuresSpec,
    compound: Compound,
    own: Sequence[Candidate],
    cache: Path,
    rng: np.random.Generator,
) -> Collected:
    """Crystals from databases, prototypes, substitution and random search, and what is made from them.

    Of crystals that are the same up to their size and small displacements the first is kept, in the order: the user's
    own, databases, prototypes, substitution, random. `spec.crystals.count` of them are taken, sources taking turns.

    With fractional substitution the crystals lack the new species, and those with it are made from them.

    Args:
        spec: sources and limits.
        compound: what is wanted.
        own: the user's own structures, which are all kept.
        cache: folder for answers of databases.
        rng: source of randomness; the same state gives the same structures.

    Raises:
        ForgefieldError: species that do not exist or are never neutral, unknown databases, or no structure at all.
    """
    # Each source has its own stream, so that another number of one leaves the others as they were.
    randoms, mixed, shaken, cut, disordered = rng.spawn(5)
    if spec.fractional is not None:
        compound = _without(compound, ion_from_text(spec.fractional.by), spec.crystals.max_formula_atoms)
    results = {name: source() for name, source in _known_sources(spec, compound, own, cache).items()}
    if spec.random.count:
        sizes = _sizes(compound, [*own, *joined(results.values()).candidates])
        count, volume = spec.random.count, spec.random.volume
        results["random"] = random_compounds(compound.formulas, count, spec.crystals, volume, randoms, sizes)
    crystals = _chosen(spec, compound, own, results)
    kept = crystals.candidates
    parents = [each for each in (*own, *kept) if each.atoms.pbc.all() and each.source != "random"]
    parents = (parents or list(kept))[: spec.parents]
    made: dict[str, SourceResult] = {}
    tolerance = spec.duplicate_tolerance
    if spec.fractional is not None:
        ions = compound.ions
        made["fractional"] = fractional_substitutions(parents, ions, spec.fractional, mixed, tolerance)
    if spec.distortions is not None:
        made["distortion"] = distorted(parents, spec.distortions, shaken)
    if spec.clusters is not None:
        made["cluster"] = joined(
            [
                bulk_clusters(parents, spec.clusters, cut, compound.ions, tolerance),
                random_clusters(compound.formulas, spec.clusters, disordered),
            ]
        )
    if spec.slabs is not None:
        made["slab"] = slabs(parents, spec.slabs, compound.ions, tolerance)
    if spec.defects is not None:
        made["defect"] = point_defects(parents, spec.defects, tolerance)
    derived = joined(made.values())
    counts = [
        SourceCount(name, len(each.candidates), 0, 0, len(each.candidates)) for name, each in made.items()
    ]
    return Collected(
        (*kept, *derived.candidates), (*crystals.left_out, *derived.left_out), (*crystals.sources, *counts)
    )


def _without(compound: Compound, new: Ion, max_formula_atoms: int) -> Compound:
    """The compound before a share of an ion is replaced by the new one."""
    ions = tuple(ion for ion in compound.ions if ion != new)
    if len(ions) == len(compound.ions):
        raise ForgefieldError(
            f"structures.fractional.by {new} is not among the species {listed(compound.ions)}",
            "add it to system.species",
        )
    formulas = balanced_formulas(ions, max_formula_atoms)
    return Compound(ions, formulas[:1] if compound.exactly else formulas, compound.exactly)


def _sizes(compound: Compound, crystals: Sequence[Candidate]) -> dict[str, float]:
    """Median volume of the known crystals of each formula, Å³/atom."""
    volumes: dict[str, list[float]] = {}
    for each in crystals:
        if each.atoms.pbc.all() and set(each.atoms.symbols) == {ion.element for ion in compound.ions}:
            formula = reduced_formula(each.atoms.symbols.formula.count(), compound.ions)
            volumes.setdefault(formula, []).append(each.atoms.get_volume() / len(each.atoms))
    return {formula: float(np.median(found)) for formula, found in volumes.items()}


def _known_sources(
    spec: StructuresSpec, compound: Compound, own: Sequence[Candidate], cache: Path
) -> dict[str, Callable[[], SourceResult]]:
    """What to ask for known crystals, by its name."""
    ions, limits, elements = compound.ions, spec.crystals, tuple(ion.element for ion in compound.ions)
    tolerance = spec.duplicate_tolerance
    sources: dict[str, Callable[[], SourceResult]] = {}
    if compound.crystal is not None or spec.materials_project is not None or spec.optimade is not None:
        named = () if compound.crystal is None else (compound.crystal,)
        sources["database"] = lambda: joined([SourceResult(named), *_databases(spec, elements, cache)])
    if spec.prototypes == "auto":
        sources["prototype"] = lambda: decorated_prototypes(compound.formulas, limits, tolerance)
    if spec.substitution is not None:
        substitution = spec.substitution
        parents = [*library_parents(), *own]
        sources["substitution"] = lambda: ionic_substitutions(parents, ions, substitution, limits, tolerance)
    return sources


def _databases(spec: StructuresSpec, elements: tuple[str, ...], cache: Path) -> Iterator[SourceResult]:
    """The Materials Project by its own interface, if there is a key, and databases by OPTIMADE."""
    providers = () if spec.optimade is None else spec.optimade.providers
    if spec.materials_project is not None and os.environ.get(KEY):
        query = "-".join(sorted(elements))
        yield materials_project_structures(query, spec.materials_project, spec.crystals, cache)
        providers = tuple(name for name in providers if name != "materials-project")
    if spec.optimade is not None and providers:
        yield optimade_structures(providers, elements, spec.optimade, spec.crystals, cache)


def _chosen(
    spec: StructuresSpec, compound: Compound, own: Sequence[Candidate], results: dict[str, SourceResult]
) -> Collected:
    """The crystals of all sources that fit, each type once, sources taking turns."""
    left_out: list[LeftOut] = []
    fitting: dict[str, list[Candidate]] = {}
    for name, result in results.items():
        # Coordination in random crystals is odd before they are relaxed; by their making they are neutral.
        of_states = result if name == "random" else fitting_states(result.candidates, compound.ions)
        right, wrong = _of_wanted_formulas(of_states.candidates, compound)
        left_out += [*result.left_out, *(of_states.left_out if of_states is not result else ()), *wrong]
        fitting[name] = right
    everything = [*own, *(each for candidates in fitting.values() for each in candidates)]
    twins = same_types(everything)
    known = {id(each) for each, twin in zip(everything, twins, strict=True) if twin is None}
    for each, twin in zip(everything[len(own) :], twins[len(own) :], strict=True):
        if twin is not None:
            left_out.append(LeftOut(each.trajectory, f"the same crystal as {everything[twin].trajectory}"))
    different = {name: [each for each in found if id(each) in known] for name, found in fitting.items()}
    turns = [each for row in zip_longest(*different.values()) for each in row if each is not None]
    kept = turns[: spec.crystals.count]
    left_out += [LeftOut(each.trajectory, "one more than crystals.count") for each in turns[len(kept) :]]
    taken = {id(each) for each in kept}
    counts = tuple(
        SourceCount(
            name,
            len(results[name].candidates),
            len(fitting[name]) - len(found),
            sum(id(each) not in taken for each in found),
            sum(id(each) in taken for each in found),
        )
        for name, found in different.items()
    )
    return Collected(tuple(kept), tuple(left_out), counts)


def _of_wanted_formulas(
    candidates: Sequence[Candidate], compound: Compound
) -> tuple[list[Candidate], list[LeftOut]]:
    if not compound.exactly:
        return list(candidates), []
    wanted = [str(formula) for formula in compound.formulas]
    right, wrong = [], []
    for each in candidates:
        formula = reduced_formula(each.atoms.symbols.formula.count(), compound.ions)
        if formula in wanted:
            right.append(each)
        else:
            wrong.append(LeftOut(each.trajectory, f"{formula} is not {', '.join(wanted)}"))
    return right, wrong


def no_structures(collected: Collected) -> ForgefieldError:
    """What to tell a user when nothing was found."""
    reasons = "; ".join(str(each) for each in collected.left_out[-3:])
    return ForgefieldError(
        f"no source has a structure of this compound ({reasons or 'all sources are switched off'})",
        "raise structures.crystals.max_atoms, give structures.files, or switch sources on",
    )
