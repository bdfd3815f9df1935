"""What makes a high-dimensional neural network potential, in numbers: functions, scaling, networks, energy scale.

Behler and Parrinello, Phys. Rev. Lett. 98, 146401 (2007); scaling and normalisation as n2p2 defines them (Singraber
et al., J. Chem. Theory Comput. 15, 1827 (2019)). All lengths and energies of a definition are in its own units, which
are those of the file it came from, so that writing it again gives the same numbers; potentials convert once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase.data import atomic_numbers
from ase.units import Bohr, Hartree

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction

ACTIVATIONS = "ltsprgcSeh"
SCALINGS = ("none", "range", "centre", "centred-range", "sigma")


@dataclass(frozen=True)
class Units:
    """Å per unit of length and eV per unit of energy."""

    length: float
    energy: float


ATOMIC_UNITS = Units(Bohr, Hartree)
EV_ANGSTROM = Units(1.0, 1.0)
UNITS = {"bohr-hartree": ATOMIC_UNITS, "angstrom-ev": EV_ANGSTROM}


@dataclass(frozen=True)
class Scaling:
    """How symmetry functions become a network's inputs, x = low + factor (G − origin).

    Attributes:
        kind: ``none`` x = G; ``centre`` x = G − mean; ``range`` low + (high − low)(G − min)/(max − min);
            ``centred-range`` the same with G − mean; ``sigma`` low + (high − low)(G − mean)/sigma.
        low, high: where the data's range is mapped to.
    """

    kind: str = "centred-range"
    low: float = 0.0
    high: float = 1.0

    def line(self, statistics: Array) -> tuple[Array, Array]:
        """(D,) slope and (D,) offset, x = slope G + offset; `statistics` is (D, 4): min, max, mean, sigma.

        Raises:
            ForgefieldError: a function does not vary over the data.
        """
        lowest, highest, mean, sigma = statistics.T
        if self.kind == "none":
            return np.ones(len(statistics)), np.zeros(len(statistics))
        if self.kind == "centre":
            return np.ones(len(statistics)), -mean
        spread = sigma if self.kind == "sigma" else highest - lowest
        if (spread <= 0).any():
            number = int(np.flatnonzero(spread <= 0)[0]) + 1
            raise ForgefieldError(
                f"symmetry function {number} has no spread in the scaling data",
                "leave it out, or centre the functions without scaling them",
            )
        slope = (self.high - self.low) / spread
        return slope, self.low - slope * (lowest if self.kind == "range" else mean)


@dataclass(frozen=True)
class Network:
    """One element's feed-forward network.

    Attributes:
        weights: (inputs, outputs) of each layer.
        biases: (outputs,) of each layer.
        activations: one of n2p2's letters for each layer, the last for the output.
        normalised: each layer's sums are divided by its number of inputs (n2p2's `normalize_nodes`).
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    activations: str
    normalised: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.activations) - set(ACTIVATIONS))
        if unknown:
            raise ForgefieldError(
                f"activation function {unknown[0]!r} is unknown", f"use one of {', '.join(ACTIVATIONS)}"
            )

    @property
    def hidden(self) -> tuple[int, ...]:
        """Nodes of each hidden layer."""
        return tuple(len(bias) for bias in self.biases[:-1])


@dataclass(frozen=True)
class Hdnnp:
    """A complete potential.

    The energy of an atom is network(scaled symmetry functions)/conv_energy + mean_energy + its atom_energy.

    Attributes:
        species: chemical symbols by atomic number.
        functions: all symmetry functions in n2p2's order, lengths in `units`.
        cutoff_function: of all of them.
        scaling, statistics: for each element (D, 4): minimum, maximum, mean and standard deviation of each function.
        networks: for each committee member one network per element.
        units: of this definition's lengths and energies.
        mean_energy, conv_energy, conv_length: n2p2's normalisation; the last has no effect on predictions.
        atom_energies: one for each element.
    """

    species: tuple[str, ...]
    functions: tuple[SymmetryFunction, ...]
    cutoff_function: CutoffFunction
    scaling: Scaling
    statistics: tuple[Array, ...]
    networks: tuple[tuple[Network, ...], ...]
    units: Units
    mean_energy: float = 0.0
    conv_energy: float = 1.0
    conv_length: float = 1.0
    atom_energies: tuple[float, ...] = ()

    def functions_of(self, symbol: str) -> tuple[SymmetryFunction, ...]:
        """The functions whose centre is this element, in the order of its network's inputs."""
        return tuple(function for function in self.functions if function.centre == symbol)

    @property
    def energy_scale(self) -> float:
        """eV per unit of a network's output."""
        return self.units.energy / self.conv_energy

    @property
    def energy_offsets(self) -> Array:
        """(species,) eV added to each atom of an element."""
        return self.units.energy * (self.mean_energy + np.array(self.atom_energies, dtype=float))

    def in_units(self, units: Units) -> Hdnnp:
        """The same potential with lengths and energies in other units."""
        if units == self.units:
            return self
        length, energy = self.units.length / units.length, self.units.energy / units.energy
        functions = tuple(
            replace(
                function,
                cutoff=function.cutoff * length,
                eta=function.eta / length**2,
                shift=function.shift * length,
                inner_radius=function.inner_radius * length,
            )
            for function in self.functions
        )
        return replace(
            self,
            functions=functions,
            units=units,
            mean_energy=self.mean_energy * energy,
            conv_energy=self.conv_energy / energy,
            conv_length=self.conv_length / length,
            atom_energies=tuple(each * energy for each in self.atom_energies),
        )


def by_atomic_number(symbols: tuple[str, ...]) -> tuple[str, ...]:
    """Elements in the order that n2p2 gives them."""
    return tuple(sorted(symbols, key=atomic_numbers.__getitem__))


def in_file_order(functions: list[SymmetryFunction]) -> tuple[SymmetryFunction, ...]:
    """Functions in the order in which n2p2 numbers them, whatever their order in the input.

    Angular functions have their two neighbour elements sorted by atomic number.
    """
    ordered = [replace(function, neighbours=by_atomic_number(function.neighbours)) for function in functions]
    return tuple(sorted(ordered, key=_order))


def _order(function: SymmetryFunction) -> tuple[object, ...]:
    """Sort key: centre, type, then as n2p2 compares functions of that type."""
    neighbours = tuple(atomic_numbers[symbol] for symbol in function.neighbours)
    first = (atomic_numbers[function.centre], function.kind)
    if function.kind < 20:
        shape = (function.cutoff, function.eta, function.shift, function.zeta, function.lambda_)
        return (*first, *shape, *neighbours)
    support = (function.cutoff, function.inner_radius, function.left_angle, function.right_angle)
    return (*first, function.subtype, *neighbours, *support)
