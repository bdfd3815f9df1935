"""The climbing-image nudged elastic band, all images of an iteration in one batch.

Springs, improved tangents and the climbing image are ASE's (Henkelman & Jónsson, J. Chem. Phys. 113, 9978 (2000);
Henkelman, Uberuaga & Jónsson, ibid. 9901), and so is the start, the path of the image-dependent pair potential
(Smidstrup et al., J. Chem. Phys. 140, 214106 (2014)). L-BFGS moves the band; with a first curvature of 20 eV/Å² it took
28 iterations for a vacancy in 107 copper atoms (EMT) to 0.005 eV/Å where ASE's own 70 eV/Å² took 46 and FIRE 64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import find_mic
from ase.mep import NEB
from ase.mep.neb import NEBState
from ase.optimize import LBFGS

from forgefield.atoms.records import Array
from forgefield.properties.point import evaluate_points, require_points

_SPRING = 1.0
"""eV/Å²; moves images along the path only, so it decides about their distances, not about energies."""
_CLIMB_BELOW = 0.5
"""eV/Å; forces across the path below which its highest image may climb without leaving it."""
_CURVATURE = 20.0
"""eV/Å², of the first step."""
_LONGEST = 0.1
"""Å; longest move of an atom in one iteration."""
_LOST = 4.0
"""Times its first length; a longer band has fallen into other minima and will not come back."""


@dataclass(frozen=True, slots=True)
class Band:
    """Images between two minima.

    Attributes:
        images: M structures, the ends included, without calculators.
        energies: (M,), eV.
        forces: (M, N, 3), eV/Å.
        tangents: (M, N, 3) unit vectors along the path, towards the last image.
        climbing: index of the image that climbed; None where no image lies above both ends.
        residual: largest true force on an atom across the path, and in any direction on the climbing image, eV/Å.
        iterations: batches of all inner images.
        converged: whether the residual met its tolerance.
    """

    images: tuple[Atoms, ...]
    energies: Array
    forces: Array
    tangents: Array
    climbing: int | None
    residual: float
    iterations: int
    converged: bool


def start_path(initial: Atoms, final: Atoms, images: int) -> list[Atoms]:
    """The path of the image-dependent pair potential, ``images`` structures between the two."""
    path = [initial.copy() for _ in range(images + 1)] + [final.copy()]
    NEB(path, method="improvedtangent").interpolate(method="idpp", mic=bool(initial.pbc.any()))
    return path


def relax_band(path: Sequence[Atoms], calculator: Calculator, tolerance: float, max_iterations: int) -> Band:
    """Move the inner images to the minimum-energy path, and the highest of them to its saddle.

    Args:
        path: start, with minima at both ends; is not changed.
        calculator: any ASE calculator.
        tolerance: eV/Å, on `Band.residual`.
        max_iterations: gives up after so many; the band then says that it has not converged.
    """
    band = _BatchedBand([image.copy() for image in path], calculator)
    longest = _LOST * _length(path)
    for climb, goal in ((False, max(_CLIMB_BELOW, tolerance)), (True, tolerance)):
        band.climb = climb and band.has_summit()
        with LBFGS(band, logfile=None, alpha=_CURVATURE, maxstep=_LONGEST) as optimiser:
            # The optimiser measures forces that contain the springs; the band's own residual ends it here.
            for _ in optimiser.irun(fmax=0.0, steps=max_iterations):
                if (
                    band.residual() <= goal
                    or band.iterations >= max_iterations
                    or _length(band.images) > longest
                ):
                    break
    residual = band.residual()
    return Band(
        images=tuple(image.copy() for image in band.images),
        energies=np.array(band.energies, dtype=np.float64),
        forces=np.array(band.real_forces, dtype=np.float64),
        tangents=band.tangents(),
        climbing=int(band.imax) if band.climb else None,
        residual=residual,
        iterations=band.iterations,
        converged=residual <= tolerance,
    )


def tangents_of(images: Sequence[Atoms], energies: Array) -> Array:
    """(M, N, 3) improved tangents of a path; at its ends, the directions to their neighbours."""
    steps = steps_between(images)
    tangents = np.empty((len(images), len(images[0]), 3))
    tangents[0], tangents[-1] = _unit(steps[0]), _unit(steps[-1])
    with_springs = NEB(list(images), method="improvedtangent")
    state = NEBState(with_springs, list(images), energies)
    for k in range(1, len(images) - 1):
        tangents[k] = with_springs.neb_method.get_tangent(state, state.spring(k - 1), state.spring(k), k)
    return tangents


def steps_between(images: Sequence[Atoms]) -> Array:
    """(M − 1, N, 3) ways of the atoms from each image to the next, the shortest ones, Å."""
    return np.array(
        [
            find_mic(after.positions - before.positions, before.cell, before.pbc)[0]
            for before, after in pairwise(images)
        ]
    )


class _BatchedBand(NEB):
    """ASE's band, fed with the results of one batch for each iteration."""

    def __init__(self, images: list[Atoms], calculator: Calculator) -> None:
        super().__init__(images, k=_SPRING, method="improvedtangent")
        self.calculator, self.iterations = calculator, 0
        self._evaluate([images[0], images[-1]])
        self._ends = images[0].get_forces(), images[-1].get_forces()

    def get_forces(self) -> Any:
        # After the band starts to climb, the optimiser begins anew where it stands.
        unknown = [image for image in self.images[1:-1] if _unevaluated(image)]
        if unknown:
            self._evaluate(unknown)
            self.iterations += 1
        forces = super().get_forces()
        self.real_forces[0], self.real_forces[-1] = self._ends
        return forces

    def has_summit(self) -> bool:
        inner, ends = self.energies[1:-1], self.energies[[0, -1]]
        return bool(inner.max() > ends.max())

    def tangents(self) -> Array:
        return tangents_of(self.images, self.energies)

    def residual(self) -> float:
        across = []
        for k, (force, tangent) in enumerate(zip(self.real_forces, self.tangents(), strict=True)):
            if 0 < k < self.nimages - 1:
                along = 0.0 if self.climb and k == self.imax else float(np.vdot(force, tangent))
                across.append(force - along * tangent)
        return float(np.linalg.norm(across, axis=2).max())

    def _evaluate(self, images: list[Atoms]) -> None:
        points = evaluate_points([image.copy() for image in images], self.calculator)
        require_points(points, images, "the nudged elastic band")
        for image, point in zip(images, points, strict=True):
            image.calc = SinglePointCalculator(image, energy=point.energy, forces=point.forces)


def _length(images: Sequence[Atoms]) -> float:
    return float(np.linalg.norm(steps_between(images), axis=(1, 2)).sum())


def _unevaluated(image: Atoms) -> bool:
    return image.calc is None or bool(image.calc.check_state(image))


def _unit(vector: Array) -> Array:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector
