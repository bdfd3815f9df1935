"""Settings of the sources of structures for compounds."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec

Atoms = Annotated[int, Field(ge=1, le=512)]
Count = Annotated[int, Field(ge=0, le=10_000)]
Ratio = Annotated[float, Field(ge=0.3, le=1.0)]


class CrystalSpec(Spec):
    """What crystals of a compound must be like, wherever they come from."""

    count: Count = 30
    """largest number of crystals, sources taking turns, the most important of each first"""
    min_atoms: Atoms = 4
    """cells of compounds with fewer atoms are small"""
    small_cells: Literal["drop", "repeat"] = "repeat"
    """leave small cells out, or repeat them until they have `min_atoms`"""
    max_atoms: Atoms = 24
    """cells with more atoms are left out"""
    max_formula_atoms: Annotated[int, Field(ge=1, le=30)] = 10
    """neutral formulas with up to this number of atoms are considered"""
    min_distance_ratio: Ratio = 0.8
    """shortest allowed distance, in sums of covalent radii or, between ions of like charge, of ionic radii"""
    min_packing: Annotated[float, Field(ge=0.0, le=0.7)] = 0.2
    """smallest share of the volume that balls of the ionic or covalent radii fill"""

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


class FractionalSpec(Spec):
    """Crystals in which a share of one species is replaced."""

    replace: str
    """species that is replaced, with its charge, such as `In3+`"""
    by: str
    """species that takes its place, of the same charge, such as `Tl3+`"""
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.25
    """share of the sites that gets the new species"""
    tolerance: Annotated[float, Field(ge=0.0, le=0.5)] = 0.02
    """how far the share may be off"""
    max_atoms: Atoms = 64
    """largest supercell"""
    count: Count = 5
    """largest number of orderings of each crystal"""


class WebSpec(Spec):
    """How long to wait for databases on the web."""

    timeout: Annotated[float, Field(gt=0.0, le=600.0)] = 30.0
    """seconds to wait for an answer; for a connection, no more than 5"""
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """how often a busy or slow server is asked"""
    wait: Annotated[float, Field(ge=0.0, le=30.0)] = 2.0
    """pause before the second attempt, in seconds; it doubles with each attempt"""


class OptimadeSpec(Spec):
    """Crystals from databases that speak OPTIMADE."""

    providers: tuple[str, ...] = ("materials-project", "alexandria")
    """names of databases, or their addresses, such as `https://optimade.example.org`; asked one after the other"""
    subsets: bool = False
    """also crystals of some of the elements, instead of only those of all"""
    limit: Annotated[int, Field(ge=1, le=10_000)] = 100
    """largest number of entries read from each database"""
    page_limit: Annotated[int, Field(ge=1, le=1_000)] = 50
    """entries asked for at a time"""
    web: WebSpec = WebSpec()
    """time-out and attempts"""


class ClusterSpec(Spec):
    """Clusters without periodicity, cut from crystals or at random."""

    count: Count = 5
    """clusters of each crystal or formula"""
    atoms: tuple[Annotated[int, Field(ge=2)], Annotated[int, Field(le=512)]] = (8, 40)
    """smallest and largest number of atoms"""
    vacuum: Annotated[float, Field(ge=2.0, le=20.0)] = 5.0
    """distance from the outermost atoms to the faces of the cell, Å"""
    min_distance_ratio: Ratio = 0.8
    """shortest allowed distance in random clusters, in sums of covalent radii or, between ions of like charge, of
    ionic radii"""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.atoms[0] > self.atoms[1]:
            raise ValueError(f"atoms {list(self.atoms)}: the smallest number comes first")
        return self


class SlabSpec(Spec):
    """Slabs with low-index surfaces."""

    max_index: Annotated[int, Field(ge=1, le=3)] = 1
    """largest Miller index"""
    thickness: Annotated[float, Field(ge=3.0, le=40.0)] = 8.0
    """smallest thickness of the slab, Å"""
    vacuum: Annotated[float, Field(ge=5.0, le=40.0)] = 12.0
    """smallest thickness of the vacuum, Å"""
    symmetric: bool = True
    """leave out slabs whose two faces differ"""
    max_atoms: Atoms = 60
    """slabs with more atoms are left out"""
    count: Count = 10
    """largest number of slabs of each crystal"""


class DefectSpec(Spec):
    """Point defects in supercells."""

    vacancies: bool = True
    """one atom missing, for each kind of site"""
    hops: bool = False
    """beside each vacancy, one with the nearest atom of its element half way into it, as when atoms migrate"""
    antisites: bool = True
    """one atom of another element of the crystal, for each kind of site"""
    interstitials: Annotated[int, Field(ge=0, le=20)] = 2
    """one atom more in each of this number of voids, for each element"""
    max_atoms: Atoms = 64
    """largest supercell, before the defect"""
    min_distance_ratio: Ratio = 0.7
    """shortest distance of interstitials, in sums of covalent radii"""


class DistortionSpec(Spec):
    """Perturbed and stressed crystals."""

    moves: tuple[Annotated[float, Field(gt=0.0, le=2.0)], ...] = (0.1, 0.3)
    """distances by which a site is moved in a random direction, Å"""
    turns: tuple[Annotated[float, Field(gt=-180.0, le=180.0)], ...] = (10.0, 20.0)
    """angles by which an atom and its neighbours are turned about a random axis, degrees"""
    volumes: tuple[Annotated[float, Field(gt=-0.5, le=1.0)], ...] = (-0.1, -0.05, 0.05, 0.1)
    """relative changes of the volume"""
    shears: tuple[Annotated[float, Field(gt=-0.5, le=0.5)], ...] = (-0.05, 0.05)
    """shears of a random plane along a random direction"""
    count: Count = 1
    """structures for each distance, angle and shear"""
    max_atoms: Atoms = 16
    """largest supercell in which sites are moved and turned"""
    min_distance_ratio: Ratio = 0.7
    """shortest allowed distance, in sums of covalent radii or, where it is shorter, of the distance in the crystal"""


class MaterialsProjectSpec(Spec):
    """Crystals from the Materials Project."""

    above_hull: Annotated[float, Field(ge=0.0)] = 0.2
    """largest energy above the convex hull, eV/atom"""
    limit: Annotated[int, Field(ge=1, le=1_000)] = 50
    """largest number of structures, the most stable first"""
    timeout: Annotated[int, Field(ge=1, le=600)] = 60
    """seconds to wait for an answer"""
