"""Machine-learned interatomic potentials that develop themselves."""

__version__ = "0.1.0"
