"""Phonon frequencies by finite displacements in a supercell, on a q-mesh and along a band path.

Frequencies are exact (for the calculator) at q-points commensurate with the supercell and interpolated
elsewhere. Polar crystals have the splitting of longitudinal and transverse modes near Γ where their Born charges
are given; at Γ itself the mesh has the transverse modes alone, and the band path those of its direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.band_path import BandSegment, find_band_path
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.force_constants import (
    SupercellMatrix,
    displaced_structures,
    displaced_supercells,
    prepare_phonopy,
    solve_force_constants,
)
from forgefield.properties.point import PointValues, evaluate_points, require_points
from forgefield.properties.polar import PolarSpec, set_polar
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.supercell_choice import wanted_supercell

if TYPE_CHECKING:
    from phonopy import Phonopy


class PhononSpec(Spec):
    """How phonons are computed."""

    minimum_length: float = Field(default=7.0, gt=0)
    """Shortest distance between periodic images in the supercell, Å."""
    max_atoms: int = Field(default=256, ge=1)
    """Largest supercell allowed."""
    supercell: SupercellMatrix | None = None
    """Supercell vectors (rows) in units of the cell's; null: the smallest with `minimum_length`."""
    displacement: float = Field(default=0.02, gt=0, le=0.2)
    """Displacement of one atom, Å."""
    mesh: tuple[int, int, int] | None = None
    """q-points along each reciprocal vector of the primitive cell, Γ included; null: from `mesh_length`."""
    mesh_length: float = Field(default=30.0, gt=0)
    """Å; divided by the length of a primitive vector, gives the number of q-points along it."""
    path_points: int = Field(default=200, ge=10)
    """q-points along the whole band path."""
    dos_points: int = Field(default=200, ge=0)
    """Frequencies of the density of states; 0: none."""
    imaginary_tolerance: float = Field(default=0.1, ge=0)
    """THz; frequencies below minus this value count as imaginary."""
    polar: PolarSpec | None = None
    """Born charges and dielectric tensor of a polar crystal; null: no splitting of modes at Γ."""


@dataclass(frozen=True, slots=True)
class BandStructure:
    """Frequencies along a path of symmetry lines.

    Attributes:
        qpoints: (P, 3) in reciprocal vectors of the primitive cell.
        distances: (P,) position along the path, from 0 to 1.
        frequencies: (P, 3N) THz, ascending; imaginary ones negative.
        segments: straight pieces of the path; there may be jumps between them.
    """

    qpoints: Array
    distances: Array
    frequencies: Array
    segments: tuple[BandSegment, ...]


@dataclass(frozen=True, slots=True)
class DensityOfStates:
    """Phonon density of states of the primitive cell.

    Attributes:
        frequencies: (D,) THz.
        density: (D,) states/THz; its integral is the number of modes.
    """

    frequencies: Array
    density: Array


