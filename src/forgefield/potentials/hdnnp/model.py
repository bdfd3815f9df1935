"""The networks in PyTorch for training: symmetry functions in, atomic energies of every committee member out.

Shapes: M members, N atoms, D symmetry functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from forgefield.atoms.records import Array
from forgefield.potentials.hdnnp.definition import Network

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "l": lambda z: z,
    "t": torch.tanh,
    "s": torch.sigmoid,
    "p": nn.functional.softplus,
    "r": torch.relu,
    "g": lambda z: torch.exp(-z * z / 2),
    "c": torch.cos,
}


class ElementModel(nn.Module):
    """Networks of all members for one element: E = offset + scale (g(x) − anchor · g(x of a free atom)).

    With an anchor of 1 a free atom has exactly the energy `offset`.
    """

    slope: Tensor
    shift: Tensor
    offset: Tensor
    scale: Tensor
    anchor: Tensor

    def __init__(
        self, n_inputs: int, hidden: Sequence[int], letter: str, members: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.n_inputs, self.letter = n_inputs, letter

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64) * scale)

        widths = [n_inputs, *hidden]
        self.weights = nn.ParameterList([normal(members, a, b, scale=a**-0.5) for a, b in pairwise(widths)])
        self.weights.append(normal(members, widths[-1], 1, scale=0.1 * widths[-1] ** -0.5))
        self.biases = nn.ParameterList([normal(members, 1, b, scale=0.1) for b in hidden])
        self.biases.append(normal(members, 1, 1, scale=0.0))
        for name, size in (
            ("slope", n_inputs),
            ("shift", n_inputs),
            ("offset", 0),
            ("scale", 0),
            ("anchor", 0),
        ):
            initial = torch.zeros(size or (), dtype=torch.float64)
            self.register_buffer(name, initial)

    def hidden_values(self, inputs: Tensor) -> Tensor:
        """(M, N, width) of the last hidden layer for scaled inputs (M, N, D)."""
        values = inputs
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = _ACTIVATIONS[self.letter](values @ weight + bias)
        return values

    def outputs(self, functions: Tensor) -> Tensor:
        """(M, N, width + 1) what the last layer's weights and bias multiply, eV; functions (M, N, D)."""
        hidden = self.hidden_values(functions[..., : self.n_inputs] * self.slope + self.shift)
        free = self.hidden_values(self.shift.expand(len(self.weights[0]), 1, -1))
        constant = (1 - self.anchor) * torch.ones_like(hidden[..., :1])
        return self.scale * torch.cat([hidden - self.anchor * free, constant], dim=-1)

    def forward(self, functions: Tensor) -> Tensor:
        """(M, N) energies in eV of symmetry functions (M, N, D)."""
        return self.offset + (self.outputs(functions) @ self.last_layer).squeeze(-1)

    @property
    def last_layer(self) -> Tensor:
        """(M, width + 1, 1) weights and bias of the last layer."""
        return torch.cat([self.weights[-1], self.biases[-1]], dim=1)

    @torch.no_grad()
    def set_scales(
        self, line: tuple[Array, Array], offset: float, scale: float, free: bool, mean_energy: float
    ) -> None:
        """Fix scaling and energies; an anchored network starts at the mean energy per atom of the data.

        Args:
            line: slope and offset of the inputs' scaling.
            offset: eV, energy of a free atom if `free`, else the mean energy per atom.
            scale: eV per unit of output.
            free: whether free atoms have exactly that energy.
            mean_energy: eV per atom, of the data.
        """
        self.slope.copy_(torch.from_numpy(line[0]))
        self.shift.copy_(torch.from_numpy(line[1]))
        self.offset.fill_(offset)
        self.scale.fill_(scale)
        self.anchor.fill_(float(free))
        if free:
            members = len(self.weights[0])
            mean = self.hidden_values(torch.zeros(members, 1, self.n_inputs, dtype=torch.float64))
            step = mean - self.hidden_values(self.shift.expand(members, 1, -1))
            target = (mean_energy - offset) / scale
            self.weights[-1].add_(
                (step * target / (step**2).sum(-1, keepdim=True).clamp_min(1e-6)).transpose(1, 2)
            )

    @torch.no_grad()
    def network(self, member: int) -> Network:
        """One member's network for prediction; the anchor goes into the output's bias."""
        free = self.hidden_values(self.shift.expand(len(self.weights[0]), 1, -1))
        anchor = (free @ self.weights[-1])[member, 0]
        last = (1 - self.anchor) * self.biases[-1][member, 0] - self.anchor * anchor
        biases = [bias[member, 0].numpy().copy() for bias in self.biases[:-1]]
        return Network(
            tuple(weight[member].numpy().copy() for weight in self.weights),
            (*biases, last.numpy().copy()),
            self.letter * len(biases) + "l",
        )


class HdnnpModel(nn.Module):
    """One `ElementModel` per element, for the whole committee at once."""

    def __init__(
        self, n_inputs: Sequence[int], hidden: Sequence[int], letter: str, members: int, seed: int
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.networks = nn.ModuleList(
            [ElementModel(size, hidden, letter, members, generator) for size in n_inputs]
        )

    @property
    def elements(self) -> list[ElementModel]:
        """The networks, one for each species."""
        return cast(list[ElementModel], list(self.networks))

    def forward(self, functions: Tensor, species: Tensor) -> Tensor:
        """(M, N) atomic energies, eV; symmetry functions (M, N, width), species (N,)."""
        energies = functions.new_zeros(functions.shape[:2])
        for index, network in enumerate(self.elements):
            chosen = torch.nonzero(species == index).squeeze(1)
            if len(chosen):
                energies = energies.index_copy(1, chosen, network(functions[:, chosen]))
        return energies
