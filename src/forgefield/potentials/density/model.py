"""The density-expansion network in PyTorch: coefficients A in, atomic energies of every committee member out.

Shapes: M members, N atoms, S neighbour species, R radial functions, F = S·R, L = (l_max + 1)² harmonics, K channels,
D features.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from forgefield.potentials.density.program import Program, build_program
from forgefield.potentials.density.spec import DensitySpec


class ElementNetwork(nn.Module):
    """Energy of atoms of one element: E = E_free + g(features) − g(features of a free atom).

    g is linear plus a multilayer perceptron on standardised invariants, so a free atom has exactly E_free.
    """

    mean: Tensor
    scale: Tensor
    free_energy: Tensor

    def __init__(
        self, spec: DensitySpec, program: Program, n_species: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.program = program
        self.instructions = torch.from_numpy(program.instructions)
        self.factors = torch.from_numpy(program.factors)
        n_inputs = n_species * spec.n_radial
        self.n_features = n_inputs + program.n_features * spec.channels

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64) * scale)

        self.contraction = normal(spec.members, n_inputs, spec.channels, scale=n_inputs**-0.5)
        self.linear = normal(spec.members, self.n_features, 1, scale=0.0)
        widths = [self.n_features, *spec.hidden]
        self.weights = nn.ParameterList(
            [normal(spec.members, a, b, scale=a**-0.5) for a, b in pairwise(widths)]
        )
        self.biases = nn.ParameterList([normal(spec.members, 1, b, scale=0.1) for b in spec.hidden])
        self.readout = normal(spec.members, widths[-1], 1, scale=0.1 * widths[-1] ** -0.5)
        self.register_buffer("mean", torch.zeros(spec.members, 1, self.n_features, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(spec.members, 1, self.n_features, dtype=torch.float64))
        self.register_buffer("free_energy", torch.zeros((), dtype=torch.float64))

    def invariants(self, expansion: Tensor) -> Tensor:
        """(M, N, D) features of each member's A (M, N, S, R, L), not yet standardised."""
        flat = expansion.flatten(2, 3)
        program = self.program
        harmonics = (flat.transpose(2, 3) @ self.contraction.unsqueeze(1)).transpose(2, 3)
        rows = torch.nn.functional.pad(harmonics, (0, program.n_rows - harmonics.shape[-1]))
        for stage in (slice(program.n_couplings), slice(program.n_couplings, None)):
            first, second, target = self.instructions[stage].T
            products = rows[..., first] * rows[..., second] * self.factors[stage]
            rows = rows.index_add(-1, target, products)
        features = rows[..., program.first_feature :].transpose(2, 3)
        return torch.cat([flat[..., 0], features.flatten(2)], dim=-1)

    def _network(self, features: Tensor) -> Tensor:
        standardised = (features - self.mean) / self.scale
        hidden = standardised
        for weight, bias in zip(self.weights, self.biases, strict=True):
            hidden = torch.tanh(hidden @ weight + bias)
        return (standardised @ self.linear + hidden @ self.readout).squeeze(-1)

    def forward(self, expansion: Tensor) -> Tensor:
        """(M, N) atomic energies in eV of A (M, N, S, R, L)."""
        free_atom = torch.zeros_like(self.mean)
        return self.free_energy + self._network(self.invariants(expansion)) - self._network(free_atom)

    @torch.no_grad()
    def standardise(self, expansion: Tensor, free_energy: float, mean_energy: float) -> None:
        """Fix the features' mean and spread from A (N, S, R, L) of the data; start at their mean energy per atom."""
        features = self.invariants(expansion.expand(len(self.contraction), *expansion.shape))
        self.mean.copy_(features.mean(dim=1, keepdim=True))
        spread = features.std(dim=1, keepdim=True, correction=0)
        # A feature that is constant over the data must not be blown up by its own rounding noise.
        floor = 1e-3 * features.abs().amax(dim=1, keepdim=True) + 1e-8
        self.scale.copy_(torch.maximum(spread, floor))
        self.free_energy.fill_(free_energy)
        from_free = (self.mean / self.scale).transpose(1, 2)
        self.linear.copy_(from_free * (mean_energy - free_energy) / (from_free**2).sum(dim=1, keepdim=True))


class DensityModel(nn.Module):
    """One `ElementNetwork` per element, for the whole committee at once."""

    def __init__(self, spec: DensitySpec, n_species: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.members = spec.members
        self.program = build_program(spec.l_max, spec.l_max_4body, spec.l_max_5body)
        self.networks = nn.ModuleList(
            [ElementNetwork(spec, self.program, n_species, generator) for _ in range(n_species)]
        )

    @property
    def elements(self) -> list[ElementNetwork]:
        """The networks, one for each species."""
        return cast(list[ElementNetwork], list(self.networks))

    def forward(self, expansion: Tensor, species: Tensor) -> Tensor:
        """(M, N) atomic energies, eV; expansion (M, N, S, R, L), species (N,)."""
        if len(self.networks) == 1:
            alone: Tensor = self.networks[0](expansion)
            return alone
        energies = expansion.new_zeros(expansion.shape[:2])
        for index, network in enumerate(self.elements):
            chosen = torch.nonzero(species == index).squeeze(1)
            if len(chosen):
                energies = energies.index_copy(1, chosen, network(expansion[:, chosen]))
        return energies
