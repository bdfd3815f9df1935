"""Lattice thermal conductivity of a crystal from force constants of second and third order.

The Boltzmann equation of phonons is solved on growing meshes. What a mesh misses are the long waves around Γ, whose
contribution is proportional to the distance of its points (Esfarjani et al., Phys. Rev. B 84, 085204 (2011)), so κ
is extrapolated linearly in that distance from the two finest meshes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from pydantic import Field, PositiveFloat

from forgefield.atoms.spec import Spec
from forgefield.properties.anharmonic_force_constants import (
    displaced_cells,
    prepare_phono3py,
    solve_third_order,
)
from forgefield.properties.boltzmann_transport import MeshTransport, solve_on_mesh
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.force_constants import SupercellMatrix
from forgefield.properties.point import PointValues, evaluate_points, require_points
from forgefield.properties.polar import PolarSpec, set_polar
from forgefield.properties.quantities import Planned
from forgefield.properties.supercell_choice import choose_supercell, wanted_supercell
from forgefield.properties.thermal_conductivity_record import (
    HeatCarriers,
    MeshConductivity,
    ThermalConductivity,
)

if TYPE_CHECKING:
    from phono3py import Phono3py

_STEPS = 60
"""Points of the curves of what carries the heat."""
_LEAST_SHARE = 1e-6
"""Of a mode whose mean free path is still on the scale."""


class ThermalConductivitySpec(Spec):
    """How the lattice thermal conductivity is computed."""

    temperatures: tuple[PositiveFloat, ...] = Field(
        default=(200.0, 300.0, 500.0, 700.0, 1000.0), min_length=1
    )
    """K."""
    method: Literal["direct", "relaxation-time"] = "direct"
    """Of the Boltzmann equation; the direct solution gives the approximation too."""
    statistics: Literal["quantum", "classical"] = "quantum"
    """Classical is what molecular dynamics has."""
    isotopes: bool = True
    """Scattering by the natural mixture of isotopes."""
    minimum_length: float = Field(default=10.0, gt=0)
    """Shortest distance between periodic images in the supercell of third order, Å."""
    harmonic_minimum_length: float | None = Field(default=None, gt=0)
    """The same for the harmonic force constants, Å; null: they come from the supercell of third order."""
    max_atoms: int = Field(default=256, ge=1)
    """Largest supercell allowed."""
    supercell: SupercellMatrix | None = None
    """Supercell vectors (rows) of third order in units of the cell's; null: the smallest with `minimum_length`."""
    harmonic_supercell: SupercellMatrix | None = None
    """The same for the harmonic force constants; null: from `harmonic_minimum_length`."""
    displacement: float = Field(default=0.03, gt=0, le=0.2)
    """Displacement of an atom, Å."""
    random_displacements: Annotated[int, Field(ge=1)] | Literal["auto"] | None = None
    """Supercells of third order with all atoms displaced at random; ``auto``: four times as many as determine the force
    constants. For dear references: 16 instead of 111 for silicon, at the price of some 5 % of the conductivity. Errors
    of the forces read as scattering: 1 meV/Å takes 13 % off silicon's. null: single atoms and pairs, as many as
    symmetry asks for."""
    mesh_lengths: tuple[PositiveFloat, ...] = Field(default=(27.0, 34.0, 42.0), min_length=1)
    """Å; divided by the length of a primitive vector, each gives the odd number of q-points along it in a mesh."""
    imaginary_tolerance: float = Field(default=0.1, ge=0)
    """THz; frequencies below minus this value count as imaginary."""
    polar: PolarSpec | None = None
    """Born charges and dielectric tensor of a polar crystal."""


def resolve(atoms: Atoms, spec: ThermalConductivitySpec) -> ThermalConductivitySpec:
    """The spec with supercells settled, so that they hold at any volume of this crystal."""
    crystal = bare_crystal(atoms)
    supercell = wanted_supercell(crystal, spec)
    harmonic = spec.harmonic_supercell
    if harmonic is None and spec.harmonic_minimum_length is not None:
        harmonic = choose_supercell(crystal, spec.harmonic_minimum_length, spec.max_atoms)
    return spec.model_copy(
        update={"supercell": supercell, "harmonic_supercell": None if harmonic == supercell else harmonic}
    )


