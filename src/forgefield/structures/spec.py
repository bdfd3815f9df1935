"""Which initial structures to make, and how many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec
from forgefield.structures.compound_spec import (
    ClusterSpec,
    CrystalSpec,
    DefectSpec,
    DistortionSpec,
    FractionalSpec,
    MaterialsProjectSpec,
    OptimadeSpec,
    SlabSpec,
    SubstitutionSpec,
)

Count = Annotated[int, Field(ge=0, le=10_000)]
Fraction = Annotated[float, Field(ge=0.0, le=0.3)]
Amplitude = Annotated[float, Field(gt=0.0, le=1.0)]


class StrainSpec(Spec):
    """Strained cells of the main prototype."""

    volume: Fraction = 0.08
    """largest relative change of volume along the energy–volume path, both ways"""
    volume_count: Count = 9
    """structures on the energy–volume path (smallest cell, no displacements)"""
    shear: Fraction = 0.05
    """largest value of each component of the random strain tensors"""
    small_count: Count = 10
    """strained and rattled structures in the smallest cell of at least two atoms"""
    large_count: Count = 8
    """strained and rattled structures in the supercell"""
    rattle: Amplitude = 0.05
    """standard deviation of the displacements in the strained cells, Å"""


class RattleSpec(Spec):
    """Rattled supercells of the main prototype."""

    amplitudes: tuple[Amplitude, ...] = (0.03, 0.06, 0.10, 0.15, 0.20)
    """standard deviations of the displacements along each axis, Å"""
    count: Count = 2
    """structures of each amplitude"""
    volume: Fraction = 0.03
    """largest relative change of volume, drawn anew for each structure"""
    max_atoms: Annotated[int, Field(ge=1, le=512)] | None = None
    """largest supercell, if not that of all (structures.max_atoms): a wide one knows the phonons of long waves"""


class CompanionSpec(Spec):
    """Slightly rattled cells of the other prototypes."""

    volumes: Count = 2
    """structures of each prototype, evenly spaced in volume; one sits at the estimated volume"""
    volume: Fraction = 0.08
    """largest relative change of volume, both ways"""
    rattle: Amplitude = 0.05
    """standard deviation of the displacements, Å"""
    max_atoms: Annotated[int, Field(ge=1, le=512)] = 4
    """primitive cells are repeated up to this number of atoms, as a lone atom feels no force"""


class RandomSpec(Spec):
    """Random crystals with a random space group."""

    count: Count = 10
    """structures"""
    atoms: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(le=64)]] = (2, 8)
    """smallest and largest number of atoms in the cell of an element; for a compound `crystals` says it"""
    volume: Fraction = 0.2
    """largest relative difference, both ways, from the volume per atom of the main prototype or, for a compound, from
    the volume that bond valences ask for"""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.atoms[0] > self.atoms[1]:
            raise ValueError(f"atoms {list(self.atoms)}: the smallest number comes first")
        return self


class StructuresSpec(Spec):
    """The structures that a run starts from.

    The defaults make about 60 structures of an element with 1 to 8 atoms each, most of them around its ground
    state; :meth:`quick` makes about 27. For a compound they make up to 30 different crystals, and distorted ones.
    """

    prototypes: tuple[str, ...] | Literal["auto"] = "auto"
    """names of crystal structures, or ``auto`` for the ground state and the common simple ones; the main one
    is the element's ground state if it is named, else the first; of a compound, ``auto`` for its species on the sites
    of all known structure types that fit, or ``[]`` for none"""
    crystals: CrystalSpec = CrystalSpec()
    """compounds: how many crystals, and of which size"""
    substitution: SubstitutionSpec | None = SubstitutionSpec()
    """compounds: known crystals with their ions replaced by similar ones; null: none"""
    fractional: FractionalSpec | None = None
    """compounds: a share of one species replaced by another one of the system; null: none"""
    optimade: OptimadeSpec | None = OptimadeSpec()
    """crystals of compounds from databases that speak OPTIMADE; null: none"""
    materials_project: MaterialsProjectSpec | None = MaterialsProjectSpec()
    """crystals of compounds from the Materials Project, where a key is in MP_API_KEY; null: none"""
    distortions: DistortionSpec | None = DistortionSpec()
    """compounds: perturbed and stressed crystals; null: none"""
    clusters: ClusterSpec | None = None
    """compounds: clusters in vacuum, cut from crystals and random; null: none"""
    slabs: SlabSpec | None = None
    """slabs with low-index surfaces, of an element's main prototype or of a compound's crystals; null: none"""
    defects: DefectSpec | None = None
    """point defects, likewise; null: none"""
    parents: Annotated[int, Field(ge=1, le=100)] = 3
    """compounds: from how many crystals distorted ones, clusters, slabs and defects are made"""
    strain: StrainSpec = StrainSpec()
    """strained cells of the main prototype"""
    rattle: RattleSpec = RattleSpec()
    """rattled supercells of the main prototype"""
    companions: CompanionSpec = CompanionSpec()
    """cells of the other prototypes"""
    random: RandomSpec = RandomSpec()
    """random crystals"""
    max_atoms: Annotated[int, Field(ge=1, le=512)] = 8
    """largest supercell of the main prototype"""
    isolated_atom: bool = True
    """add one free atom of each species"""
    isolated_box: Annotated[float, Field(ge=6.0, le=40.0)] = 10.0
    """edge of the periodic cube around a free atom, Å"""
    files: tuple[Path, ...] = ()
    """structure files to add as they are, in any format that ASE reads"""
    files_are_trajectories: bool = True
    """whether the frames of one file belong together and are trained or validated on together"""
    min_distance_ratio: Annotated[float, Field(ge=0.3, le=1.0)] = 0.8
    """shortest allowed distance, in sums of covalent radii or, where it is shorter, of the distance in the
    undistorted crystal"""
    duplicate_tolerance: Annotated[float, Field(gt=0.0, le=0.1)] = 0.01
    """two structures whose interatomic distances all agree within this many Å are one"""

    @classmethod
    def quick(cls) -> Self:
        """A smaller set, of about 27 structures for an element."""
        return cls(
            strain=StrainSpec(volume_count=5, small_count=7, large_count=6),
            rattle=RattleSpec(amplitudes=(0.1,), count=2),
            companions=CompanionSpec(volumes=1),
            random=RandomSpec(count=0),
        )

    @classmethod
    def only(cls, files: tuple[Path, ...]) -> Self:
        """The structures of some files and no others."""
        return cls(
            prototypes=(),
            substitution=None,
            optimade=None,
            materials_project=None,
            distortions=None,
            random=RandomSpec(count=0),
            isolated_atom=False,
            files=files,
            files_are_trajectories=False,
        )
