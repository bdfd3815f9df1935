"""The density-expansion potential: kernels and network joined behind the `Potential` contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.records import Array, Evaluation, Neighbours, Uncertainty
from forgefield.descriptors.density import DensityExpansion
from forgefield.potentials.contract import Potential
from forgefield.potentials.density import io
from forgefield.potentials.density.model import DensityModel
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.gradients import forces_from_pairs, stress_from_virial


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

    def evaluate(self, atoms: Atoms, uncertainty: bool = False) -> Evaluation:
        """Mean of the committee; with `uncertainty`, also its standard deviation (spread over members)."""
        index = self.expansion.species_index(atoms)
        pairs = self.expansion.neighbours(atoms)
        energies, cotangents = self._energies(self.expansion.values(pairs, index), index)
        atomic = energies.mean(axis=0)
        if not uncertainty:
            forces, stress = self._derivatives(atoms, pairs, index, cotangents.mean(axis=0))
            return Evaluation(float(atomic.sum()), atomic, forces, stress)
        members = [self._derivatives(atoms, pairs, index, cotangent) for cotangent in cotangents]
        member_forces = np.stack([forces for forces, _ in members])
        return Evaluation(
            energy=float(atomic.sum()),
            energies=atomic,
            forces=member_forces.mean(axis=0),
            stress=np.mean([stress for _, stress in members], axis=0),
            uncertainty=_spread(energies.sum(axis=1), member_forces),
        )

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
        copies = torch.from_numpy(values).expand(self.model.members, *values.shape).clone().requires_grad_()
        energies = self.model(copies, torch.from_numpy(index))
        (cotangents,) = torch.autograd.grad(energies.sum(), copies)
        return energies.detach().numpy(), cotangents.numpy()

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
