"""The neuroevolution potential in PyTorch: sums over the fixed basis in, atomic energies out.

Shapes: M = 1 member, N atoms, S neighbour species, D descriptors, H neurons.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from forgefield.descriptors.nep_basis import NepBasis
from forgefield.potentials.nep.spec import NepSpec


class NepNetwork(nn.Module):
    """Energy of atoms of one element: E = E_free + g(descriptors) − g(0), so that free atoms are exact.

    g is one layer of tanh on descriptors that are standardised for this element. The constant E_free − g(0) and the
    standardisation become part of thresholds and weights when the model is frozen.
    """

    mean: Tensor
    scale: Tensor
    free_energy: Tensor

    def __init__(self, spec: NepSpec, n_species: int, generator: torch.Generator) -> None:
        super().__init__()
        self.spec = spec
        self.n_radial_sums = n_species * (spec.basis_size_radial + 1)
        n_angular_sums = n_species * (spec.basis_size_angular + 1)
        channels = spec.n_max_radial + 1, spec.n_max_angular + 1
        blocks = spec.l_max + bool(spec.l_max_4body) + bool(spec.l_max_5body)
        self.n_descriptors = channels[0] + blocks * channels[1]

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64) * scale)

        self.radial = normal(self.n_radial_sums, channels[0], scale=self.n_radial_sums**-0.5)
        self.angular = normal(n_angular_sums, channels[1], scale=n_angular_sums**-0.5)
        self.inward = normal(self.n_descriptors, spec.neurons, scale=self.n_descriptors**-0.5)
        self.bias = normal(spec.neurons, scale=0.1)
        self.outward = normal(spec.neurons, scale=0.1 * spec.neurons**-0.5)
        for name, value in (("mean", torch.zeros), ("scale", torch.ones)):
            self.register_buffer(name, value(self.n_descriptors, dtype=torch.float64))
        self.register_buffer("free_energy", torch.zeros((), dtype=torch.float64))

    def descriptors(self, sums: Tensor) -> Tensor:
        """(…, N, D) NEP's q, not scaled: Fan et al., J. Chem. Phys. 157, 114801 (2022), eqs. 11–17."""
        radial = sums[..., : self.n_radial_sums] @ self.radial
        n_harmonics = (self.spec.l_max + 1) ** 2 - 1
        parts = [radial]
        flat = sums[..., self.n_radial_sums :].unflatten(-1, (self.angular.shape[0], n_harmonics))
        a = flat.transpose(-1, -2) @ self.angular
        for degree in range(1, self.spec.l_max + 1):
            parts.append((a[..., degree**2 - 1 : (degree + 1) ** 2 - 1, :] ** 2).sum(-2))
        if self.spec.l_max_4body:
            xy, yz, zero, xz, difference = a[..., 3:8, :].unbind(-2)
            cubic = zero * (zero**2 + 1.5 * (xz**2 + yz**2) - 3 * (difference**2 + xy**2))
            mixed = difference * (xz**2 - yz**2) + 2 * xy * yz * xz
            parts.append(-((2 / 35) ** 0.5) * (cubic + 1.5 * 3**0.5 * mixed))
        if self.spec.l_max_5body:
            parts.append(7 / 15 * parts[1] ** 2)
        return torch.cat(parts, dim=-1)

    def _hidden(self, descriptors: Tensor) -> Tensor:
        return torch.tanh(((descriptors - self.mean) / self.scale) @ self.inward + self.bias)

    def outputs(self, sums: Tensor) -> Tensor:
        """(…, N, H) what `outward` multiplies: neurons, less those of a free atom."""
        return self._hidden(self.descriptors(sums)) - self._hidden(torch.zeros_like(self.mean))

    def constant(self) -> Tensor:
        """E_free − g(0), eV: what is added to the network."""
        return self.free_energy - self._hidden(torch.zeros_like(self.mean)) @ self.outward

    def forward(self, sums: Tensor) -> Tensor:
        """(M, N) atomic energies in eV of the sums (M, N, …)."""
        return self.free_energy + self.outputs(sums) @ self.outward

    @torch.no_grad()
    def standardise(self, sums: Tensor, free_energy: float, mean_energy: float) -> None:
        """Fix mean and spread of the descriptors from the data's sums (N, …); start at their mean energy per atom."""
        descriptors = self.descriptors(sums)
        self.mean.copy_(descriptors.mean(dim=0))
        # A descriptor that is constant over the data must not be blown up by its own rounding noise.
        floor = 1e-3 * descriptors.abs().amax(dim=0) + 1e-8
        self.scale.copy_(torch.maximum(descriptors.std(dim=0, correction=0), floor))
        self.free_energy.fill_(free_energy)
        from_free = self.outputs(sums).mean(dim=0)
        missing = mean_energy - free_energy - from_free @ self.outward
        self.outward.add_(from_free * missing / (from_free @ from_free).clamp(min=1e-12))


class NepModel(nn.Module):
    """One `NepNetwork` per element."""

    def __init__(self, spec: NepSpec, n_species: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.networks = nn.ModuleList([NepNetwork(spec, n_species, generator) for _ in range(n_species)])

    @property
    def elements(self) -> list[NepNetwork]:
        """The networks, one for each species."""
        return cast(list[NepNetwork], list(self.networks))

    def forward(self, sums: Tensor, species: Tensor) -> Tensor:
        """(M, N) atomic energies, eV; sums (M, N, …), species (N,)."""
        energies = sums.new_zeros(sums.shape[:2])
        for index, network in enumerate(self.elements):
            chosen = torch.nonzero(species == index).squeeze(1)
            if len(chosen):
                energies = energies.index_copy(1, chosen, network(sums[:, chosen]))
        return energies


def basis_of(spec: NepSpec, species: tuple[str, ...]) -> NepBasis:
    """The fixed basis of a model with these settings."""
    return NepBasis(
        species,
        spec.cutoff,
        spec.angular_cutoff,
        spec.basis_size_radial + 1,
        spec.basis_size_angular + 1,
        spec.l_max,
    )
