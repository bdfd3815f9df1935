"""Labelled structures of one's own, held compactly: a few arrays instead of hundreds of thousands of objects."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Labels
from forgefield.potentials.training_cache import LazySequence

GROUP_KEYS = ("source", "group", "config_type", "tag")
_WEIGHT_KEYS = ("weight", "config_weight")
_FORCE_KEYS = ("forces", "force")
_ENERGY_KEYS = ("energy", "Energy")


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """n labelled structures with A atoms in all.

    Attributes:
        numbers: (A,) atomic numbers.
        positions, forces: (A, 3), Å and eV/Å.
        offsets: (n + 1,); the atoms of structure i are ``offsets[i]:offsets[i + 1]``.
        cells: (n, 3, 3), Å.
        periodic: (n, 3).
        energies: (n,), eV.
        stresses: (n, 6), eV/Å³; not a number without a label.
        weights: (n,) weight in the loss.
        groups: (n,) group of each structure, "" where the file says none.
        trajectories: (n,) trajectory of each structure, "" where the file says none.
    """

    numbers: NDArray[np.uint8]
    positions: Array
    forces: Array
    offsets: NDArray[np.int64]
    cells: Array
    periodic: NDArray[np.bool_]
    energies: Array
    stresses: Array
    weights: Array
    groups: tuple[str, ...]
    trajectories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.energies)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(n,) number of atoms of each structure."""
        return np.diff(self.offsets)

    @property
    def structures(self) -> LazySequence[Atoms]:
        """The structures, made on demand, without calculators."""
        return LazySequence(self.atoms, len(self))

    @property
    def labels(self) -> LazySequence[Labels]:
        """Their labels, made on demand."""
        return LazySequence(self.label, len(self))

    def atoms(self, index: int) -> Atoms:
        """Structure number `index`."""
        mine = slice(self.offsets[index], self.offsets[index + 1])
        return Atoms(
            self.numbers[mine], self.positions[mine], cell=self.cells[index], pbc=self.periodic[index]
        )

    def label(self, index: int) -> Labels:
        """Labels of structure number `index`."""
        stress = self.stresses[index]
        return Labels(
            energy=float(self.energies[index]),
            forces=self.forces[self.offsets[index] : self.offsets[index + 1]],
            stress=stress if np.isfinite(stress).all() else None,
            recipe="",
            engine="",
            seconds=0.0,
        )

    def subset(self, indices: NDArray[np.int64]) -> TrainingSet:
        """The structures with these indices, in this order."""
        atoms = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in indices]
        rows = np.concatenate(atoms) if atoms else np.zeros(0, dtype=np.int64)
        per_atom = {name: getattr(self, name)[rows] for name in ("numbers", "positions", "forces")}
        names = ("cells", "periodic", "energies", "stresses", "weights")
        return TrainingSet(
            **per_atom,
            **{name: getattr(self, name)[indices] for name in names},
            offsets=np.concatenate([[0], np.cumsum(self.sizes[indices])]).astype(np.int64),
            groups=tuple(self.groups[i] for i in indices),
            trajectories=tuple(self.trajectories[i] for i in indices),
        )

    def minus(self, baseline: Callable[[Atoms], tuple[float, Array, Array]]) -> TrainingSet:
        """The set with a baseline's energy, forces and stress taken from its labels."""
        energies, forces, stresses = self.energies.copy(), self.forces.copy(), self.stresses.copy()
        for index in range(len(self)):
            energy, force, stress = baseline(self.atoms(index))
            energies[index] -= energy
            forces[self.offsets[index] : self.offsets[index + 1]] -= force
            stresses[index] -= stress
        return replace(self, energies=energies, forces=forces, stresses=stresses)

    def weighted(self, factors: dict[str, float]) -> TrainingSet:
        """The set with the weights of whole groups multiplied.

        Raises:
            ForgefieldError: a group that is not in the data, or a negative weight.
        """
        for name, factor in factors.items():
            if name not in self.groups:
                known = ", ".join(sorted(set(self.groups) - {""})) or "none, as no structure names its group"
                raise ForgefieldError(f"weights: there is no group {name!r} in the data", f"groups: {known}")
            if not factor >= 0:
                raise ForgefieldError(f"weights: {name}: {factor} is negative", "choose 0 or more")
        by_group = np.array([factors.get(name, 1.0) for name in self.groups])
        return replace(self, weights=self.weights * by_group)

    def key(self) -> str:
        """Hash of all numbers that training uses."""
        digest = hashlib.sha256()
        for name in (
            "numbers",
            "positions",
            "forces",
            "offsets",
            "cells",
            "periodic",
            "energies",
            "stresses",
        ):
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        digest.update(self.weights.tobytes())
        return digest.hexdigest()[:20]


