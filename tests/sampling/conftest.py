"""Potentials with known answers for the sampling tests."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms.kumagai import Kumagai, Kumagai_Comp_Mat_Sci_39_Si
from matscipy.calculators.manybody.explicit_forms.stillinger_weber import (
    Stillinger_Weber_PRB_31_5262_Si,
    StillingerWeber,
)

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Candidate, Evaluation, Labels, Uncertainty
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.fit import BayesianFit
from forgefield.potentials.bayesian.spec import BayesianSpec
from forgefield.potentials.contract import Potential
from forgefield.reference.engines.classical import stillinger_weber_silicon
from forgefield.testing.einstein_crystal import EinsteinCrystal


def kumagai() -> Calculator:
    return Manybody(**Kumagai(Kumagai_Comp_Mat_Sci_39_Si))


def stillinger_weber() -> Calculator:
    return Manybody(**StillingerWeber(Stillinger_Weber_PRB_31_5262_Si))


class Committee(Potential):
    """Mean and spread of ASE calculators; made anew from their names after pickling."""

    makers: ClassVar = {"kumagai": kumagai, "stillinger-weber": stillinger_weber, "emt": EMT}

    def __init__(self, *names: str) -> None:
        self.names = names
        self.species, self.cutoff = ("Si",), 4.0
        self.calculators = [self.makers[name]() for name in names]

    def __reduce__(self):
        return Committee, self.names

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        results = []
        for calculator in self.calculators:
            atoms = Atoms(atoms, calculator=calculator)
            results.append((atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
        energies, forces, stresses = (np.array(values) for values in zip(*results, strict=True))
        spread = None
        if uncertainty and len(self.names) > 1:
            variance = forces.var(axis=0, ddof=1).sum(axis=1)
            spread = Uncertainty(energy=float(energies.std(ddof=1)), forces=np.sqrt(variance))
        energy = float(energies.mean())
        shares = np.full(len(atoms), energy / len(atoms))
        return Evaluation(energy, shares, forces.mean(axis=0), stresses.mean(axis=0), spread)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


class Learner:
    """A Bayesian fit that grows, and Stillinger and Weber's silicon as the reference that it learns from."""

    spec = BayesianSpec(n_radial=6, l_max=3)

    def __init__(self) -> None:
        self.fit: BayesianFit | None = None
        self.calculator = stillinger_weber_silicon()

    def label(self, atoms: Atoms) -> Labels:
        bare = Atoms(atoms, calculator=self.calculator)
        energy, forces = bare.get_potential_energy(), bare.get_forces()
        return Labels(energy, forces, bare.get_stress(), recipe="", engine="", seconds=0.0)

    def learn(self, atoms: Atoms, labels: Labels) -> Potential:
        if self.fit is None:
            self.fit = BayesianFit.start(self.spec, ("Si",), [Example(atoms, labels)])
        else:
            self.fit = self.fit.plus(atoms, labels)
        return self.fit.potential()


@pytest.fixture
def learner() -> Learner:
    return Learner()


@pytest.fixture
def committee() -> Committee:
    """Two classical silicon potentials that agree near the crystal and nowhere else."""
    return Committee("kumagai", "stillinger-weber")


@pytest.fixture
def make_committee():
    return Committee


@pytest.fixture
def make_springs():
    return EinsteinCrystal


@pytest.fixture
def silicon() -> Candidate:
    """Eight atoms of slightly rattled diamond-structure silicon."""
    atoms = bulk("Si", cubic=True)
    atoms.positions += np.random.default_rng(3).normal(scale=0.02, size=atoms.positions.shape)
    return Candidate(atoms=atoms, source="prototype", trajectory="prototype/diamond")
