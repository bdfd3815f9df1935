"""Any potential of forgefield inside LAMMPS, on one or many MPI ranks, without building LAMMPS anew.

``fix external`` hands over each rank's own atoms and its ghosts, which reach as far as the potential. A rank computes
the energies of its own atoms and what they do to all atoms; what they do to ghosts goes to the atoms that those are
images of, on whatever rank.

    import lammps
    import forgefield.lammps

    forgefield.lammps.load_mpi()
    engine = lammps.lammps()
    engine.file("in.silicon")  # units metal, atoms, masses; no pair style
    forgefield.lammps.attach(engine, "si-run/potential", ["Si"])
    engine.command("run 1000")

Thompson et al., Comput. Phys. Commun. 271, 108171 (2022); LAMMPS manual, "fix external".
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array
from forgefield.potentials.contract import Potential
from forgefield.potentials.registry import load

if TYPE_CHECKING:
    from lammps import lammps
    from mpi4py.MPI import Comm

NAME = "forgefield"
_UNITS = "metal"
VOIGT = ((0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2))
"""LAMMPS's order of a symmetric tensor: xx, yy, zz, xy, xz, yz."""


def load_mpi() -> None:
    """Make the MPI library known that comes with ``pip install 'lammps[mpi]'``; call it before LAMMPS is created."""
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def attach(
    engine: lammps,
    potential: Potential | Path | str,
    species: Sequence[str],
    skin: float = 1.0,
) -> Force:
    """Let a potential act on all atoms of a LAMMPS instance, which must have its atoms by now.

    Args:
        engine: LAMMPS in ``metal`` units, without a pair style.
        potential: one, or where it lies.
        species: element of each atom type, in their order.
        skin: Å by which lists of neighbours reach farther, LAMMPS's and the potential's.

    Returns:
        the force; it lives as long as the fix.

    Raises:
        ForgefieldError: other units, a pair style that would act as well, or elements that do not fit.
    """
    found = potential if isinstance(potential, Potential) else load(potential)
    units = engine.extract_global("units")
    if units != _UNITS:
        raise ForgefieldError(f"LAMMPS is in {units} units, but forgefield in eV and Å", "say: units metal")
    if engine.extract_global("natoms") < 1:
        raise ForgefieldError(
            "LAMMPS has no atoms yet", "create or read them before the potential is attached"
        )
    types = int(engine.extract_setting("ntypes"))
    if len(species) != types:
        raise ForgefieldError(
            f"LAMMPS has {types} atom types, but {len(species)} elements are named", "name one for each type"
        )
    foreign = sorted(set(species) - set(found.species))
    if foreign:
        raise ForgefieldError(
            f"the potential knows {', '.join(found.species)}, but not {', '.join(foreign)}",
            "choose another potential",
        )
    force = Force(found, species, skin, _world(engine))
    # LAMMPS measures the cutoff of ghosts from the atoms as they were when neighbours were last looked for.
    engine.commands_string(
        f"""
        neighbor {skin} bin
        comm_modify cutoff {found.cutoff + skin:.6f}
        fix {NAME} all external pf/callback 1 1
        fix_modify {NAME} energy yes virial yes
        """
    )
    engine.set_fix_external_callback(NAME, force, engine)
    return force


