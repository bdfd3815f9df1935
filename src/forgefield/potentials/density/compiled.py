"""A density model's energies and ∂E/∂A with gradients of their own: the fast way to train on a CPU.

A loss depends on the parameters θ through atomic energies e and cotangents ∂e/∂A. Given its derivatives λ and U by
these, its gradient is that of Σ λ e + U·∂e/∂A: of values and of the derivative along U, which one pass with tangents
and one reverse pass give (Pearlmutter, Neural Comput. 6, 147 (1994)). No graph is recorded and nothing is
differentiated twice. `DensityModel.forward` is the same function in plain PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forgefield.atoms.records import Array
from forgefield.potentials.density import products
from forgefield.potentials.density.model import DensityModel, ElementNetwork


class ElementPass:
    """One member's network of one element, evaluated for the atoms of that element.

    Args:
        network: the element's.
        member: which of the committee.
        expansion: A of all atoms, (N, F, L).
        chosen: (n,) indices of the element's atoms.
    """

    def __init__(
        self, network: ElementNetwork, member: int, expansion: Array, chosen: NDArray[np.int64]
    ) -> None:
        self.program, self.expansion, self.chosen = network.program, expansion, chosen
        self.code = self.program.instructions, self.program.factors
        self.contraction = np.ascontiguousarray(network.contraction[member].detach().numpy())
        self.weights = [weight[member].detach().numpy() for weight in network.weights]
        self.readout = network.readout[member, :, 0].detach().numpy()
        self.linear = network.linear[member, :, 0].detach().numpy()
        self.scale = network.scale[member, 0].numpy()
        self.rows = products.evaluate(self.contraction, expansion, chosen, *self.code, self.program.n_rows)
        features = self._features(expansion, self.rows)
        # The last row is the free atom, whose features are zero.
        shifted = np.concatenate([features, np.zeros((1, features.shape[1]))]) - network.mean[member].numpy()
        self.layers = [shifted / self.scale]
        for weight, bias in zip(self.weights, network.biases, strict=True):
            self.layers.append(np.tanh(self.layers[-1] @ weight + bias[member].detach().numpy()))
        total = self.layers[0] @ self.linear + self.layers[-1] @ self.readout
        self.energies: Array = network.free_energy.item() + total[:-1] - total[-1]

    def pull(self, result: Array) -> None:
        """Write ∂e/∂A of these atoms into result (N, F, L)."""
        gradient = np.broadcast_to(self.readout, self.layers[-1].shape)
        for weight, layer in zip(reversed(self.weights), reversed(self.layers[1:]), strict=True):
            gradient = (gradient * (1 - layer**2)) @ weight.T
        self._to_density((gradient[:-1] + self.linear) / self.scale, result)

    def last_layer(self) -> Iterator[tuple[Array, Array]]:
        """What each weight of `linear` and `readout` contributes to e when it is one, (n,), and to ∂e/∂A, (N, F, L)."""
        outputs = np.concatenate([self.layers[0], self.layers[-1]], axis=1)
        contributions = (outputs[:-1] - outputs[-1]).T
        n, n_features = len(self.chosen), self.layers[0].shape[1]
        slopes = np.broadcast_to(
            np.eye(len(self.readout))[:, None], (len(self.readout), n, len(self.readout))
        )
        for weight, layer in zip(reversed(self.weights), reversed(self.layers[1:]), strict=True):
            slopes = (slopes * (1 - layer[:-1] ** 2)) @ weight.T
        for index, contribution in enumerate(contributions):
            gradient = np.zeros((n, n_features)) if index < n_features else slopes[index - n_features]
            if index < n_features:
                gradient[:, index] = 1.0
            by_density = np.zeros_like(self.expansion)
            self._to_density(gradient / self.scale, by_density)
            yield contribution, by_density

    def backward(self, by_energy: Array, tangent: Array) -> list[Array]:
        """Gradients of Σ by_energy·e + tangent·∂e/∂A in the order of `parameters_of`.

        Args:
            by_energy: (n,).
            tangent: (N, F, L).
        """
        moved = products.push(self.rows, self.contraction, tangent, self.chosen, *self.code)
        moving = self._features(tangent, moved) / self.scale
        # In the free atom's row the energy counts with the opposite sign, and nothing moves.
        moving = np.concatenate([moving, np.zeros((1, moving.shape[1]))])
        by_value = np.append(by_energy, -by_energy.sum())
        by_motion = np.append(np.ones(len(by_energy)), 0.0)
        rates, motions = [], [moving]
        for weight, layer in zip(self.weights, self.layers[1:], strict=True):
            rates.append(motions[-1] @ weight)
            motions.append((1 - layer**2) * rates[-1])
        linear = self.layers[0].T @ by_value + moving.T @ by_motion
        readout = self.layers[-1].T @ by_value + motions[-1].T @ by_motion
        on_value, on_motion = np.outer(by_value, self.readout), np.outer(by_motion, self.readout)
        weights, biases = [], []
        for k in range(len(self.weights) - 1, -1, -1):
            layer = self.layers[k + 1]
            slope = 1 - layer**2
            on_value = slope * (on_value - 2 * on_motion * layer * rates[k])
            on_motion = slope * on_motion
            weights.append(self.layers[k].T @ on_value + motions[k].T @ on_motion)
            biases.append(on_value.sum(axis=0, keepdims=True))
            on_value, on_motion = on_value @ self.weights[k].T, on_motion @ self.weights[k].T
        on_value = (on_value + np.outer(by_value, self.linear))[:-1] / self.scale
        on_motion = (on_motion + np.outer(by_motion, self.linear))[:-1] / self.scale
        contraction = products.contraction_gradient(
            self.rows, moved, self.expansion, tangent, self.chosen, self._split(on_value)[1],
            self._split(on_motion)[1], *self.code, self.program.first_feature, 4 * numba.get_num_threads(),
        )  # fmt: skip
        return [contraction, linear[:, None], readout[:, None], *reversed(weights), *reversed(biases)]

    def _to_density(self, by_features: Array, result: Array) -> None:
        """Turn derivatives by features (n, D) into derivatives by A, written into result (N, F, L)."""
        by_density, by_feature = self._split(by_features)
        products.pull(
            self.rows, by_feature, by_density, self.contraction, self.chosen, *self.code,
            self.program.first_feature, result,
        )  # fmt: skip

    def _features(self, density: Array, rows: Array) -> Array:
        """(n, D): A[·, 00] and the program's last rows."""
        last = rows[:, self.program.first_feature :].reshape(len(rows), -1)
        return np.concatenate([density[self.chosen, :, 0], last], axis=1)

    def _split(self, by_features: Array) -> tuple[Array, Array]:
        """The share of A[·, 00] (n, F) and that of the program's last rows (n, features, K)."""
        n_inputs, channels = self.contraction.shape
        return (
            np.ascontiguousarray(by_features[:, :n_inputs]),
            np.ascontiguousarray(by_features[:, n_inputs:]).reshape(len(by_features), -1, channels),
        )


