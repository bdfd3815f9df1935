"""What it takes to be in the list of properties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator

from forgefield.atoms.spec import Spec
from forgefield.properties.quantities import Planned, Quantity


@dataclass(frozen=True, slots=True)
class Property:
    """One property in the list.

    Attributes:
        name: also of its group in `ExaminationSpec`.
        title: for people.
        group: ``static``, ``layers``, ``vibrations``, ``heat``, ``dynamics`` or ``kinetics``.
        finding: class of the result.
        compute: takes (atoms, calculator, settings of each group that it uses).
        planned: takes (atoms, the same settings), forecasts the calculations; None: the reference is not asked for it,
            because it takes too many.
        also: names of further groups of settings that it uses.
        settle: takes (atoms, its own settings), settles what both methods must share, such as a supercell.
        compare: takes (finding, reference's finding): numbers of the difference that no single quantity shows.
        usual: whether it is computed without being asked for.
        check: takes (the potential's finding, the reference's calculator): what the reference says about that, where to
            compute the property anew would cost it too much; its result is of the class ``checked``.
        checked: class of the reference's result, if it is another one.
    """

    name: str
    title: str
    group: str
    finding: type
    compute: Callable[..., Any]
    planned: Callable[..., Sequence[Planned]] | None = None
    also: tuple[str, ...] = ()
    settle: Callable[[Atoms, Any], Any] | None = None
    compare: Callable[[Any, Any], tuple[Quantity, ...]] | None = None
    usual: bool = False
    check: Callable[[Any, Calculator], Any] | None = None
    checked: type | None = None

    def settings(self, settings: Spec) -> tuple[Spec, ...]:
        """Those groups of the settings that it uses, its own first."""
        return tuple(getattr(settings, name) for name in (self.name, *self.also))