def plan(atoms: Atoms, spec: ThermalConductivitySpec) -> list[Atoms]:
    """Supercells with one or two atoms or all displaced, then those of the harmonic supercell where it is another."""
    crystal = bare_crystal(atoms)
    return displaced_cells(_prepare(crystal, resolve(crystal, spec)), crystal)


def analyse(
    atoms: Atoms, spec: ThermalConductivitySpec, evaluations: Sequence[PointValues]
) -> ThermalConductivity:
    """Conductivity from the evaluations of :func:`plan`."""
    crystal = bare_crystal(atoms)
    phono3py = _prepare(crystal, resolve(crystal, spec))
    require_points(evaluations, displaced_cells(phono3py, crystal), "the thermal conductivity")
    if spec.polar is not None:
        set_polar(phono3py, spec.polar)
    solve_third_order(phono3py, [point.forces for point in evaluations])
    lengths = np.linalg.norm(phono3py.primitive.cell, axis=1)
    found: list[tuple[tuple[int, int, int], MeshTransport]] = []
    for mesh_length in sorted(spec.mesh_lengths):
        n1, n2, n3 = (_odd(mesh_length / float(length)) for length in lengths)
        if found and found[-1][0] == (n1, n2, n3):
            continue
        solved = solve_on_mesh(
            phono3py,
            (n1, n2, n3),
            spec.temperatures,
            direct=spec.method == "direct",
            isotopes=spec.isotopes,
            classical=spec.statistics == "classical",
        )
        found.append(((n1, n2, n3), solved))
    finest = found[-1][1]
    return ThermalConductivity(
        temperatures=np.array(spec.temperatures, dtype=np.float64),
        meshes=tuple(
            MeshConductivity(np.array(mesh, dtype=np.int64), each.relaxation_time, each.direct)
            for mesh, each in found
        ),
        statistics=spec.statistics,
        isotopes=spec.isotopes,
        calculations=len(evaluations),
        carriers=_carriers(finest),
        lowest=min(each.lowest for _, each in found),
        imaginary_share=finest.imaginary_share,
        imaginary_tolerance=spec.imaginary_tolerance,
    )


def compute(atoms: Atoms, calculator: Calculator, spec: ThermalConductivitySpec) -> ThermalConductivity:
    """Conductivity of a crystal at zero stress with any ASE calculator."""
    settled = resolve(atoms, spec)
    return analyse(atoms, settled, evaluate_points(plan(atoms, settled), calculator))


def planned(atoms: Atoms, spec: ThermalConductivitySpec) -> tuple[Planned, ...]:
    """The displaced supercells: those of third order are many."""
    structures = plan(atoms, spec)
    sizes = [len(structure) for structure in structures]
    return tuple(
        Planned(structures[sizes.index(size)], sizes.count(size)) for size in sorted(set(sizes), reverse=True)
    )


def _prepare(crystal: Atoms, settled: ThermalConductivitySpec) -> Phono3py:
    supercell = settled.supercell or choose_supercell(crystal, settled.minimum_length, settled.max_atoms)
    return prepare_phono3py(
        crystal, supercell, settled.harmonic_supercell, settled.displacement, settled.random_displacements
    )


def _odd(wanted: float) -> int:
    """The nearest odd number: even and odd meshes converge from different sides, and their limits do not mix."""
    return 2 * max(0, round((wanted - 1) / 2)) + 1


def _carriers(solved: MeshTransport) -> HeatCarriers:
    paths = solved.mean_free_paths
    carrying = paths[solved.shares > _LEAST_SHARE]
    lengths = np.geomspace(carrying.min(), carrying.max(), _STEPS)
    frequencies = np.linspace(0.0, float(solved.frequencies.max()), _STEPS)
    # A relative margin takes in the mode that ends the scale in spite of rounding.
    within_path = [
        [share[path <= length * (1 + 1e-9)].sum() for length in lengths]
        for share, path in zip(solved.shares, paths, strict=True)
    ]
    within_frequency = [
        [share[solved.frequencies <= frequency].sum() for frequency in frequencies] for share in solved.shares
    ]
    return HeatCarriers(lengths, np.array(within_path), frequencies, np.array(within_frequency))
