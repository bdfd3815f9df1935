"""Settings of the sources of structures for compounds."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec

Atoms = Annotated[int, Field(ge=1, le=512)]
Count = Annotated[int, Field(ge=0, le=10_000)]
Ratio = Annotated[float, Field(ge=0.3, le=1.0)]


class DecoratedSpec(Spec):
    """Crystals of the AFLOW library with the species on their sites."""

    max_formula_atoms: Annotated[int, Field(ge=1, le=30)] = 10
    """formulas with up to this number of atoms are considered"""
    min_atoms: Atoms = 4
    """cells of compounds with fewer atoms are small"""
    small_cells: Literal["drop", "repeat"] = "drop"
    """leave small cells out, or repeat them until they have `min_atoms`"""
    max_atoms: Atoms = 40
    """cells with more atoms are left out"""
    min_distance_ratio: Ratio = 0.8
    """shortest allowed distance, in sums of covalent radii or, between ions of like charge, of ionic radii"""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_atoms > self.max_atoms:
            raise ValueError(f"min_atoms {self.min_atoms} is larger than max_atoms {self.max_atoms}")
        return self


class SubstitutionSpec(Spec):
    """Known crystals with their ions replaced by similar ones."""

    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 1e-3
    """smallest conditional probability of an exchange, the product over all ions"""
    count: Count = 30
    """largest number of structures, the most probable first"""
    min_atoms: Atoms = 4
    """crystals with fewer atoms are left out"""
    max_atoms: Atoms = 40
    """crystals with more atoms are left out"""
    min_distance_ratio: Ratio = 0.8
    """shortest allowed distance, in sums of covalent radii or, between ions of like charge, of ionic radii"""


class FractionalSpec(Spec):
    """Crystals in which a share of one species is replaced."""

    share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.25
    """share of the sites that gets the new species"""
    tolerance: Annotated[float, Field(ge=0.0, le=0.5)] = 0.02
    """how far the share may be off"""
    max_atoms: Atoms = 64
    """largest supercell"""
    count: Count = 5
    """largest number of orderings of each crystal"""
