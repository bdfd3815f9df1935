"""A density model frozen for simulation: its arrays as the fused kernel wants them, and their runner."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array
from forgefield.descriptors.fused_runner import FusedRunner
from forgefield.descriptors.fused_tiles import aligned_zeros, padded, padded_rows
from forgefield.potentials.density.kernel import DensityArrays, run, work_size
from forgefield.potentials.density.model import DensityModel
from forgefield.potentials.density.spec import DensitySpec


class FrozenDensity:
    """The mean of a committee; not for use from several Python threads at once.

    Args:
        spec: settings; l_max at most 4.
        model: trained networks.
    """

    def __init__(self, spec: DensitySpec, model: DensityModel) -> None:
        self.arrays = _arrays(spec, model)
        self._runner = FusedRunner(
            run, self.arrays, len(self.arrays.cutoffs), partial(work_size, self.arrays)
        )

    def evaluate(
        self, placed: tuple[Array, Array], pairs: PairList, species: NDArray[np.int64]
    ) -> tuple[Array, Array, Array]:
        """(N,) energies, eV, (N, 3) forces, eV/Å, and virial Σ r ⊗ ∂E/∂r (3, 3), eV, of `placed` atoms."""
        energies, forces, virial, _ = self._runner.run(placed, pairs, species)
        return energies, forces, virial

    def virials(self, placed: tuple[Array, Array], pairs: PairList, species: NDArray[np.int64]) -> Array:
        """(N, 3, 3) virials of `placed` atoms, eV."""
        return self._runner.run(placed, pairs, species, atom_virials=True)[3].reshape(-1, 3, 3)


def _arrays(spec: DensitySpec, model: DensityModel) -> DensityArrays:
    """Scales are folded into weights, the free atom into a shift, the mean over members into what is linear."""
    program, members, n_species = model.program, model.members, len(model.elements)
    channels, functions, n_inputs = spec.channels, spec.n_radial, n_species * spec.n_radial
    wide = padded(channels)
    # The kernel has A[·, 00] behind the program's features, and these in rows padded to whole vectors.
    n_features = program.n_features * wide + n_inputs
    order = np.concatenate(
        [n_features - n_inputs + np.arange(n_inputs)]
        + [feature * wide + np.arange(channels) for feature in range(program.n_features)]
    )

    def arranged(by_feature: Array) -> Array:
        """Rows (D, …) in the kernel's order."""
        result = np.zeros((n_features, *by_feature.shape[1:]))
        result[order] = by_feature
        return result

    contraction, contraction_back = [], []
    inward, inward_back, biases, linear, readout, shift = [], [], [], [], [], []
    widest = padded(max(spec.hidden), 32)
    for network in model.elements:
        free = 0.0
        for member in range(members):
            scale = network.scale[member, 0].numpy()
            offset = network.mean[member, 0].numpy() / scale
            kernel = network.contraction[member].detach().numpy()
            contraction.append(padded_rows(kernel))
            contraction_back.append(
                padded_rows(kernel.reshape(n_species, functions, channels).swapaxes(1, 2))
            )
            weights = [weight[member].detach().numpy() for weight in network.weights]
            bias = [each[member, 0].detach().numpy() for each in network.biases]
            bias = [bias[0] - offset @ weights[0], *bias[1:]]
            last = np.tanh(bias[0])
            for weight, each in zip(weights[1:], bias[1:], strict=True):
                last = np.tanh(last @ weight + each)
            out = network.readout[member, :, 0].detach().numpy() / members
            free += float(last @ out)
            weights = [arranged(weights[0] / scale[:, None]), *weights[1:]]
            inward.append(np.concatenate([padded_rows(weight, 32) for weight in weights]))
            inward_back.append(np.concatenate([padded_rows(weight.T, 32) for weight in weights]))
            biases.append(np.concatenate([np.pad(each, (0, widest - len(each))) for each in bias]))
            straight = network.linear[member, :, 0].detach().numpy() / scale / members
            linear.append(padded_rows(arranged(straight)[None], 32))
            readout.append(padded_rows(out[None], 32))
        shift.append(network.free_energy.item() - free)
    inputs = [n_features, *spec.hidden[:-1]]
    lengths = np.array(
        [[a * padded(b, 32), b * padded(a, 32)] for a, b in zip(inputs, spec.hidden, strict=True)]
    )
    return DensityArrays(
        cutoffs=np.full(n_species, spec.cutoff),
        sizes=np.array(
            [
                functions,
                channels,
                spec.l_max,
                program.n_rows,
                program.first_feature,
                members,
                len(spec.hidden),
            ]
        ),
        code=program.instructions,
        factors=program.factors,
        contraction=_joined(contraction),
        contraction_back=_joined(contraction_back),
        widths=np.array(spec.hidden),
        places=np.concatenate([[[0, 0]], np.cumsum(lengths, axis=0)[:-1]]),
        inward=_joined(inward),
        inward_back=_joined(inward_back),
        biases=_joined(biases),
        linear=_joined(linear),
        readout=_joined(readout),
        energy_shift=np.array(shift),
    )


def _joined(parts: list[Array]) -> Array:
    result = aligned_zeros(sum(len(part) for part in parts))
    result[:] = np.concatenate(parts)
    return result
