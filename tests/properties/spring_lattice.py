"""A crystal whose phonons and thermal expansion are known on paper."""

import numpy as np
from ase import units
from ase.calculators.calculator import Calculator, all_changes
from ase.data import atomic_masses


class SpringLattice(Calculator):
    """Face-centred cubic sites whose neighbours are tied by isotropic springs k(V) = k₀ (V/V₀)^(−2γ).

    All frequencies are proportional to √k, so that every mode has the Grüneisen parameter γ. The energy of the crystal
    at rest is a parabola in V^(−⅔), a Birch–Murnaghan curve. Cells must be whole repetitions of the primitive cell.
    """

    implemented_properties = ("energy", "forces")

    volume, bulk_modulus = 16.0, 0.6
    """V₀, Å³/atom, and B₀, eV/Å³."""

    def __init__(self, gamma=2.0, stiffness=2.0):
        super().__init__()
        self.gamma, self.stiffness = gamma, stiffness

    def static_energy(self, volume):
        return 9 / 8 * self.volume * self.bulk_modulus * ((self.volume / volume) ** (2 / 3) - 1) ** 2

    def spring(self, volume):
        return self.stiffness * (volume / self.volume) ** (-2 * self.gamma)

    def frequencies(self, qpoints, volume, number=29):
        """ω/2π in THz, each three-fold: m ω² = k Σ_neighbours (1 − cos q·r), in fractional q of the primitive cell."""
        neighbours = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 0), (1, 0, -1), (0, 1, -1)])
        cosines = np.cos(2 * np.pi * np.asarray(qpoints) @ neighbours.T)
        squared = 2 * self.spring(volume) * (1 - cosines).sum(axis=-1) / atomic_masses[number]
        return np.sqrt(squared) * units.fs * 1e3 / (2 * np.pi)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        n = round(len(atoms) ** (1 / 3))
        volume = atoms.cell.volume / len(atoms)
        sites = np.rint(n * atoms.get_scaled_positions(wrap=False)).astype(int)
        offsets = n * atoms.get_scaled_positions(wrap=False) - sites
        moved = offsets @ atoms.cell.array / n
        index = {tuple(site % n): place for place, site in enumerate(sites)}
        energy, forces = len(atoms) * self.static_energy(volume), np.zeros((len(atoms), 3))
        for step in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 0), (1, 0, -1), (0, 1, -1)):
            partners = np.array([index[tuple((site + step) % n)] for site in sites])
            difference = moved[partners] - moved
            energy += 0.5 * self.spring(volume) * (difference**2).sum()
            forces += self.spring(volume) * difference
            np.add.at(forces, partners, -self.spring(volume) * difference)
        self.results = {"energy": float(energy), "forces": forces}
