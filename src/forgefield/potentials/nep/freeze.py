"""From the trained network to the numbers of `nep.txt`.

The file has neither a shift of descriptors nor an energy of each element. The shift becomes part of the thresholds.
The constant of an element is the common bias where there is one element, else one more neuron in each network whose
input is so far in saturation that its output is one.
"""

from __future__ import annotations

import numpy as np
import torch

from forgefield.atoms.records import Array
from forgefield.potentials.nep.model import NepModel
from forgefield.potentials.nep.parameters import NepParameters
from forgefield.potentials.nep.spec import NepSpec

_SATURATED = -40.0


def frozen_parameters(
    spec: NepSpec, species: tuple[str, ...], model: NepModel, q_scaler: Array
) -> NepParameters:
    """The model as `nep.txt` has it.

    Args:
        spec: settings of the family.
        species: chemical symbols, in the order of the networks.
        model: trained network.
        q_scaler: (D,) factors that bring descriptors to order one; any non-zero ones give the same energies.
    """
    networks = [_network(network, q_scaler) for network in model.elements]
    constants = np.array([float(network.constant().detach()) for network in model.elements])
    inward, thresholds, outward = (np.stack(each) for each in zip(*networks, strict=True))
    bias = 0.0
    if len(species) == 1:
        bias = -float(constants[0])
    else:
        inward = np.pad(inward, ((0, 0), (0, 1), (0, 0)))
        thresholds = np.pad(thresholds, ((0, 0), (0, 1)), constant_values=_SATURATED)
        outward = np.concatenate([outward, constants[:, None]], axis=1)
    n_species = len(species)
    return NepParameters(
        version=4,
        species=species,
        radial_cutoffs=np.full(n_species, spec.cutoff),
        angular_cutoffs=np.full(n_species, spec.angular_cutoff),
        radial=_coefficients([network.radial for network in model.elements], n_species),
        angular=_coefficients([network.angular for network in model.elements], n_species),
        l_max=spec.l_max,
        four_body=bool(spec.l_max_4body),
        five_body=bool(spec.l_max_5body),
        inward=inward,
        thresholds=thresholds,
        outward=outward,
        bias=bias,
        q_scaler=q_scaler,
        zbl=spec.zbl,
    )


def _network(network: torch.nn.Module, q_scaler: Array) -> tuple[Array, Array, Array]:
    """Hidden weights (H, D), thresholds (H,) and output weights (H,) of scaled, unshifted descriptors."""
    state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    weights = state["inward"].T / state["scale"]
    return weights / q_scaler, weights @ state["mean"] - state["bias"], state["outward"]


def _coefficients(contractions: list[torch.Tensor], n_species: int) -> Array:
    """(channels, functions, S, S) coefficients of (T_k + 1)/2 from those of T_k, (S functions, channels) per centre."""
    plain = np.stack([each.detach().numpy().reshape(n_species, -1, each.shape[1]) for each in contractions])
    coefficients = 2 * plain
    coefficients[:, :, 0] = plain[:, :, 0] - plain[:, :, 1:].sum(axis=2)
    return np.ascontiguousarray(coefficients.transpose(3, 2, 0, 1))
