"""Settings of the neural network potential."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec

ACTIVATION_LETTERS = {
    "tanh": "t",
    "softplus": "p",
    "logistic": "s",
    "gaussian": "g",
    "cosine": "c",
    "relu": "r",
}


class SymmetryFunctionSpec(Spec):
    """A systematic set of symmetry functions for every element, pair and triple of elements.

    Gaussians as Gastegger et al., J. Chem. Phys. 148, 241709 (2018) place them.
    """

    n_radial: int = Field(default=8, ge=1, le=40)
    """Radial functions of each pair of elements: Gaussians at equal distances, as wide as those are apart."""
    n_angular: int = Field(default=3, ge=0, le=20)
    """Widths of the angular functions of each triple of elements, from short to long range."""
    zetas: tuple[float, ...] = Field(default=(1.0, 4.0), min_length=1)
    """Exponents of the angular functions; each comes with its maximum at 0° and at 180°."""
    angular: Literal["narrow", "wide", "both"] = "narrow"
    """Whether the two neighbours of an angular function must be close to each other too."""
    shortest: float = Field(default=0.8, gt=0.0)
    """Distance at which the radial functions start, Å."""
    cutoff_function: Literal[
        "cosine", "tanh", "polynomial-1", "polynomial-2", "polynomial-3", "polynomial-4"
    ] = "polynomial-2"
    """How the functions go to zero at the cutoff; polynomial-n is smooth to order n."""
    n_functions: int | None = Field(default=None, ge=4)
    """Keep this many functions of each element, chosen on the training data; unset: all."""
    choice: Literal["cur", "farthest-point"] = "cur"
    """How they are chosen (Imbalzano et al., J. Chem. Phys. 148, 241730 (2018))."""


class HdnnpSpec(Spec):
    """Symmetry functions → one network per element (Behler and Parrinello 2007), as a committee."""

    cutoff: float = Field(default=6.0, gt=1.0, le=12.0)
    """Cutoff radius, Å."""
    functions: SymmetryFunctionSpec = SymmetryFunctionSpec()
    """Which symmetry functions describe an atom's surroundings."""
    hidden: tuple[int, ...] = Field(default=(25, 25), min_length=1, max_length=6)
    """Width of each hidden layer."""
    activation: Literal["tanh", "softplus", "logistic", "gaussian", "cosine", "relu"] = "tanh"
    """Activation function of the hidden layers."""
    members: int = Field(default=4, ge=1, le=32)
    """Networks in the committee, which differ in initial weights and in the weight of each structure."""

    @model_validator(mode="after")
    def _starts_within_cutoff(self) -> HdnnpSpec:
        if self.functions.shortest >= self.cutoff - 0.5:
            raise ValueError(
                f"functions.shortest {self.functions.shortest} Å leaves no room below the cutoff {self.cutoff} Å; "
                "lower it"
            )
        return self
