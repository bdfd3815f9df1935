"""Energy that it takes to peel a layer off a layered crystal.

Layers are the parts of the crystal that its bonds connect in two directions only (Larsen, Pandey, Strange, Jacobsen,
Phys. Rev. Materials 3, 034003 (2019), as in ASE). A single layer with vacuum around it is compared with the crystal; it
starts without magnetic moments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.geometry import minkowski_reduce
from ase.geometry.dimensionality import isolate_components
from ase.units import J, m
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.point import evaluate_points, require_points
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.rearrangement import relaxation_warnings
from forgefield.sampling.relaxation import relax

_TO_SI = m**2 / J
_NEAR = 6.0
"""Distances up to which layers are compared with each other, Å."""


class ExfoliationSpec(Spec):
    """How the single layer is computed."""

    vacuum: float = Field(default=15.0, ge=4)
    """Distance between the layer and its periodic image, Å."""
    relax: bool = True
    """Relax the atoms of the layer at the crystal's lattice parameters."""
    force_tolerance: float = Field(default=0.01, gt=0)
    """Largest force at the end of a relaxation, eV/Å."""
    max_steps: int = Field(default=300, ge=1)
    """Steps after which a relaxation gives up."""


@dataclass(frozen=True, slots=True)
class Exfoliation:
    """A layer of a crystal against the crystal.

    Attributes:
        layers: number of layers in the crystal's cell.
        area: of one of them, Å².
        layer_atoms: number of atoms of one of them, their mean where they differ.
        crystal_energy: eV/atom.
        ideal: energy of layers as they are in the crystal above the crystal's, eV/atom.
        relaxed: the same after relaxation, eV/atom; None where not relaxed.
        warnings: relaxations that ended elsewhere, layers that do not hold together.
    """

    layers: int
    area: float
    layer_atoms: float
    crystal_energy: float
    ideal: float
    relaxed: float | None
    warnings: tuple[str, ...]

    @property
    def energy(self) -> float:
        """Relaxed if there is one, else ideal, eV/atom."""
        return self.ideal if self.relaxed is None else self.relaxed

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Per atom and per area, the latter of one side of the layer (twice the surface energy)."""
        per_area = self.energy * self.layer_atoms / self.area * _TO_SI
        return (
            Quantity("exfoliation energy", 1000 * self.energy, "meV/atom"),
            Quantity("exfoliation energy unrelaxed", 1000 * self.ideal, "meV/atom"),
            Quantity("exfoliation energy per area", per_area, "J/m²"),
        )


def plan(atoms: Atoms, spec: ExfoliationSpec) -> list[Atoms]:
    """The crystal, then one layer of each kind with vacuum along z.

    Raises:
        ForgefieldError: the crystal has no layers, or something between them.
    """
    crystal = bare_crystal(atoms)
    return [crystal, *(_in_vacuum(layers[0], spec.vacuum) for layers in _layers(crystal))]


def compute(atoms: Atoms, calculator: Calculator, spec: ExfoliationSpec) -> Exfoliation:
    """Exfoliation energy of a layered crystal at rest with any ASE calculator.

    Raises:
        ForgefieldError: as in :func:`plan`, or energies that are not finite.
    """
    structures = plan(atoms, spec)
    points = evaluate_points(structures, calculator)
    require_points(points, structures, "the exfoliation energy")
    crystal, *layers = structures
    counts = [len(kind) for kind in _layers(crystal)]
    energies = [point.energy for point in points]
    ideal, relaxed = _per_atom(energies, counts, len(crystal)), None
    warnings: list[str] = []
    if spec.relax:
        ended = []
        for number, layer in enumerate(layers, start=1):
            result = relax(layer, calculator, spec.force_tolerance, False, spec.max_steps)
            warnings += relaxation_warnings(f"layer {number}", layer, result)
            ended.append(result.energy)
        relaxed = _per_atom([energies[0], *ended], counts, len(crystal))
    lowest = ideal if relaxed is None else relaxed
    if lowest <= 0:
        warnings.append(
            f"layers gain {-1000 * lowest:.3g} meV/atom by leaving the crystal: nothing binds them"
        )
    return Exfoliation(
        layers=sum(counts),
        area=float(np.linalg.norm(np.cross(*layers[0].cell.array[:2]))),
        layer_atoms=len(crystal) / sum(counts),
        crystal_energy=energies[0] / len(crystal),
        ideal=ideal,
        relaxed=relaxed,
        warnings=tuple(warnings),
    )


def planned(atoms: Atoms, spec: ExfoliationSpec) -> tuple[Planned, ...]:
    """The crystal once, each layer once and some twenty steps where it relaxes."""
    crystal, *layers = plan(atoms, spec)
    return (Planned(crystal, 1), *(Planned(layer, 21 if spec.relax else 1) for layer in layers))


def _layers(crystal: Atoms) -> list[list[Atoms]]:
    """Layers of the crystal, those that are alike together."""
    parts = isolate_components(crystal)
    if list(parts) != ["2D"]:
        raise ForgefieldError(
            f"{crystal.get_chemical_formula()} is not made of layers: its bonds make parts of {', '.join(parts)}",
            "give a layered crystal, or leave the exfoliation energy out",
        )
    kinds: dict[tuple[object, ...], list[Atoms]] = {}
    for layer in parts["2D"]:
        pairs = find_neighbours(layer, _NEAR)
        elements = layer.numbers[np.stack([pairs.centres, pairs.neighbours])]
        lengths = np.linalg.norm(pairs.vectors, axis=1).round(2)
        # Distances between elements tell layers apart, but not a layer from its mirror image, whose energy is the same.
        kind = Counter(zip(*elements.tolist(), lengths.tolist(), strict=True))
        kinds.setdefault(tuple(sorted(kind.items())), []).append(layer)
    return list(kinds.values())


def _per_atom(energies: Sequence[float], counts: Sequence[int], n_atoms: int) -> float:
    """Energy of all layers above that of the crystal, which comes first, over its atoms."""
    layers = sum(count * energy for count, energy in zip(counts, energies[1:], strict=True))
    return (layers - energies[0]) / n_atoms


def _in_vacuum(layer: Atoms, vacuum: float) -> Atoms:
    atoms = Atoms(layer.numbers, layer.positions, cell=layer.cell.array, pbc=True)
    cell = atoms.cell.array
    cell[2] = (0.0, 0.0, float(np.ptp(atoms.positions[:, 2])) + vacuum)
    atoms.set_cell(minkowski_reduce(cell, pbc=(True, True, False))[0])
    atoms.center(axis=2)
    atoms.wrap()
    return atoms
