"""Harmonic modes that fit into a supercell, and how strongly a motion of that supercell excites each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray
from scipy import fft

from forgefield.atoms.records import Array
from forgefield.properties.force_constants import (
    SupercellMatrix,
    crystal_of,
    displaced_structures,
    prepare_phonopy,
    solve_force_constants,
)
from forgefield.properties.point import evaluate_points

if TYPE_CHECKING:
    from phonopy import Phonopy

_SAME = 0.01
"""THz within which modes of one q-point count as degenerate."""
_MOST_NUMBERS = 8_000_000
"""Of one transform, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class CommensurateModes:
    """Modes at the q-points that fit into a supercell, one of each pair q and −q, without Γ.

    Attributes:
        supercell: the N atoms at rest.
        sites: (N,) which atom of the primitive cell each is.
        places: (N, 3) positions in primitive vectors.
        qpoints: (Q, 3) in reciprocal vectors of the primitive cell.
        counts: (Q,) 2 where −q is another point, else 1.
        frequencies: (Q, B) THz, ascending; imaginary ones negative.
        eigenvectors: (Q, B, n, 3) of the n atoms of the primitive cell.
        velocities: (Q, B, 3) group velocities, Å/ps.
        groups: (Q, B) number of the group of modes that are alike by symmetry.
        rotations: (R, 3, 3) of the crystal's point group, Cartesian.
    """

    supercell: Atoms
    sites: NDArray[np.int64]
    places: Array
    qpoints: Array
    counts: NDArray[np.int64]
    frequencies: Array
    eigenvectors: NDArray[np.complex128]
    velocities: Array
    groups: NDArray[np.int64]
    rotations: Array


def commensurate_modes(
    crystal: Atoms, calculator: Calculator, supercell: SupercellMatrix, displacement: float
) -> CommensurateModes:
    """Modes of the harmonic crystal by displacements of single atoms in the same supercell.

    Args:
        crystal: the cell, at rest.
        calculator: any ASE calculator.
        supercell: rows are its vectors in units of the cell's.
        displacement: Å.
    """
    from phonopy.harmonic.dynmat_to_fc import get_commensurate_points

    phonopy = prepare_phonopy(crystal, supercell, displacement, primitive=True)
    points = evaluate_points(displaced_structures(phonopy, crystal), calculator)
    solve_force_constants(phonopy, [point.forces for point in points])
    primitive = np.asarray(phonopy.primitive.cell)
    matrix = np.rint(np.linalg.solve(primitive.T, np.asarray(phonopy.supercell.cell).T)).astype(int)
    multiple = round(abs(np.linalg.det(matrix)))
    # In units of 1/multiple every commensurate point is whole.
    whole = np.unique(
        np.rint(np.asarray(get_commensurate_points(matrix)) * multiple).astype(int) % multiple, axis=0
    )
    opposite = -whole % multiple
    chosen = [bool(q.any()) and tuple(q) <= tuple(minus) for q, minus in zip(whole, opposite, strict=True)]
    whole, counts = whole[chosen], np.where((whole == opposite).all(axis=1), 1, 2)[chosen]
    qpoints = (whole + multiple // 2) % multiple / multiple - (multiple // 2) / multiple
    solved = phonopy.run_qpoints(qpoints, with_eigenvectors=True, with_group_velocities=True)
    frequencies = np.asarray(solved.frequencies)
    n_modes = frequencies.shape[1]
    places = np.asarray(phonopy.supercell.positions) @ np.linalg.inv(primitive)
    order = {atom: site for site, atom in enumerate(phonopy.primitive.p2s_map)}
    return CommensurateModes(
        supercell=crystal_of(phonopy.supercell, crystal),
        sites=np.array([order[atom] for atom in phonopy.primitive.s2p_map]),
        places=places,
        qpoints=qpoints,
        counts=counts,
        frequencies=frequencies,
        eigenvectors=np.asarray(solved.eigenvectors).transpose(0, 2, 1).reshape(-1, n_modes, n_modes // 3, 3),
        velocities=np.asarray(solved.group_velocities),
        groups=_groups(phonopy, whole, multiple, frequencies),
        rotations=primitive.T
        @ np.asarray(phonopy.primitive_symmetry.pointgroup_operations)
        @ np.linalg.inv(primitive.T),
    )


def mode_correlations(
    velocities: NDArray[np.float32], interval: float, modes: CommensurateModes, lags: int
) -> NDArray[np.complex128]:
    """(G, lags) ⟨a*(0) a(t)⟩ of every group of modes, means over its modes and all time origins.

    a is the part of positive frequency of a mode's velocity Q̇ = Σ √(m/N) e*·v e^(−iq·r); the part of negative
    frequency belongs to the wave that runs the other way.

    Args:
        velocities: (T, N, 3) evenly spaced in time, ASE units.
        interval: between two samples, any unit.
        modes: of the same supercell.
        lags: at most T.
    """
    n_times, n_sites = len(velocities), modes.eigenvectors.shape[2]
    n_branches, n_cells = modes.frequencies.shape[1], len(modes.sites) // n_sites
    length = fft.next_fast_len(n_times + lags)
    positive = np.fft.fftfreq(length, interval) > 0
    sums = np.zeros((int(modes.groups.max()) + 1, lags), dtype=np.complex128)
    masses = modes.supercell.get_masses()
    width = max(1, _MOST_NUMBERS // (length * n_branches))
    waves = np.exp(-2j * np.pi * modes.places @ modes.qpoints.T).astype(np.complex64)
    waves *= np.sqrt(masses / n_cells)[:, None].astype(np.float32)
    sorted_sites = [np.flatnonzero(modes.sites == site) for site in range(n_sites)]
    parts = [np.ascontiguousarray(velocities[:, atoms].transpose(0, 2, 1)) for atoms in sorted_sites]
    for first in range(0, len(modes.qpoints), width):
        block = slice(first, first + width)
        amplitudes = np.zeros((len(modes.qpoints[block]), n_branches, n_times), dtype=np.complex64)
        for site, atoms in enumerate(sorted_sites):
            moved = parts[site] @ waves[atoms, block]
            amplitudes += np.einsum(
                "taq,qba->qbt",
                moved,
                modes.eigenvectors[block, :, site].conj().astype(np.complex64),
                optimize=True,
            )
        power = np.abs(fft.fft(amplitudes, length, axis=-1)) ** 2
        forward = fft.ifft(np.where(positive, power, 0.0), axis=-1)[..., :lags]
        backward = fft.ifft(np.where(positive, 0.0, power), axis=-1)[..., :lags].conj()
        np.add.at(sums, modes.groups[block], 0.5 * (forward + backward))
    members = np.bincount(modes.groups.ravel(), minlength=len(sums))
    return np.asarray(sums / members[:, None] / (n_times - np.arange(lags)))


def _groups(
    phonopy: Phonopy, whole: NDArray[np.int64], multiple: int, frequencies: Array
) -> NDArray[np.int64]:
    """(Q, B) numbers of groups: modes of one star of q-points and of one frequency."""
    rotations = np.asarray(phonopy.primitive_symmetry.reciprocal_operations)
    names: dict[tuple[int, ...], int] = {}
    found = np.empty(frequencies.shape, dtype=np.int64)
    for place, (q, values) in enumerate(zip(whole, frequencies, strict=True)):
        images = np.concatenate([rotations @ q, -(rotations @ q)]) % multiple
        star = min(map(tuple, images.tolist()))
        levels = np.concatenate([[0], np.cumsum(np.diff(values) > _SAME)])
        found[place] = [names.setdefault((*star, int(level)), len(names)) for level in levels]
    return found
