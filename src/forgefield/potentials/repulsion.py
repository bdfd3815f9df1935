"""A family's potential plus the universal screened nuclear repulsion, which keeps atoms apart outside the data.

The family is trained on labels from which the repulsion was taken, so the sum reproduces the labels, and where
atoms come closer than in any structure of the data the repulsion of Ziegler, Biersack and Littmark (1985) takes over.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import shortest_distance
from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array, Evaluation
from forgefield.potentials.contract import Potential
from forgefield.potentials.nep.potential import NepPotential
from forgefield.potentials.training_set import TrainingSet
from forgefield.potentials.zbl import Zbl

FAMILY = "repulsion"
_FITTED = "fitted"
_LARGEST_OUTER = 2.5
_SMALLEST_OUTER = 0.3


class RepulsedPotential(Potential):
    """The sum of a fitted potential and a repulsion.

    Args:
        fitted: any potential, trained on labels minus the repulsion.
        repulsion: acts between its species only within `repulsion.outer`.
    """

    def __init__(self, fitted: Potential, repulsion: Zbl) -> None:
        self.fitted, self.repulsion = fitted, repulsion
        self.species = fitted.species
        self.cutoff = max(fitted.cutoff, repulsion.outer)

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Both parts' sum; the uncertainty is that of the fitted part."""
        pairs = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        fitted = self.fitted.evaluate(atoms, uncertainty, pairs)
        repulsion = self.repulsion.evaluate(atoms, pairs)
        return Evaluation(
            energy=fitted.energy + repulsion.energy,
            energies=fitted.energies + repulsion.energies,
            forces=fitted.forces + repulsion.forces,
            stress=fitted.stress + repulsion.stress,
            uncertainty=fitted.uncertainty,
        )

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """Both parts' sum."""
        pairs = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        return self.fitted.virials(atoms, pairs) + self.repulsion.virials(atoms, pairs)

    def features(self, atoms: Atoms) -> Array:
        """Those of the fitted part."""
        return self.fitted.features(atoms)

    def save(self, folder: Path) -> None:
        """Write the fitted part into a folder inside; the description comes last."""
        self.fitted.save(folder / _FITTED)
        description = {
            "family": FAMILY,
            "species": list(self.repulsion.species),
            "inner": self.repulsion.inner,
            "outer": self.repulsion.outer,
        }
        (folder / "potential.json").write_text(json.dumps(description, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, load_fitted: Callable[[Path], Potential]) -> RepulsedPotential:
        """Read what `save` wrote.

        Args:
            folder: of the potential.
            load_fitted: reads the fitted part, of whatever family.
        """
        description = json.loads((folder / "potential.json").read_text())
        try:
            repulsion = Zbl(tuple(description["species"]), description["inner"], description["outer"])
        except KeyError as error:
            raise ForgefieldError(
                f"{folder / 'potential.json'} lacks {error}", "restore the file, or train again"
            ) from None
        return cls(load_fitted(folder / _FITTED), repulsion)


def joined(fitted: Potential, repulsion: Zbl) -> Potential:
    """Both as one potential; a NEP takes the repulsion into itself, as its own format can hold it."""
    if isinstance(fitted, NepPotential) and fitted.model.zbl is None:
        return NepPotential(replace(fitted.model, zbl=(repulsion.inner, repulsion.outer)))
    return RepulsedPotential(fitted, repulsion)


def radii_from(data: TrainingSet) -> tuple[float, float]:
    """Inner and outer radius in Å at which the repulsion is whole, and gone.

    It is gone at the shortest distance in the data, so that it changes no label, and at most at the smallest sum of
    two covalent radii, where bonds begin; it is whole at half of that.
    """
    bond = 2 * float(covalent_radii[np.unique(data.numbers)].min())
    limit = min(bond, _LARGEST_OUTER)
    shortest = min(
        (shortest_distance(data.atoms(i), search=limit) for i in range(len(data)) if data.sizes[i] > 1),
        default=limit,
    )
    outer = max(_SMALLEST_OUTER, min(limit, shortest))
    return outer / 2, outer


def baseline_of(repulsion: Zbl) -> Callable[[Atoms], tuple[float, Array, Array]]:
    """Energy, forces and stress of the repulsion, to be taken from labels."""

    def baseline(atoms: Atoms) -> tuple[float, Array, Array]:
        found = repulsion.evaluate(atoms, find_pairs(atoms, repulsion.outer))
        return found.energy, found.forces, found.stress

    return baseline
