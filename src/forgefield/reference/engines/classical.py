"""Classical potentials as references: a cheap truth that is the same at every cell size.

Named in the input as ``engine: ase:forgefield.reference.engines.classical.tersoff_silicon``. The potentials
and their published parameters are matscipy's, which takes Python objects that no input file could hold.
"""

from __future__ import annotations

import difflib
import importlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, Calculator, all_changes

from forgefield.atoms.errors import ForgefieldError

_FORMS = {"TersoffBrenner": "tersoff_brenner", "StillingerWeber": "stillinger_weber"}


def tersoff_silicon() -> BaseCalculator:
    """Silicon after Tersoff, Phys. Rev. B 39, 5566 (1989): a = 5.432 Å, −4.63 eV per atom in diamond."""
    return published("TersoffBrenner", "Tersoff_PRB_39_5566_Si_C")


def stillinger_weber_silicon() -> BaseCalculator:
    """Silicon after Stillinger and Weber, Phys. Rev. B 31, 5262 (1985): a = 5.431 Å, −4.3366 eV per atom."""
    return published("StillingerWeber", "Stillinger_Weber_PRB_31_5262_Si")


def published(form: str, parametrisation: str) -> BaseCalculator:
    """Any of matscipy's published many-body potentials.

    Args:
        form: ``TersoffBrenner`` or ``StillingerWeber``.
        parametrisation: matscipy's name for a set of parameters, such as ``Erhart_PRB_71_035211_SiC``.

    Raises:
        ForgefieldError: matscipy is missing, or the form or parametrisation is unknown.
    """
    if form not in _FORMS:
        raise ForgefieldError(f"unknown form {form!r} of potential", f"choose {' or '.join(_FORMS)}")
    try:
        module = importlib.import_module(f"matscipy.calculators.manybody.explicit_forms.{_FORMS[form]}")
    except ImportError as error:
        raise ForgefieldError(f"matscipy is not installed ({error})", "pip install matscipy") from error
    sets = {
        name: value for name, value in vars(module).items() if isinstance(value, dict) and "__ref__" in value
    }
    if parametrisation not in sets:
        nearest = difflib.get_close_matches(parametrisation, sets, n=1)
        raise ForgefieldError(
            f"matscipy has no parametrisation {parametrisation!r} for {form}",
            f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(sorted(sets))}",
        )
    elements = sets[parametrisation]["el"]
    return PublishedPotential(
        getattr(module, form)(sets[parametrisation]), (elements,) if isinstance(elements, str) else elements
    )


class PublishedPotential(Calculator):
    """A matscipy many-body potential that refuses elements it was not made for.

    matscipy itself gives silicon's energy to any element whose number its tables happen to cover.

    Args:
        functions: what matscipy's functional form returns.
        elements: chemical symbols that the parametrisation covers.
    """

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def __init__(self, functions: dict[str, Any], elements: Sequence[str]) -> None:
        super().__init__()
        from matscipy.calculators.manybody import Manybody

        self._potential = Manybody(**functions)
        self._elements = frozenset(elements)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Energy, forces and, for cells with a volume, stress."""
        super().calculate(atoms, properties, system_changes)
        foreign = set(self.atoms.symbols) - self._elements
        if foreign:
            raise ForgefieldError(
                f"the potential knows {', '.join(sorted(self._elements))}, not {', '.join(sorted(foreign))}",
                "choose a reference.engine that covers all species",
            )
        structure = self.atoms.copy()
        bounded = structure.cell.rank == 3
        if not bounded:
            # matscipy inverts the cell even where nothing is periodic; any box serves.
            structure.set_cell(structure.cell.complete() if structure.pbc.any() else 10.0 * np.eye(3))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # matscipy evaluates powers of zero in entries that it then masks out.
            warnings.filterwarnings("ignore", message="'where' used without 'out'", category=UserWarning)
            self._potential.calculate(structure, ["energy"], all_changes)
        results = self._potential.results
        energy = float(results["energy"])
        self.results = {"energy": energy, "free_energy": energy, "forces": np.array(results["forces"])}
        if bounded:
            self.results["stress"] = np.array(results["stress"])
