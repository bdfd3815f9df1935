"""What is known of a crystal's lattice thermal conductivity, from meshes to the limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.properties.quantities import Quantity

_AXES = ("xx", "yy", "zz")


@dataclass(frozen=True, slots=True)
class MeshConductivity:
    """Conductivity on one mesh.

    Attributes:
        mesh: (3,) q-points along each reciprocal vector of the primitive cell.
        relaxation_time: (T, 6) W/m/K, xx yy zz yz xz xy, relaxation-time approximation.
        direct: (T, 6) direct solution; None where it was not wanted.
    """

    mesh: NDArray[np.int64]
    relaxation_time: Array
    direct: Array | None

    @property
    def best(self) -> Array:
        """(T, 6) of the direct solution where there is one."""
        return self.relaxation_time if self.direct is None else self.direct

    @property
    def spacing(self) -> float:
        """Distance of q-points, in units of a reciprocal vector."""
        return float(np.prod(self.mesh.astype(float)) ** (-1 / 3))


@dataclass(frozen=True, slots=True)
class HeatCarriers:
    """Which modes carry the heat, in the relaxation-time approximation.

    Attributes:
        mean_free_paths: (P,) Å, ascending.
        within_path: (T, P) share of κ carried by modes whose mean free path is at most that.
        frequencies: (F,) THz, ascending.
        within_frequency: (T, F) share of κ carried by modes of at most that frequency.
    """

    mean_free_paths: Array
    within_path: Array
    frequencies: Array
    within_frequency: Array


@dataclass(frozen=True, slots=True)
class ThermalConductivity:
    """Lattice thermal conductivity.

    Attributes:
        temperatures: (T,) K.
        meshes: results on growing meshes.
        statistics: ``quantum`` or ``classical``.
        isotopes: whether isotopes scatter.
        calculations: how many structures were computed.
        carriers: which modes carry the heat, on the finest mesh.
        lowest: lowest frequency on the meshes, THz.
        imaginary_share: share of imaginary modes on the finest mesh; they carry nothing.
        imaginary_tolerance: THz, below minus which a frequency is imaginary.
    """

    temperatures: Array
    meshes: tuple[MeshConductivity, ...]
    statistics: str
    isotopes: bool
    calculations: int
    carriers: HeatCarriers
    lowest: float
    imaginary_share: float
    imaginary_tolerance: float

    @property
    def conductivity(self) -> Array:
        """(T, 6) extrapolated to an infinitely fine mesh, W/m/K; that of the only mesh where there is one."""
        if len(self.meshes) == 1:
            return self.meshes[-1].best
        coarse, fine = self.meshes[-2:]
        rise = (fine.best - coarse.best) * fine.spacing / (coarse.spacing - fine.spacing)
        return np.asarray(fine.best + rise)

    @property
    def error(self) -> Array:
        """(T, 6) how far the extrapolation goes beyond the finest mesh, W/m/K; zero for a single mesh."""
        return np.asarray(np.abs(self.conductivity - self.meshes[-1].best))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Imaginary modes, meshes that are too coarse or not compared."""
        found = []
        if self.lowest < -self.imaginary_tolerance:
            found.append(
                f"imaginary modes, down to {self.lowest:.2f} THz ({100 * self.imaginary_share:.2g} % of the modes), "
                "carry no heat here: the conductivity is not that of a stable crystal"
            )
        mesh = "×".join(str(n) for n in self.meshes[-1].mesh)
        if len(self.meshes) == 1:
            found.append(f"the conductivity on mesh {mesh} was not compared with that on another mesh")
        mean, error = self.conductivity[:, :3].mean(axis=1), self.error[:, :3].mean(axis=1)
        doubtful = self.temperatures[error > 0.2 * np.abs(mean)]
        if len(doubtful):
            found.append(
                f"the conductivity is not converged with the mesh ({mesh}) at {', '.join(f'{t:g}' for t in doubtful)} K"
            )
        return tuple(found)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """κ at each temperature; its three diagonal components where they differ."""
        found = []
        for temperature, tensor, error in zip(self.temperatures, self.conductivity, self.error, strict=True):
            name = f"thermal conductivity at {temperature:g} K"
            uncertain = len(self.meshes) > 1
            if np.ptp(tensor[:3]) <= 1e-3 * np.abs(tensor[:3]).max():
                mean, width = float(tensor[:3].mean()), float(error[:3].mean())
                found.append(Quantity(name, mean, "W/(m K)", width if uncertain else None))
                continue
            found += [
                Quantity(f"{name}, {axis}", float(value), "W/(m K)", float(width) if uncertain else None)
                for axis, value, width in zip(_AXES, tensor[:3], error[:3], strict=True)
            ]
        return tuple(found)