class Force:
    """What LAMMPS calls at every step.

    Args:
        potential: acts.
        species: element of each atom type.
        skin: Å by which the pair list reaches beyond the cutoff.
        world: all ranks; None where there is but one.
    """

    def __init__(
        self, potential: Potential, species: Sequence[str], skin: float, world: Comm | None = None
    ) -> None:
        self.potential, self.skin, self.world = potential, skin, world
        self.numbers = np.array([0, *(atomic_numbers[symbol] for symbol in species)])
        self.builds = 0
        self._made_at: Array = np.empty((0, 3))
        self._pairs: PairList | None = None
        self._ghosts = Ghosts(np.empty(0), 0, None)

    def __call__(
        self, engine: lammps, step: int, own: int, tags: NDArray[Any], positions: Array, forces: Array
    ) -> None:
        """Forces on a rank's own atoms, energy and virial of all.

        Args:
            engine: LAMMPS.
            step: of the run.
            own: number of this rank's atoms.
            tags: (own,) their names.
            positions: (own, 3) Å.
            forces: (own, 3) eV/Å, written.
        """
        everyone = own + int(engine.extract_setting("nghost"))
        cluster = Atoms(
            numbers=self.numbers[engine.numpy.extract_atom("type", nelem=everyone)],
            positions=engine.numpy.extract_atom("x", nelem=everyone),
        )
        pairs = self._listed(cluster, np.array(engine.numpy.extract_atom("id", nelem=everyone)), own)
        energy, found = 0.0, np.zeros((everyone, 3))
        if own:
            evaluation = self.potential.evaluate(cluster, pairs=pairs)
            energy, found = float(evaluation.energies[:own].sum()), evaluation.forces
        forces[:] = self._ghosts.brought_home(found)
        # Moved or turned as a whole, own atoms and ghosts keep the energy of the own ones.
        virial = cluster.positions.T @ found
        total = np.array([energy, *((virial + virial.T) / 2)[VOIGT]])
        if self.world is not None:
            total = sum(self.world.allgather(total))
        engine.fix_external_set_energy_global(NAME, float(total[0]))
        engine.fix_external_set_virial_global(NAME, total[1:].tolist())

    def _listed(self, cluster: Atoms, tags: NDArray[Any], own: int) -> PairList:
        """Pairs of own atoms; made anew on all ranks when LAMMPS has dealt out the atoms anew, and when one has moved
        by half the skin."""
        outdated = (
            self._pairs is None
            or not np.array_equal(tags, self._ghosts.tags)
            or own != self._pairs.centres
            or self._moved(cluster.positions)
        )
        if self.world is not None:
            outdated = any(self.world.allgather(outdated))
        if self._pairs is None or outdated:
            self._pairs = find_pairs(cluster, self.potential.cutoff + self.skin).of_first(own)
            self._ghosts, self._made_at = Ghosts(tags, own, self.world), cluster.positions
            self.builds += 1
        return self._pairs

    def _moved(self, positions: Array) -> bool:
        moves = positions - self._made_at
        return not 4 * np.einsum("ij,ij->i", moves, moves).max(initial=0.0) <= self.skin**2


class Ghosts:
    """Whose images a rank's ghosts are, and the way home of the forces on them.

    Args:
        tags: (own + ghosts,) names of atoms, those of ghosts last.
        own: number of the rank's own atoms.
        world: all ranks, which make theirs at the same time; None where there is but one.
    """

    def __init__(self, tags: NDArray[Any], own: int, world: Comm | None) -> None:
        self.tags, self.own, self.world = tags, own, world
        self._order = np.argsort(tags[:own])
        homes = self._places(tags[own:])
        self._near = np.flatnonzero(homes >= 0)
        self._near_homes = homes[self._near]
        if world is None:
            return
        # Names are exchanged once, forces at every step.
        names = world.allgather(tags[:own])
        ranks = np.empty(max(int(each.max(initial=0)) for each in names) + 1, dtype=np.int64)
        for rank, each in enumerate(names):
            ranks[each] = rank
        far = np.flatnonzero(homes < 0)
        owners = ranks[tags[own:][far]]
        self._far = [far[owners == rank] for rank in range(world.size)]
        asked = world.alltoall([tags[own:][each] for each in self._far])
        self._far_homes = [self._places(each) for each in asked]

    def brought_home(self, forces: Array) -> Array:
        """(own, 3) forces on own atoms from those on all atoms here (own + ghosts, 3) and on other ranks."""
        own, ghosts = forces[: self.own].copy(), forces[self.own :]
        _add(own, self._near_homes, ghosts[self._near])
        if self.world is not None:
            received = self.world.alltoall([ghosts[each] for each in self._far])
            for places, each in zip(self._far_homes, received, strict=True):
                _add(own, places, each)
        return own

    def _places(self, tags: NDArray[Any]) -> NDArray[np.int64]:
        """Where own atoms of these names are; −1 for those of other ranks."""
        if not self.own:
            return np.full(len(tags), -1)
        names = self.tags[: self.own]
        at = self._order[np.minimum(np.searchsorted(names, tags, sorter=self._order), self.own - 1)]
        places: NDArray[np.int64] = np.where(names[at] == tags, at, -1)
        return places


def _add(forces: Array, places: NDArray[np.int64], more: Array) -> None:
    for axis in range(3):
        forces[:, axis] += np.bincount(places, more[:, axis], len(forces))


def _world(engine: lammps) -> Comm | None:
    if engine.extract_setting("world_size") == 1:
        return None
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ForgefieldError("several MPI ranks need mpi4py", "pip install 'forgefield[lammps]'") from error
    return MPI.COMM_WORLD
