"""The gatekeeper: what may be computed, and which results may become labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from forgefield.reference.engines.engine import Engine, SinglePoint
from forgefield.reference.recipe import Limits, Recipe

_MAX_ENERGY = 1e6
"""eV per atom; the deepest atom that all-electron codes report, uranium, has −8e5."""
_MAX_STRESS = 20.0
"""eV/Å³, some 3 TPa."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the gatekeeper let a structure or a result not pass.

    Attributes:
        kind: one of the kinds of ``Failure``.
        reason: one line for people.
    """

    kind: str
    reason: str


def before(atoms: Atoms, recipe: Recipe, engine: Engine) -> Refusal | None:
    """Look at a structure before it is computed."""
    if len(atoms) == 0:
        return Refusal("unsuitable", "the structure has no atoms")
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        return Refusal("unsuitable", "positions or cell are not finite numbers")
    foreign = sorted(set(atoms.symbols) - set(recipe.species))
    if foreign:
        return Refusal(
            "unsuitable",
            f"the structure holds {', '.join(foreign)}, the recipe is for {', '.join(recipe.species)}",
        )
    missing = [f"{'abc'[axis]}" for axis in range(3) if atoms.pbc[axis] and not atoms.cell[axis].any()]
    if missing or (atoms.pbc.all() and atoms.cell.volume < 1e-3):
        return Refusal(
            "unsuitable", f"a periodic cell has no volume (cell vectors {atoms.cell.array.tolist()})"
        )
    return _overlap(atoms, recipe.limits) or _unsuitable(atoms, recipe, engine)


def after(point: SinglePoint, atoms: Atoms, limits: Limits) -> Refusal | None:
    """Look at results before they become labels."""
    stress = np.zeros(6) if point.stress is None else point.stress
    if point.forces.shape != (len(atoms), 3) or stress.shape != (6,):
        return Refusal(
            "error",
            f"forces of shape {point.forces.shape} and stress of shape {stress.shape} "
            f"do not fit {len(atoms)} atoms",
        )
    for name, values in (("energy", point.energy), ("forces", point.forces), ("stress", stress)):
        if not np.isfinite(values).all():
            return Refusal("not-finite", f"{name} not finite: {_brief(values)}")
    per_atom = point.energy / len(atoms)
    if abs(per_atom) > _MAX_ENERGY:
        return Refusal("out-of-bounds", f"energy {per_atom:.3g} eV per atom is beyond ±{_MAX_ENERGY:.0e}")
    norms = np.linalg.norm(point.forces, axis=1)
    if norms.max() > limits.max_force:
        return Refusal(
            "out-of-bounds",
            f"force {norms.max():.3g} eV/Å on atom {norms.argmax()} is above max_force {limits.max_force:g}",
        )
    if abs(stress).max() > _MAX_STRESS:
        return Refusal("out-of-bounds", f"stress {abs(stress).max():.3g} eV/Å³ is above {_MAX_STRESS:g}")
    return None


def _overlap(atoms: Atoms, limits: Limits) -> Refusal | None:
    if limits.min_distance_ratio == 0.0:
        return None
    radii = covalent_radii[atoms.numbers]
    # ASE's own neighbour list: structures are small here, and faster lists take seconds to import,
    # which every process that computes would pay.
    first, second, distances = neighbor_list("ijd", atoms, limits.min_distance_ratio * radii)
    if len(first) == 0:
        return None
    ratios = distances / (radii[first] + radii[second])
    worst = int(ratios.argmin())
    i, j = int(first[worst]), int(second[worst])
    return Refusal(
        "overlap",
        f"atoms {i} ({atoms.symbols[i]}) and {j} ({atoms.symbols[j]}) are {distances[worst]:.3f} Å apart, "
        f"{ratios[worst]:.2f} of their covalent radii; min_distance_ratio is {limits.min_distance_ratio:g}",
    )


def _unsuitable(atoms: Atoms, recipe: Recipe, engine: Engine) -> Refusal | None:
    reason = engine.unsuitable(atoms, recipe.parameters)
    return None if reason is None else Refusal("unsuitable", reason)


def _brief(values: object) -> str:
    array = np.atleast_1d(np.asarray(values, dtype=float)).ravel()
    return f"{int((~np.isfinite(array)).sum())} of {array.size} numbers"
