"""The neuroevolution potential behind the `Potential` contract."""

from __future__ import annotations

from pathlib import Path

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array, Evaluation
from forgefield.atoms.species import species_index
from forgefield.potentials.contract import Potential
from forgefield.potentials.gradients import stress_from_virial
from forgefield.potentials.nep import io
from forgefield.potentials.nep.frozen import FrozenNep, Outcome
from forgefield.potentials.nep.nep_txt import read_nep_txt, write_nep_txt
from forgefield.potentials.nep.parameters import NepParameters
from forgefield.potentials.zbl import Zbl


class NepPotential(Potential):
    """A frozen model: one fused kernel and, where the model has one, its repulsion.

    Args:
        model: the numbers.
    """

    def __init__(self, model: NepParameters) -> None:
        self.model = model
        self.species = model.species
        self.cutoff = float(model.radial_cutoffs.max())
        self._frozen = FrozenNep(model)
        self._zbl = Zbl(model.species, *model.zbl, model.zbl_pairs) if model.zbl else None
        if self._zbl is not None and self._zbl.cutoff > self.cutoff:
            raise ForgefieldError(
                f"the repulsion reaches {self._zbl.cutoff} Å, beyond the radial cutoff {self.cutoff} Å",
                "lower the outer cutoff of zbl",
            )

    @classmethod
    def from_nep_txt(cls, path: Path | str) -> NepPotential:
        """Read GPUMD's file.

        Raises:
            ForgefieldError: no such file, or a model of another kind.
        """
        return cls(read_nep_txt(path))

    @classmethod
    def load(cls, folder: Path) -> NepPotential:
        """Read what `save` wrote."""
        return cls(io.load(folder))

    def save(self, folder: Path) -> None:
        """Write a folder."""
        io.save(folder, self.model)

    def to_nep_txt(self, path: Path | str) -> None:
        """Write GPUMD's file."""
        write_nep_txt(self.model, path)

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Energy, forces and stress; a single model knows no uncertainty.

        Args:
            atoms: N atoms.
            uncertainty: makes no difference here.
            pairs: at least all pairs within the cutoff; found here if not given.
        """
        outcome = self._outcome(atoms, pairs, False)
        return Evaluation(
            energy=float(outcome.energies.sum()),
            energies=outcome.energies,
            forces=outcome.forces,
            stress=stress_from_virial(atoms, outcome.virial),
        )

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """(N, 3, 3), eV."""
        return self._outcome(atoms, pairs, True).atom_virials.reshape(-1, 3, 3)

    def features(self, atoms: Atoms) -> Array:
        """(N, D) scaled descriptors."""
        index = species_index(atoms, self.species)
        pairs = find_pairs(atoms, self.cutoff)
        return self._frozen.features(pairs.placed(atoms), pairs, index) * self.model.q_scaler

    def _outcome(self, atoms: Atoms, pairs: PairList | None, atom_virials: bool) -> Outcome:
        index = species_index(atoms, self.species)
        pairs = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        placed = pairs.placed(atoms)
        outcome = self._frozen.evaluate(placed, pairs, index, atom_virials)
        if self._zbl is None:
            return outcome
        energies, forces, virials = self._zbl.contributions(placed, pairs, index)
        return Outcome(
            energies=outcome.energies + energies,
            forces=outcome.forces + forces,
            virial=outcome.virial - virials.sum(axis=0).reshape(3, 3),
            atom_virials=outcome.atom_virials + virials if atom_virials else outcome.atom_virials,
        )
