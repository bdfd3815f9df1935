"""Trajectories in the H5MD convention, which VMD, MDAnalysis, MDTraj and others read.

de Buyl, Colberg & Höfling, Comput. Phys. Commun. 185, 1546 (2014); version 1.1, with the module ``units``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import units

from forgefield import __version__
from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.langevin import MotionState
from forgefield.sampling.observables import pressure

_FEMTOSECOND = 1.0 / units.fs


class H5mdFile:
    """One group of particles, ``all``, and observables of the whole.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def frames(self) -> int:
        """Number of frames.

        Raises:
            ForgefieldError: the file is damaged, or no H5MD.
        """
        import h5py

        try:
            with h5py.File(self.path, "r") as file:
                return len(file["particles/all/position/step"])
        except (OSError, KeyError) as error:
            raise ForgefieldError(
                f"{self.path} is not a whole H5MD file ({error})",
                "it was damaged while it was written: move it away and start the run anew",
            ) from error

    def append(self, states: Sequence[MotionState], timestep: float) -> None:
        """Write frames at the end; the file is open only meanwhile, so that a kill between cannot damage it.

        Args:
            states: of one motion.
            timestep: ASE time units.
        """
        import h5py

        if not states:
            return
        new = not self.path.exists()
        with h5py.File(self.path, "a") as file:
            if new:
                _lay_out(file, states[0])
            clock = file["particles/all/position"]
            done = len(clock["step"])
            for name, values in _columns(states, timestep).items():
                dataset = file[name]
                dataset.resize(done + len(states), axis=0)
                dataset[done:] = values


def _columns(states: Sequence[MotionState], timestep: float) -> dict[str, Any]:
    """Dataset → its rows for these states."""
    columns = {
        "particles/all/position/step": [state.step for state in states],
        "particles/all/position/time": [state.step * timestep * _FEMTOSECOND for state in states],
        "particles/all/position/value": [state.positions for state in states],
        "particles/all/velocity/value": [
            state.momenta / state.masses[:, None] / _FEMTOSECOND for state in states
        ],
        "particles/all/force/value": [state.forces for state in states],
        "observables/potential_energy/value": [state.energy for state in states],
        "observables/kinetic_energy/value": [state.kinetic_energy for state in states],
        "observables/pressure/value": [pressure(state) / units.GPa for state in states],
    }
    if states[0].pbc.any():
        columns["particles/all/box/edges/value"] = [state.cell for state in states]
    return {name: np.array(values) for name, values in columns.items()}


def _lay_out(file: Any, state: MotionState) -> None:
    """Groups and empty datasets."""
    root = file.create_group("h5md")
    root.attrs["version"] = np.array([1, 1])
    root.create_group("author").attrs["name"] = "unknown"
    creator = root.create_group("creator")
    creator.attrs["name"], creator.attrs["version"] = "forgefield", __version__
    root.create_group("modules/units").attrs["version"] = np.array([1, 0])
    n_atoms = len(state.masses)
    particles = file.create_group("particles/all")
    box = particles.create_group("box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = ["periodic" if each else "none" for each in state.pbc]
    particles["species"] = state.numbers
    particles["mass"] = state.masses
    particles["mass"].attrs["unit"] = "u"
    first = particles.create_group("position")
    _grow(first, "step", (), np.int64)
    _grow(first, "time", (), np.float64).attrs["unit"] = "fs"
    _grow(first, "value", (n_atoms, 3), np.float64).attrs["unit"] = "Angstrom"
    others: list[tuple[str, tuple[int, ...], str]] = [
        ("velocity", (n_atoms, 3), "Angstrom fs-1"),
        ("force", (n_atoms, 3), "eV Angstrom-1"),
    ]
    if state.pbc.any():
        others.append(("box/edges", (3, 3), "Angstrom"))
    elements = [(particles.create_group(name), shape, unit) for name, shape, unit in others]
    observables = file.create_group("observables")
    for name, unit in (("potential_energy", "eV"), ("kinetic_energy", "eV"), ("pressure", "GPa")):
        elements.append((observables.create_group(name), (), unit))
    for group, shape, unit in elements:
        group["step"], group["time"] = first["step"], first["time"]
        _grow(group, "value", shape, np.float64).attrs["unit"] = unit


def _grow(group: Any, name: str, shape: tuple[int, ...], kind: type) -> Any:
    """A dataset without rows yet."""
    return group.create_dataset(
        name, (0, *shape), dtype=kind, maxshape=(None, *shape), chunks=(1, *shape) if shape else (256,)
    )
