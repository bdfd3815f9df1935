"""The density family fulfils the contract of all potentials."""

from forgefield.testing import PotentialContract


class TestDensityPotential(PotentialContract):
    has_uncertainty = True

    def bond_length(self, potential):
        return 1.9