def parameters_of(network: ElementNetwork) -> list[Tensor]:
    """A network's parameters in the order of `ElementPass.backward`."""
    return [network.contraction, network.linear, network.readout, *network.weights, *network.biases]


class CompiledEnergies(torch.autograd.Function):
    """(M, N) atomic energies and (M, N, S, R, L) ∂E/∂A of all members; the last arguments are all parameters."""

    @staticmethod
    def forward(
        model: DensityModel, values: Tensor, species: NDArray[np.int64], *parameters: Tensor
    ) -> tuple[Tensor, Tensor, Any]:
        flat = values.numpy().reshape(len(values), -1, values.shape[-1])
        energies = np.zeros((model.members, len(flat)))
        cotangents = np.zeros((model.members, *flat.shape))
        passes = []
        for element, network in enumerate(model.elements):
            chosen = np.flatnonzero(species == element)
            for member in range(model.members if len(chosen) else 0):
                each = ElementPass(network, member, flat, chosen)
                energies[member, chosen] = each.energies
                each.pull(cotangents[member])
                passes.append((element, member, each))
        shape = (model.members, *values.shape)
        return torch.from_numpy(energies), torch.from_numpy(cotangents).reshape(shape), passes

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        ctx.model, ctx.passes = inputs[0], output[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        by_energy, by_cotangent = gradients[0].numpy(), gradients[1].flatten(2, 3).numpy()
        networks = ctx.model.elements
        found = [[torch.zeros_like(parameter) for parameter in parameters_of(each)] for each in networks]
        for element, member, each in ctx.passes:
            values = each.backward(by_energy[member][each.chosen], by_cotangent[member])
            for total, value in zip(found[element], values, strict=True):
                total[member] = torch.from_numpy(value)
        return (None, None, None, *(each for network in found for each in network))
