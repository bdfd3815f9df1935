"""A committee of any potentials: their mean, and their spread as its uncertainty.

Members may differ in data, in random numbers, in settings or in family, as long as they know the same species
(Behler, J. Phys.: Condens. Matter 26, 183001 (2014); Musil et al., J. Chem. Theory Comput. 15, 906 (2019)).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array, Evaluation, Uncertainty
from forgefield.potentials.contract import Potential

FAMILY = "committee"


class Committee(Potential):
    """The mean of several potentials.

    Args:
        members: at least two, with the same species.
        degrees_lost: 1 where the mean itself is estimated from the members; 0 where it is known, as of draws
            that were made around it in pairs.

    Raises:
        ForgefieldError: fewer than two members, or members with different species.
    """

    def __init__(self, members: Sequence[Potential], degrees_lost: int = 1) -> None:
        if len(members) < 2:
            raise ForgefieldError(
                f"a committee of {len(members)} has no spread", "give it at least two members"
            )
        known = {tuple(sorted(member.species)) for member in members}
        if len(known) > 1:
            raise ForgefieldError(
                f"the members of a committee know different species: {sorted(known)}",
                "train all of them on the same elements",
            )
        self.members, self.degrees_lost = tuple(members), degrees_lost
        self.species = members[0].species
        self.cutoff = max(member.cutoff for member in members)

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Mean over members; with `uncertainty`, their standard deviations."""
        pairs = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        said = [member.evaluate(atoms, pairs=pairs) for member in self.members]
        energies, forces, stresses = (
            np.stack([getattr(each, name) for each in said]) for name in ("energies", "forces", "stress")
        )
        return Evaluation(
            energy=float(energies.sum() / len(said)),
            energies=energies.mean(axis=0),
            forces=forces.mean(axis=0),
            stress=stresses.mean(axis=0),
            uncertainty=self._spread(energies.sum(axis=1), forces, stresses) if uncertainty else None,
        )

    def _spread(self, energies: Array, forces: Array, stresses: Array) -> Uncertainty:
        energy, components, stress = (
            each.std(axis=0, ddof=self.degrees_lost) for each in (energies, forces, stresses)
        )
        return Uncertainty(
            energy=float(energy),
            forces=np.linalg.norm(components, axis=1),
            components=components,
            stress=stress,
        )

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """Mean over members."""
        pairs = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        return np.mean([member.virials(atoms, pairs) for member in self.members], axis=0, dtype=np.float64)

    def features(self, atoms: Atoms) -> Array:
        """Those of the first member."""
        return self.members[0].features(atoms)

    def save(self, folder: Path) -> None:
        """Write every member into a folder of its own inside; the description comes last."""
        for number, member in enumerate(self.members):
            member.save(folder / _member(number))
        description = {"family": FAMILY, "members": len(self.members), "degrees_lost": self.degrees_lost}
        (folder / "potential.json").write_text(json.dumps(description, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, load_member: Callable[[Path], Potential]) -> Committee:
        """Read what `save` wrote.

        Args:
            folder: of the potential.
            load_member: reads a member, of whatever family.
        """
        description = json.loads((folder / "potential.json").read_text())
        try:
            count, degrees_lost = description["members"], description["degrees_lost"]
        except KeyError as error:
            raise ForgefieldError(
                f"{folder / 'potential.json'} lacks {error}", "restore the file, or train again"
            ) from None
        return cls([load_member(folder / _member(number)) for number in range(count)], degrees_lost)


def _member(number: int) -> str:
    return f"member-{number:02d}"
