"""Heat carried by phonons on one mesh: the linearised Boltzmann equation with three-phonon scattering.

In the relaxation-time approximation every mode decays by itself: κ = Σ C v⊗v / (2Γ) / V, Γ half the linewidth. The
direct solution inverts the whole collision matrix (Chaput, Phys. Rev. Lett. 110, 265506 (2013)).

**Classical statistics**, those of molecular dynamics, have C = k and occupations kT/ħω. Both are the limits of the
quantum expressions at high temperature, where Γ from three phonons is proportional to T. So the classical κ at any T is
T*/T times the quantum κ at T* → ∞, if scattering by isotopes, which does not depend on T, is made T*/T times stronger
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.properties.thermal_properties import sort_modes

if TYPE_CHECKING:
    from phono3py import Phono3py

_CLASSICAL = 1e6
"""K; a mode of 20 THz differs there by 1e-7 from the classical limit."""
_LARGEST_MATRIX = 4e9
"""Bytes of a collision matrix."""


@dataclass(frozen=True, slots=True)
class MeshTransport:
    """Conductivity on one mesh of q-points, and what its modes contribute.

    Attributes:
        relaxation_time: (T, 6) κ in the relaxation-time approximation, W/m/K, xx yy zz yz xz xy.
        direct: (T, 6) κ of the direct solution; None where it was not wanted.
        frequencies: (G, 3N) THz, at the irreducible points.
        mean_free_paths: (T, G, 3N) Å, relaxation-time approximation.
        shares: (T, G, 3N) of modes in the mean of κxx, κyy and κzz, relaxation-time approximation; they sum to 1.
        lowest: lowest frequency on the whole mesh, THz.
        imaginary_share: share of the modes that are imaginary, and carry nothing here.
    """

    relaxation_time: Array
    direct: Array | None
    frequencies: Array
    mean_free_paths: Array
    shares: Array
    lowest: float
    imaginary_share: float


def solve_on_mesh(
    phono3py: Phono3py,
    mesh: tuple[int, int, int],
    temperatures: Sequence[float],
    direct: bool,
    isotopes: bool,
    classical: bool,
) -> MeshTransport:
    """Conductivity on one mesh.

    Args:
        phono3py: with force constants of both orders.
        mesh: q-points along each reciprocal vector of the primitive cell.
        temperatures: K.
        direct: solve the Boltzmann equation directly too.
        isotopes: scatter by the natural mixture of isotopes (Tamura, Phys. Rev. B 27, 858 (1983)).
        classical: classical statistics.

    Raises:
        ForgefieldError: the collision matrix would not fit into memory, or no mode carries heat.
    """
    from phono3py.other.isotope import get_mass_variances

    phono3py.mesh_numbers = mesh
    if direct:
        _check_memory(phono3py, mesh)
    # Equivalent points and degenerate modes get equal weights in energy conservation, whatever basis they came in.
    phono3py.init_phph_interaction(
        symmetrize_tetrahedra=True, average_degenerate_weights=True, exclude_gamma_acoustic=True
    )
    variances = get_mass_variances(phono3py.primitive) if isotopes else None
    if not classical:
        parts = [_run(phono3py, temperatures, direct, variances)]
        scales = np.ones(len(temperatures))
    elif variances is None:
        parts = [_run(phono3py, [_CLASSICAL], direct, None)] * len(temperatures)
        scales = _CLASSICAL / np.asarray(temperatures)
    else:
        scales = _CLASSICAL / np.asarray(temperatures)
        parts = [_run(phono3py, [_CLASSICAL], direct, variances * scale) for scale in scales]
    relaxation_time = np.vstack([part.relaxation_time for part in parts]) * scales[:, None]
    solved = np.vstack([part.direct for part in parts if part.direct is not None]) if direct else None
    frequencies, _, addresses = phono3py.get_phonon_data()
    qpoints = addresses / np.asarray(mesh)
    _, imaginary = sort_modes(qpoints, np.asarray(frequencies))
    return MeshTransport(
        relaxation_time=relaxation_time,
        direct=None if solved is None else solved * scales[:, None],
        frequencies=parts[0].frequencies,
        mean_free_paths=np.vstack([part.mean_free_paths for part in parts]) * scales[:, None, None],
        shares=np.vstack([part.shares for part in parts]),
        lowest=float(np.min(frequencies)),
        imaginary_share=float(imaginary.mean()),
    )


@dataclass(frozen=True, slots=True)
class _Solution:
    relaxation_time: Array
    direct: Array | None
    frequencies: Array
    mean_free_paths: Array
    shares: Array


def _run(
    phono3py: Phono3py, temperatures: Sequence[float], direct: bool, variances: Array | None
) -> _Solution:
    phono3py.run_thermal_conductivity(
        is_LBTE=direct,
        temperatures=temperatures,
        is_isotope=variances is not None,
        mass_variances=variances,
    )
    found = phono3py.thermal_conductivity
    tensor, modes = (found.kappa_RTA, found.mode_kappa_RTA) if direct else (found.kappa, found.mode_kappa)
    # The first axis holds smearing widths; the tetrahedron method has none.
    carried = np.asarray(modes[0])[..., :3].mean(axis=-1)
    total = carried.sum(axis=(1, 2), keepdims=True)
    if not (total > 0).all():
        raise ForgefieldError(
            f"no mode of {phono3py.primitive.formula} carries heat at {temperatures[int(np.argmin(total))]:g} K "
            f"(the lowest frequency is {float(np.min(found.frequencies)):.2f} THz)",
            "relax the crystal and look at its phonons, or choose a higher temperature",
        )
    widths = np.array(found.gamma[0])
    if found.gamma_isotope is not None:
        widths = widths + found.gamma_isotope[0]
    speeds = np.linalg.norm(found.group_velocities, axis=-1)
    # Γ is half a linewidth in THz, so that the lifetime is 1/(4πΓ).
    paths = np.divide(speeds, 4 * np.pi * widths, out=np.zeros_like(widths), where=widths > 0)
    return _Solution(
        relaxation_time=np.array(tensor[0]),
        direct=np.array(found.kappa[0]) if direct else None,
        frequencies=np.array(found.frequencies),
        mean_free_paths=paths,
        shares=carried / total,
    )


def _check_memory(phono3py: Phono3py, mesh: tuple[int, int, int]) -> None:
    from phonopy.phonon.grid import get_ir_grid_points

    points = len(get_ir_grid_points(phono3py.grid)[0])
    size = 8.0 * (points * 3 * len(phono3py.primitive) * 3) ** 2
    if size > _LARGEST_MATRIX:
        raise ForgefieldError(
            f"the collision matrix of {points} irreducible q-points (mesh {'×'.join(map(str, mesh))}) and "
            f"{3 * len(phono3py.primitive)} branches takes {size / 1e9:.0f} GB",
            "choose a coarser mesh, or the relaxation-time approximation",
        )
