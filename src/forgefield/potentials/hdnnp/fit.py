"""The hdnnp family's side of training: structures → batches → energies, forces and virials with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Labels
from forgefield.descriptors.symmetry_functions.descriptor import SymmetryFunctions
from forgefield.potentials.gradients import Batch, Prepared, collate, last_layer_columns, predict, prepare
from forgefield.potentials.hdnnp.definition import EV_ANGSTROM, Hdnnp, Scaling, by_atomic_number
from forgefield.potentials.hdnnp.model import ElementModel, HdnnpModel
from forgefield.potentials.hdnnp.potential import HdnnpPotential
from forgefield.potentials.hdnnp.spec import ACTIVATION_LETTERS, HdnnpSpec
from forgefield.potentials.hdnnp.systematic import choose_functions, cutoff_function, systematic_functions
from forgefield.potentials.training_data import Prediction


class HdnnpProblem:
    """Fits an `HdnnpModel`; implements the engine's `Problem`.

    Args:
        spec: settings of the family.
        species: chemical symbols; kept in the order of their atomic numbers.
        seed: of the initial weights.
    """

    def __init__(self, spec: HdnnpSpec, species: tuple[str, ...], seed: int) -> None:
        self.spec, self.seed = spec, seed
        self.species = by_atomic_number(species)
        self.members = spec.members
        self.scaling = Scaling("sigma")
        # Structures are described by all functions; which of them the model takes is known with the data.
        self.offered = SymmetryFunctions(
            self.species, systematic_functions(spec, self.species), cutoff_function(spec)
        )
        sizes = [len(self.offered.functions_of[symbol]) for symbol in self.species]
        limit = spec.functions.n_functions
        self._use([np.arange(min(size, limit or size)) for size in sizes])
        self.statistics = tuple(np.zeros((len(columns), 4)) for columns in self.chosen)

    def _use(self, columns: Sequence[np.typing.NDArray[np.int64]]) -> None:
        """Take these of the offered functions of each element; the model starts anew."""
        self.chosen = columns
        chosen = [
            self.offered.functions_of[symbol][column]
            for symbol, mine in zip(self.species, columns, strict=True)
            for column in mine
        ]
        self.functions = SymmetryFunctions(self.species, chosen, self.offered.cutoff_function)
        sizes = [len(mine) for mine in columns]
        letter = ACTIVATION_LETTERS[self.spec.activation]
        self.model = HdnnpModel(sizes, self.spec.hidden, letter, self.members, self.seed)

    def prepare(self, atoms: Atoms) -> Prepared:
        """Neighbours and all offered symmetry functions of one structure."""
        return prepare(self.offered, atoms)

    def initialise(self, prepared: Sequence[Prepared], labels: Sequence[Labels]) -> None:
        """Choose functions; set scaling and free-atom energies from the training data.

        An element's free-atom energy is that of its single-atom structure, which the potential then has exactly;
        without one, the least-squares energy per atom of the element over all structures is where it starts.

        Raises:
            ForgefieldError: no symmetry function of an element varies over the data.
        """
        counts = np.array([np.bincount(item.species, minlength=len(self.species)) for item in prepared])
        energies = np.array([each.energy for each in labels])
        free = np.array([len(item.species) == 1 and not len(item.pairs.centres) for item in prepared])
        bound = ~free if (~free).any() else free
        # Least norm shares the energy out where compositions are too few to tell the elements apart.
        mean_energies = np.linalg.lstsq(counts[bound], energies[bound], rcond=None)[0]
        values = [self._offered_values(prepared, bound, element) for element in range(len(self.species))]
        self._use([self._choose(symbol, each) for symbol, each in zip(self.species, values, strict=True)])
        forces = np.concatenate([each.forces.ravel() for each in labels])
        scale = max(float(np.sqrt((forces**2).mean())), 0.05)
        statistics = []
        for element, network in enumerate(self.model.elements):
            mine = values[element][:, self.chosen[element]]
            rows = np.stack([mine.min(axis=0), mine.max(axis=0), mine.mean(axis=0), mine.std(axis=0)], axis=1)
            statistics.append(rows)
            alone = free & (counts[:, element] == 1)
            mean = float(mean_energies[element])
            offset = float(energies[alone][0]) if alone.any() else mean
            network.set_scales(self.scaling.line(rows), offset, scale, bool(alone.any()), mean)
        self.statistics = tuple(statistics)

    def _offered_values(self, prepared: Sequence[Prepared], kept: Array, element: int) -> Array:
        size = len(self.offered.functions_of[self.species[element]])
        parts = [
            item.values[item.species == element, :size]
            for item, keep in zip(prepared, kept, strict=True)
            if keep
        ]
        return np.concatenate(parts)

    def _choose(self, symbol: str, values: Array) -> np.typing.NDArray[np.int64]:
        spec = self.spec.functions
        chosen = choose_functions(values, spec.n_functions or values.shape[1], spec.choice)
        if not len(chosen):
            raise ForgefieldError(
                f"no symmetry function of {symbol} varies over the training data",
                "add structures in which its surroundings differ, or raise the cutoff",
            )
        return chosen

    def collate(self, prepared: Sequence[Prepared]) -> Batch:
        """Join structures into one batch, with the functions that the model takes."""
        return collate([self._reduced(item) for item in prepared])

    def _reduced(self, item: Prepared) -> Prepared:
        values = np.zeros((len(item.species), self.functions.width))
        for element, columns in enumerate(self.chosen):
            mine = item.species == element
            values[mine, : len(columns)] = item.values[np.ix_(mine, columns)]
        return replace(item, values=values)

    def predict(self, batch: Batch) -> Prediction:
        """Energies (M, B), forces (M, N, 3) and virials (M, B, 6) of a batch, differentiable in the weights."""
        return predict(self.functions, self.members, self.model, batch)

    def columns(self, member: int, batch: Batch) -> Prediction:
        """What each weight of a member's last layers contributes: element by element, weights, then bias."""

        def outputs(network: ElementModel, functions: Tensor) -> Tensor:
            return network.outputs(functions.expand(self.members, *functions.shape))[member]

        return last_layer_columns(
            self.functions, [partial(outputs, network) for network in self.model.elements], batch
        )

    def last_layer(self, member: int) -> Array:
        """(C,) weights of a member in the order of `columns`."""
        return np.concatenate(
            [network.last_layer[member, :, 0].detach().numpy() for network in self.model.elements]
        )

    def set_last_layer(self, member: int, weights: Array) -> None:
        """Replace the weights of a member by others (C,)."""
        rest = torch.from_numpy(weights)
        with torch.no_grad():
            for network in self.model.elements:
                width = network.weights[-1].shape[1]
                network.weights[-1][member, :, 0], network.biases[-1][member] = rest[:width], rest[width]
                rest = rest[width + 1 :]

    def potential(self) -> HdnnpPotential:
        """A copy of the model as it is now."""
        elements = self.model.elements
        chosen = [function for symbol in self.species for function in self.functions.functions_of[symbol]]
        return HdnnpPotential(
            Hdnnp(
                self.species,
                tuple(chosen),
                self.functions.cutoff_function,
                self.scaling,
                self.statistics,
                tuple(tuple(each.network(member) for each in elements) for member in range(self.members)),
                EV_ANGSTROM,
                conv_energy=1.0 / float(elements[0].scale),
                atom_energies=tuple(float(each.offset) for each in elements),
            )
        )
