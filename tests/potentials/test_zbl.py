"""The repulsion against its closed form and its own derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.zbl import Zbl


def _closed_form(first: int, second: int, r: float) -> float:
    """Ziegler, Biersack & Littmark: screening length 0.8854 Bohr radii, which GPUMD rounds."""
    x = r / (0.8854 * 0.529177 / (first**0.23 + second**0.23))
    terms = zip((0.18175, 0.50986, 0.28022, 0.02817), (3.1998, 0.94229, 0.4029, 0.20162), strict=True)
    return 14.39964 * first * second / r * sum(factor * np.exp(-power * x) for factor, power in terms)


@pytest.mark.parametrize(("pair", "charges"), [("Si2", (14, 14)), ("SiO", (14, 8)), ("HO", (1, 8))])
def test_a_pair_has_the_closed_form_below_the_inner_cutoff(pair: str, charges: tuple[int, int]) -> None:
    potential = Zbl(("Si", "O", "H"), 1.0, 2.0)
    for r in (0.3, 0.7, 0.99):
        found = potential.evaluate(Atoms(pair, [[0, 0, 0], [0, 0.6 * r, 0.8 * r]]))
        assert found.energy == pytest.approx(_closed_form(*charges, r), rel=1e-3)
        np.testing.assert_allclose(found.energies, found.energy / 2)


def test_it_is_switched_off_smoothly() -> None:
    potential = Zbl(("Si",), 1.0, 2.0)

    def energy(r: float) -> float:
        return potential.evaluate(Atoms("Si2", [[0, 0, 0], [0, 0, r]])).energy

    assert energy(1.5) == pytest.approx(_closed_form(14, 14, 1.5) / 2, rel=1e-3)
    assert energy(2.0) == 0.0
    assert energy(3.0) == 0.0
    for edge in (1.0, 2.0):
        below, above = (
            potential.evaluate(Atoms("Si2", [[0, 0, 0], [0, 0, edge + shift]])).forces[1, 2]
            for shift in (-1e-7, 1e-7)
        )
        assert below == pytest.approx(above, rel=1e-5, abs=1e-4)


def test_forces_and_stress_are_derivatives_of_the_energy() -> None:
    rng = np.random.default_rng(2)
    atoms = bulk("NaCl", "rocksalt", a=3.2).repeat((2, 2, 1))
    atoms.rattle(0.1, rng=rng)
    potential = Zbl(("Na", "Cl"), 0.5, 2.4)
    found = potential.evaluate(atoms)
    assert abs(found.forces).max() > 1
    move = rng.normal(size=(len(atoms), 3))
    strain = rng.normal(size=(3, 3))
    strain = (strain + strain.T) / 2

    def energy(shift: float, stretch: float) -> float:
        other = atoms.copy()
        other.positions += shift * move
        other.set_cell(atoms.cell.array @ (np.eye(3) + stretch * strain), scale_atoms=True)
        return potential.evaluate(other).energy

    step = 1e-5
    for slopes, expected in (
        ([(energy(k * step, 0) - energy(-k * step, 0)) / (2 * k * step) for k in (1, 2)], -(found.forces * move).sum()),
        ([(energy(0, k * step) - energy(0, -k * step)) / (2 * k * step) for k in (1, 2)],
         (found.stress[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3) * strain).sum() * atoms.get_volume()),
    ):  # fmt: skip
        assert (4 * slopes[0] - slopes[1]) / 3 == pytest.approx(expected, rel=1e-7)


def test_own_screening_of_a_pair() -> None:
    own = np.array([[0.5, 1.0, 1.0, 0.0, 0, 0, 0, 0, 0, 0], [0.5, 1.5, 2.0, 0.0, 0, 0, 0, 0, 0, 0],
                    [0.5, 1.0, 3.0, 0.0, 0, 0, 0, 0, 0, 0]])  # fmt: skip
    potential = Zbl(("H", "He"), 0.0, 0.0, own)
    for pair, strength in (("H2", 1.0), ("HHe", 4.0), ("HeH", 4.0), ("He2", 12.0)):
        energy = potential.evaluate(Atoms(pair, [[0, 0, 0], [0, 0, 0.4]])).energy
        assert energy == pytest.approx(14.399645 * strength / 0.4)
    assert potential.cutoff == 1.5


def test_bad_input_is_refused() -> None:
    with pytest.raises(ForgefieldError, match=r"cutoffs 2.0 and 1.0 Å; choose 0 ≤ inner < outer"):
        Zbl(("Si",), 2.0, 1.0)
    with pytest.raises(ForgefieldError, match="element O is not among the repulsion's species Si; evaluate"):
        Zbl(("Si",), 1.0, 2.0).evaluate(Atoms("O"))
