"""tblite: extended tight binding (GFN1-xTB, GFN2-xTB) for molecules, clusters and large cells.

It samples Γ alone, so the energy of a small periodic cell is not that of the crystal: 8 Si atoms
change by 7.5 eV when the cell is doubled. Periodic cells below 10 Å are refused. Forces belong to the free
energy at an electronic temperature of 300 K.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from pydantic import JsonValue

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.vacuum import plane_spacings
from forgefield.reference.engines.conditions import check_names
from forgefield.reference.engines.engine import Attempt, NotConvergedError, Parameters, SinglePoint
from forgefield.reference.engines.single_point import single_point
from forgefield.reference.spec import ReferenceSpec

SMALLEST_CELL = 10.0
"""Å between opposite faces of a periodic cell, along each axis."""

_REFUSED = frozenset({"method", "verbosity", "cache_api", "guess"})


class TbliteEngine:
    """Extended tight binding at Γ."""

    def version(self) -> str:
        """tblite's version.

        Raises:
            ForgefieldError: tblite is not installed.
        """
        try:
            from importlib.metadata import version

            import tblite.ase  # noqa: F401
        except ImportError as error:
            raise ForgefieldError(
                f"engine tblite is not installed ({error})",
                "pip install 'forgefield[tblite]', or choose another reference.engine",
            ) from error
        return version("tblite")

    def resolve(self, spec: ReferenceSpec, species: tuple[str, ...]) -> dict[str, JsonValue]:
        """The method and the user's further parameters, checked by name: tblite ignores unknown ones."""
        self.version()
        from tblite.ase import TBLite

        known = set(TBLite.default_parameters) - _REFUSED
        check_names(spec.parameters, known, {"method": "method"}, "tblite")
        return {"method": spec.method, **spec.parameters}

    def unsuitable(self, atoms: Atoms, parameters: Parameters) -> str | None:
        """Why Γ alone or the code's periodicity does not fit the structure."""
        if not atoms.pbc.any():
            return None
        if not atoms.pbc.all():
            return (
                "tblite computes molecules and fully periodic cells, not periodicity along some axes only; "
                "make all axes periodic, with vacuum"
            )
        shortest = float(np.min(plane_spacings(atoms)))
        if shortest < SMALLEST_CELL:
            return (
                f"the periodic cell is {shortest:.2f} Å wide and tblite has no k-points; "
                f"use a supercell of at least {SMALLEST_CELL:g} Å, or engine gpaw"
            )
        return None

    def attempts(self, parameters: Parameters) -> tuple[Attempt, ...]:
        """More steps and stronger damping of the charges: a longer way to the same numbers."""
        steps = int(str(parameters.get("max_iterations", 250)))
        return (
            Attempt(f"usual mixing, {steps} steps", {}),
            Attempt(
                f"mixing damped to 0.2, {2 * steps} steps",
                {"mixer_damping": 0.2, "max_iterations": 2 * steps},
            ),
            Attempt(
                f"mixing damped to 0.05, {4 * steps} steps",
                {"mixer_damping": 0.05, "max_iterations": 4 * steps},
            ),
        )

    def prepare(self) -> None:
        """Import tblite's library."""
        import tblite.ase  # noqa: F401

    def run(self, atoms: Atoms, parameters: Parameters, attempt: Attempt) -> SinglePoint:
        """One calculation from superposed atomic densities."""
        from tblite.ase import TBLite

        try:
            return single_point(atoms, TBLite(**{**parameters, **attempt.settings}, verbosity=0))
        except CalculationFailed as error:
            if "not converged" in str(error):
                raise NotConvergedError(str(error)) from error
            raise
