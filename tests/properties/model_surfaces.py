"""Energy surfaces with known minima and saddles, as calculators of one or two atoms."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from forgefield.properties.point import evaluate_points


class MuellerBrown(Calculator):
    """Müller & Brown, Theor. Chim. Acta 53, 75 (1979), for x and y of one atom; a spring for z.

    The energy is a hundredth of theirs.
    """

    implemented_properties = ("energy", "forces")
    first, intermediate, last = (-0.558, 1.442), (-0.050, 0.467), (0.623, 0.028)
    saddle = (-0.822, 0.624)
    first_energy, intermediate_energy, last_energy = -1.46700, -0.80768, -1.08167
    saddle_energy = -0.40665

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x, y, z = self.atoms.positions[0]
        dx, dy = x - np.array([1, 0, -0.5, -1]), y - np.array([0, 0.5, 1.5, 1])
        a, b, c = np.array([-1, -1, -6.5, 0.7]), np.array([0, 0, 11, 0.6]), np.array([-10, -10, -6.5, 0.7])
        terms = 0.01 * np.array([-200, -100, -170, 15]) * np.exp(a * dx**2 + b * dx * dy + c * dy**2)
        slope = [(terms * (2 * a * dx + b * dy)).sum(), (terms * (b * dx + 2 * c * dy)).sum(), 20 * z]
        self.results = {"energy": terms.sum() + 10 * z**2, "forces": -np.array([slope])}


class Corrugated(Calculator):
    """Each atom in A w + (k₀ + k₁ w) y²/2 + q y⁴ + |k₀| z²/2 with w = sin²(πx/L).

    Minima are at whole multiples of L on the axis, and the saddles half-way between them, where k₀ + k₁ is positive.
    Where it is −κ, that point is a maximum along y, too, and saddles lie beside it, κ²/16q lower.

    Args:
        height: A, eV.
        period: L, Å.
        stiffness: k₀, eV/Å².
        change: k₁, eV/Å².
        quartic: q, eV/Å⁴.
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, height=0.5, period=2.0, stiffness=4.0, change=5.0, quartic=0.0):
        super().__init__()
        self.height, self.period, self.quartic = height, period, quartic
        self.stiffness, self.change = stiffness, change

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x, y, z = self.atoms.positions.T
        wave, slope = np.sin(np.pi * x / self.period) ** 2, np.sin(2 * np.pi * x / self.period)
        slope *= np.pi / self.period
        k = self.stiffness + self.change * wave
        energy = self.height * wave + k * y**2 / 2 + self.quartic * y**4 + abs(self.stiffness) * z**2 / 2
        along = slope * (self.height + self.change * y**2 / 2)
        across = k * y + 4 * self.quartic * y**3
        forces = -np.column_stack([along, across, abs(self.stiffness) * z])
        self.results = {"energy": float(energy.sum()), "forces": forces}


class SideBySide:
    """A calculator that takes structures in batches, and remembers how many each had."""

    def __init__(self, calculator):
        self.calculator, self.batches = calculator, []

    def __getattr__(self, name):
        return getattr(self.calculator, name)

    def evaluate_points(self, structures):
        self.batches.append(len(structures))
        return evaluate_points(structures, self.calculator)


def atom_at(x, y=0.0, z=0.0, symbol="H"):
    return Atoms(symbol, positions=[(x, y, z)])


def vacancy_ends(crystal):
    """A crystal before and after the nearest neighbour of its first atom hops into a vacancy there."""
    distances = crystal.get_distances(0, range(len(crystal)), mic=True)
    mover = int(np.argsort(distances, kind="stable")[1])
    initial, final = crystal.copy(), crystal.copy()
    final.positions[mover] += crystal.get_distance(mover, 0, mic=True, vector=True)
    del initial[0], final[0]
    return initial, final
