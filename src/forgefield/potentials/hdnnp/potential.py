"""The neural network potential: descriptor and networks joined behind the `Potential` contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.neighbours import with_vectors
from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array, Evaluation, Uncertainty
from forgefield.descriptors.symmetry_functions.descriptor import SymmetryFunctions
from forgefield.potentials.contract import Potential
from forgefield.potentials.gradients import stress_from_virial
from forgefield.potentials.hdnnp import io
from forgefield.potentials.hdnnp.definition import ATOMIC_UNITS, Hdnnp, Units
from forgefield.potentials.hdnnp.kernel import FusedKernel
from forgefield.potentials.hdnnp.n2p2_folder import read_folder, write_folder
from forgefield.potentials.hdnnp.network import pack

# As n2p2: values on the border of the training range are within it.
_TOLERANCE = 1000 * float(np.finfo(float).eps)


class HdnnpPotential(Potential):
    """One network per element on symmetry functions; a committee predicts its mean and its spread.

    Args:
        hdnnp: all its numbers.
    """

    def __init__(self, hdnnp: Hdnnp) -> None:
        self.hdnnp = hdnnp
        self.species = hdnnp.species
        self.functions = descriptor_of(hdnnp)
        self.cutoff = self.functions.cutoff
        self.kernel = FusedKernel(self.functions, pack(hdnnp, self.functions.width))

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Mean of the committee; with `uncertainty`, also its standard deviation (spread over members)."""
        species = self.functions.species_index(atoms)
        pairs = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        placed = pairs.placed(atoms)
        energies, forces, virials = self.kernel.evaluate(pairs, placed, species, uncertainty)
        atomic = energies.mean(axis=0)
        return Evaluation(
            energy=float(atomic.sum()),
            energies=atomic,
            forces=forces.mean(axis=0),
            stress=stress_from_virial(atoms, virials.mean(axis=0)),
            uncertainty=_spread(energies.sum(axis=1), forces),
        )

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """(N, 3, 3), eV, of the mean of the committee."""
        species = self.functions.species_index(atoms)
        pairs = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        return self.kernel.virials(pairs, pairs.placed(atoms), species)

    def features(self, atoms: Atoms) -> Array:
        """(N, D) scaled symmetry functions, the inputs of the networks; zeros fill up elements that have fewer."""
        values, species = self._values(atoms)
        networks = self.kernel.networks
        return np.asarray(networks.slopes[species] * values + networks.offsets[species])

    def extrapolations(self, atoms: Atoms) -> NDArray[np.int64]:
        """(N,) how many symmetry functions of each atom lie outside of the range of the training data."""
        values, species = self._values(atoms)
        counts = np.zeros(len(atoms), dtype=np.int64)
        for element, statistics in enumerate(self.hdnnp.statistics):
            mine = species == element
            own = values[mine, : len(statistics)]
            outside = (own + _TOLERANCE < statistics[:, 0]) | (own - _TOLERANCE > statistics[:, 1])
            counts[mine] = outside.sum(axis=1)
        return counts

    def save(self, folder: Path) -> None:
        """Write settings and weights."""
        io.save(folder, self.hdnnp)

    @classmethod
    def load(cls, folder: Path) -> HdnnpPotential:
        """Read what `save` wrote."""
        return cls(io.load(folder))

    @classmethod
    def from_n2p2(cls, folder: Path, units: Units = ATOMIC_UNITS) -> HdnnpPotential:
        """Read a potential of n2p2; `units` are those of its files, which do not say."""
        return cls(read_folder(folder, units))

    def to_n2p2(self, folder: Path, units: Units | None = None, member: int | None = None) -> None:
        """Write the potential for n2p2 and LAMMPS.

        Args:
            folder: is made if need be.
            units: of the files; those in which the potential is defined unless given.
            member: of a committee.
        """
        hdnnp = self.hdnnp if units is None else self.hdnnp.in_units(units)
        write_folder(folder, hdnnp, member)

    def _values(self, atoms: Atoms) -> tuple[Array, NDArray[np.int64]]:
        species = self.functions.species_index(atoms)
        pairs = with_vectors(find_pairs(atoms, self.cutoff), atoms)
        return self.functions.values(pairs, species), species


def _spread(energies: Array, forces: Array) -> Uncertainty | None:
    """Sample standard deviations over members; one alone has none."""
    if len(energies) < 2:
        return None
    return Uncertainty(float(energies.std(ddof=1)), np.sqrt(forces.var(axis=0, ddof=1).sum(axis=1)))


def descriptor_of(hdnnp: Hdnnp) -> SymmetryFunctions:
    """The symmetry functions of a potential, in Å."""
    return SymmetryFunctions(hdnnp.species, hdnnp.functions, hdnnp.cutoff_function, hdnnp.units.length)
