"""The density-expansion potential: kernels and network joined behind the `Potential` contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.neighbours import with_vectors
from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array, Evaluation, Neighbours, Uncertainty
from forgefield.descriptors.density import DensityExpansion
from forgefield.descriptors.fused_harmonics import MAX_FUSED_DEGREE
from forgefield.potentials.contract import Potential
from forgefield.potentials.density import io
from forgefield.potentials.density.compiled import CompiledEnergies
from forgefield.potentials.density.frozen import FrozenDensity
from forgefield.potentials.density.model import DensityModel
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.gradients import forces_from_pairs, stress_from_virial, virials_from_pairs


class DensityPotential(Potential):
    """A committee of density-expansion networks; predictions are its mean, uncertainties its spread.

    Args:
        spec: settings of the family.
        species: chemical symbols, in the order of the networks.
        model: trained network.
    """

    def __init__(self, spec: DensitySpec, species: tuple[str, ...], model: DensityModel) -> None:
        self.spec = spec
        self.species = species
        self.cutoff = spec.cutoff
        self.expansion = DensityExpansion(species, spec.cutoff, spec.n_radial, spec.l_max)
        self.model = model
        # Fused kernels know harmonics up to degree 4.
        self.frozen = FrozenDensity(spec, model) if spec.l_max <= MAX_FUSED_DEGREE else None

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Mean of the committee; with `uncertainty`, also its standard deviation (spread over members)."""
        index = self.expansion.species_index(atoms)
        listed = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        if self.frozen is not None and not uncertainty:
            energies, forces, virial = self.frozen.evaluate(listed.placed(atoms), listed, index)
            return Evaluation(float(energies.sum()), energies, forces, stress_from_virial(atoms, virial))
        near = with_vectors(listed, atoms)
        members, cotangents = self._energies(self.expansion.values(near, index), index)
        derivatives = [self._derivatives(atoms, near, index, cotangent) for cotangent in cotangents]
        forces = np.stack([each for each, _ in derivatives])
        return Evaluation(
            energy=float(members.sum() / len(members)),
            energies=members.mean(axis=0),
            forces=forces.mean(axis=0),
            stress=np.mean([stress for _, stress in derivatives], axis=0),
            uncertainty=_spread(members.sum(axis=1), forces) if uncertainty else None,
        )

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """(N, 3, 3), eV, of the mean of the committee."""
        index = self.expansion.species_index(atoms)
        listed = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        if self.frozen is not None:
            return self.frozen.virials(listed.placed(atoms), listed, index)
        near = with_vectors(listed, atoms)
        _, cotangents = self._energies(self.expansion.values(near, index), index)
        gradients = self.expansion.pull(near, index, cotangents.mean(axis=0))
        return virials_from_pairs(near, gradients, len(atoms))

    def features(self, atoms: Atoms) -> Array:
        """(N, D) standardised invariants of the first committee member: a fingerprint of each atom's surroundings."""
        index = self.expansion.species_index(atoms)
        values = torch.from_numpy(self.expansion.values(self.expansion.neighbours(atoms), index))
        copies = values.expand(self.model.members, *values.shape)
        result = np.zeros((len(atoms), self.model.elements[0].n_features))
        with torch.no_grad():
            for element, network in enumerate(self.model.elements):
                mine = index == element
                features = network.invariants(copies[:, torch.from_numpy(mine)])
                result[mine] = ((features - network.mean) / network.scale)[0].numpy()
        return result

    def save(self, folder: Path) -> None:
        """Write settings and weights."""
        io.save(folder, self.spec, self.species, self.model)

    @classmethod
    def load(cls, folder: Path) -> DensityPotential:
        """Read what `save` wrote."""
        return cls(*io.load(folder))

    def _energies(self, values: Array, index: NDArray[np.int64]) -> tuple[Array, Array]:
        """(M, N) atomic energies and (M, N, S, R, L) their derivative with respect to A, of every member."""
        with torch.no_grad():
            energies, cotangents, _ = CompiledEnergies.apply(
                self.model, torch.from_numpy(values), index, *self.model.parameters()
            )
        return energies.numpy(), cotangents.numpy()

    def _derivatives(
        self, atoms: Atoms, pairs: Neighbours, index: NDArray[np.int64], cotangent: Array
    ) -> tuple[Array, Array]:
        gradients = self.expansion.pull(pairs, index, cotangent)
        return forces_from_pairs(pairs, gradients, len(atoms)), stress_from_virial(
            atoms, pairs.vectors.T @ gradients
        )


def _spread(energies: Array, forces: Array) -> Uncertainty | None:
    """Sample standard deviations over members; a single member has none."""
    if len(energies) < 2:
        return None
    variances = forces.var(axis=0, ddof=1).sum(axis=1)
    return Uncertainty(float(energies.std(ddof=1)), np.sqrt(variances))