@dataclass(frozen=True, slots=True)
class Phonons:
    """Phonons of a crystal.

    Attributes:
        supercell: (3, 3) the vectors (rows) in units of the cell's.
        mesh: (3,) q-points along each reciprocal vector.
        qpoints: (Q, 3) irreducible points of the mesh, in reciprocal vectors of the primitive cell.
        weights: (Q,) share of each point; they sum to 1.
        frequencies: (Q, 3N) THz, ascending; imaginary ones negative.
        bands: along the symmetry lines.
        dos: density of states, if wanted.
        lowest: lowest frequency on mesh and path, THz.
        imaginary: whether ``lowest`` is imaginary beyond the tolerance.
    """

    supercell: NDArray[np.int64]
    mesh: NDArray[np.int64]
    qpoints: Array
    weights: Array
    frequencies: Array
    bands: BandStructure
    dos: DensityOfStates | None
    lowest: float
    imaginary: bool

    @property
    def warnings(self) -> tuple[str, ...]:
        """Imaginary modes."""
        if not self.imaginary:
            return ()
        return (f"imaginary modes, down to {self.lowest:.2f} THz: the crystal is unstable as it stands",)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Ends of the spectrum, and the optical modes at Γ."""
        at_gamma = self.frequencies[np.abs(self.qpoints).max(axis=1) < 1e-6]
        # The three of smallest size are the translations.
        optical = [np.sort(modes[np.argsort(np.abs(modes))[3:]]) for modes in at_gamma]
        return (
            Quantity("lowest phonon frequency", self.lowest, "THz"),
            Quantity("highest phonon frequency", float(self.frequencies.max()), "THz"),
            *(
                Quantity(f"optical frequency {place} at Γ", float(value), "THz")
                for modes in optical
                for place, value in enumerate(modes, start=1)
            ),
        )


def resolve(atoms: Atoms, spec: PhononSpec) -> PhononSpec:
    """The spec with supercell and mesh settled, so that they hold at any volume of this crystal.

    Raises:
        ForgefieldError: the smallest supercell that is long enough has too many atoms.
    """
    crystal = bare_crystal(atoms)
    supercell = wanted_supercell(crystal, spec)
    if abs(round(np.linalg.det(supercell))) == 0:
        raise ForgefieldError(f"supercell {supercell} has no volume", "give three independent vectors")
    mesh = spec.mesh
    if mesh is None:
        phonopy = prepare_phonopy(crystal, supercell, spec.displacement, primitive=True)
        primitive = np.asarray(phonopy.primitive.cell)
        wanted = np.ceil(spec.mesh_length / np.linalg.norm(primitive, axis=1) - 1e-6).astype(int)
        # Multiples of the supercell's repetitions hold the commensurate points, where frequencies are exact.
        repeats = np.array(supercell) @ crystal.cell.array @ np.linalg.inv(primitive)
        diagonal = np.rint(np.abs(np.diag(repeats))).astype(int)
        if np.allclose(np.abs(repeats), np.diag(diagonal), atol=1e-3):
            wanted = -(-wanted // diagonal) * diagonal
        mesh = (int(wanted[0]), int(wanted[1]), int(wanted[2]))
    return spec.model_copy(update={"supercell": supercell, "mesh": mesh})


def plan(atoms: Atoms, spec: PhononSpec) -> list[Atoms]:
    """Supercells with one atom displaced; as few as the symmetry allows."""
    crystal = bare_crystal(atoms)
    return displaced_supercells(crystal, _supercell(crystal, spec), spec.displacement, primitive=True)


def solve(atoms: Atoms, settled: PhononSpec, evaluations: Sequence[PointValues]) -> Phonopy:
    """A phonopy object with force constants from the evaluations of :func:`plan`; the spec must be settled."""
    crystal = bare_crystal(atoms)
    phonopy = prepare_phonopy(crystal, _supercell(crystal, settled), settled.displacement, primitive=True)
    require_points(evaluations, displaced_structures(phonopy, crystal), "phonons")
    if settled.polar is not None:
        set_polar(phonopy, settled.polar)
    solve_force_constants(phonopy, [point.forces for point in evaluations])
    return phonopy


def analyse(atoms: Atoms, spec: PhononSpec, evaluations: Sequence[PointValues]) -> Phonons:
    """Frequencies from the evaluations of :func:`plan`."""
    settled = resolve(atoms, spec)
    return phonons_of(solve(atoms, settled, evaluations), settled)


def phonons_of(phonopy: Phonopy, settled: PhononSpec) -> Phonons:
    """Frequencies of a phonopy object with force constants; the spec must be settled."""
    mesh = phonopy.run_mesh(settled.mesh or (1, 1, 1), is_gamma_center=True)
    weights = np.asarray(mesh.weights, dtype=np.float64)
    frequencies = np.sort(np.asarray(mesh.frequencies, dtype=np.float64), axis=1)
    bands = _bands(phonopy, settled.path_points)
    lowest = float(min(frequencies.min(), bands.frequencies.min()))
    return Phonons(
        supercell=np.array(settled.supercell, dtype=np.int64),
        mesh=np.array(mesh.mesh_numbers, dtype=np.int64),
        qpoints=np.array(mesh.qpoints, dtype=np.float64),
        weights=weights / weights.sum(),
        frequencies=frequencies,
        bands=bands,
        dos=_density_of_states(phonopy, frequencies, settled.dos_points) if settled.dos_points else None,
        lowest=lowest,
        imaginary=lowest < -settled.imaginary_tolerance,
    )


def compute(atoms: Atoms, calculator: Calculator, spec: PhononSpec) -> Phonons:
    """Phonons of a crystal with any ASE calculator."""
    settled = resolve(atoms, spec)
    return analyse(atoms, settled, evaluate_points(plan(atoms, settled), calculator))


def planned(atoms: Atoms, spec: PhononSpec) -> tuple[Planned, ...]:
    """The displaced supercells."""
    structures = plan(atoms, spec)
    return (Planned(structures[0], len(structures)),)


def phonon_rmse(phonons: Phonons, reference: Phonons) -> float:
    """Root of the mean squared difference of frequencies over the Brillouin zone, THz.

    Branches are matched by their order at each q-point; an imaginary frequency counts as negative.

    Raises:
        ForgefieldError: the two are on different q-points.
    """
    if phonons.qpoints.shape != reference.qpoints.shape or not np.allclose(
        phonons.qpoints, reference.qpoints, atol=1e-6
    ):
        raise ForgefieldError(
            f"phonons on {len(phonons.qpoints)} q-points of mesh {phonons.mesh.tolist()} cannot be compared "
            f"with {len(reference.qpoints)} of mesh {reference.mesh.tolist()}",
            "compute both with the same settled supercell and mesh",
        )
    squared = ((phonons.frequencies - reference.frequencies) ** 2).mean(axis=1)
    return float(np.sqrt((squared * reference.weights).sum()))


def _supercell(crystal: Atoms, spec: PhononSpec) -> SupercellMatrix:
    return wanted_supercell(crystal, spec)


def _bands(phonopy: Phonopy, n_points: int) -> BandStructure:
    primitive = phonopy.primitive
    path = find_band_path(
        Atoms(
            numbers=primitive.numbers,
            masses=primitive.masses,
            scaled_positions=primitive.scaled_positions,
            cell=primitive.cell,
            pbc=True,
        ),
        n_points,
    )
    pieces = []
    for segment in path.segments:
        qpoints = path.qpoints[segment.start : segment.stop]
        # The direction matters at Γ alone, where a polar crystal's modes depend on it.
        found = phonopy.run_qpoints(qpoints, nac_q_direction=qpoints[-1] - qpoints[0])
        pieces.append(np.asarray(found.frequencies, dtype=np.float64))
    frequencies = np.sort(np.vstack(pieces), axis=1)
    return BandStructure(path.qpoints, path.distances, frequencies, path.segments)


def _density_of_states(phonopy: Phonopy, frequencies: Array, n_points: int) -> DensityOfStates:
    """By the tetrahedron method on the mesh just run."""
    low, high = min(0.0, float(frequencies.min())), float(frequencies.max())
    margin = 0.02 * (high - low)
    pitch = (high - low + 2 * margin) / max(n_points - 1, 1)
    dos = phonopy.run_total_dos(freq_min=low - margin, freq_max=high + margin, freq_pitch=pitch)
    return DensityOfStates(
        np.array(dos.frequency_points, dtype=np.float64), np.array(dos.dos, dtype=np.float64)
    )