def collect(frames: Iterable[Atoms]) -> tuple[TrainingSet, int]:
    """The labelled structures among frames, and how many had no energy or no forces.

    Energy, forces and stress come from ASE's calculator results, or, as GPUMD writes them, from ``energy`` and
    ``virial`` on the comment line and a ``force`` column. The frames are let go one by one.
    """
    parts: dict[str, list[Array]] = {"numbers": [], "positions": [], "forces": []}
    rows: dict[str, list[object]] = {
        name: [] for name in ("cells", "periodic", "energies", "stresses", "weights")
    }
    groups: list[str] = []
    trajectories: list[str] = []
    unlabelled = 0
    for atoms in frames:
        labels = labels_of(atoms)
        if labels is None:
            unlabelled += 1
            continue
        energy, forces, stress = labels
        parts["numbers"].append(atoms.numbers.astype(np.uint8))
        parts["positions"].append(atoms.positions.copy())
        parts["forces"].append(np.array(forces, dtype=np.float64))
        rows["cells"].append(atoms.cell.array.copy())
        rows["periodic"].append(atoms.pbc.copy())
        rows["energies"].append(float(energy))
        rows["stresses"].append(np.full(6, np.nan) if stress is None else stress)
        rows["weights"].append(next((float(atoms.info[k]) for k in _WEIGHT_KEYS if k in atoms.info), 1.0))
        groups.append(next((str(atoms.info[k]) for k in GROUP_KEYS if k in atoms.info), ""))
        trajectories.append(str(atoms.info.get("trajectory", "")))
    n = len(groups)
    sizes = [len(each) for each in parts["numbers"]]
    shapes = {"cells": (n, 3, 3), "periodic": (n, 3), "energies": (n,), "stresses": (n, 6), "weights": (n,)}
    kinds: dict[str, Any] = {"periodic": np.bool_}
    fields: dict[str, Any] = {
        name: np.array(values, dtype=kinds.get(name, np.float64)).reshape(shapes[name])
        for name, values in rows.items()
    }
    return TrainingSet(
        numbers=np.concatenate([np.zeros(0, np.uint8), *parts["numbers"]]).astype(np.uint8),
        positions=np.concatenate([np.zeros((0, 3)), *parts["positions"]]),
        forces=np.concatenate([np.zeros((0, 3)), *parts["forces"]]),
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        **fields,
        groups=tuple(groups),
        trajectories=tuple(trajectories),
    ), unlabelled


def labels_of(atoms: Atoms) -> tuple[float, Array, Array | None] | None:
    """Energy, forces (N, 3) and stress (6,) that came with a structure; None without energy or forces.

    Where a file has both, as those of VASP do, the energy is the free one, whose derivatives the forces are, not that
    extrapolated to no smearing.
    Virials on the comment line are −V times the stress in ASE's sign, as GPUMD's manual has them.
    """
    results = atoms.calc.results if atoms.calc is not None else {}
    energy = _numbers(_first(results, ("free_energy", "energy"), atoms.info, _ENERGY_KEYS))
    forces = _numbers(_first(results, ("forces",), atoms.arrays, _FORCE_KEYS))
    if energy is None or energy.size != 1 or forces is None or forces.shape != (len(atoms), 3):
        return None
    return float(energy.item()), forces, _stress_of(atoms, results)


def _stress_of(atoms: Atoms, results: dict[str, Any]) -> Array | None:
    stress, virial = (
        _numbers(each)
        for each in (_first(results, ("stress",), atoms.info, ("stress",)), atoms.info.get("virial"))
    )
    volume = abs(float(np.linalg.det(atoms.cell.array)))
    if stress is None and volume > 1e-8 and virial is not None and virial.size == 9:
        stress = -virial / volume
    if stress is not None and stress.size == 9:
        tensor = stress.reshape(3, 3)
        stress = ((tensor + tensor.T) / 2)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    return stress if stress is not None and stress.shape == (6,) else None


def _numbers(value: Any) -> Array | None:
    """Finite numbers; None for whatever else may stand in a file."""
    if value is None or np.asarray(value).dtype.kind not in "iuf":
        return None
    numbers = np.asarray(value, dtype=np.float64)
    return numbers if np.isfinite(numbers).all() else None


def _first(results: dict, names: Sequence[str], others: dict, other_names: Sequence[str]):  # type: ignore[no-untyped-def]
    for source, keys in ((results, names), (others, other_names)):
        for key in keys:
            if source.get(key) is not None:
                return source[key]
    return None
