"""All properties that a calculator can be examined by, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.properties import elasticity, equation_of_state, phonons
from forgefield.properties.elasticity import Elasticity, ElasticitySpec
from forgefield.properties.equation_of_state import EquationOfState, EquationOfStateSpec
from forgefield.properties.phonons import Phonons, PhononSpec
from forgefield.properties.quantities import Finding, Planned, Quantity


class ExaminationSpec(Spec):
    """How each property is computed; which ones are is the caller's choice."""

    equation_of_state: EquationOfStateSpec = EquationOfStateSpec()
    """Energy–volume curve."""
    elasticity: ElasticitySpec = ElasticitySpec()
    """Elastic constants."""
    phonons: PhononSpec = PhononSpec()
    """Phonons."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property in the list.

    Attributes:
        name: also of its group in `ExaminationSpec`.
        title: for people.
        group: ``static``, ``vibrations``, ``heat``, ``dynamics`` or ``kinetics``.
        finding: class of the result.
        compute: takes (atoms, calculator, its spec).
        planned: takes (atoms, its spec), forecasts the calculations; None: the reference is not asked for it, because
            it takes too many.
        settle: takes (atoms, its spec), settles what both methods must share, such as a supercell.
        compare: takes (finding, reference's finding): numbers of the difference that no single quantity shows.
        usual: whether it is computed without being asked for.
    """

    name: str
    title: str
    group: str
    finding: type
    compute: Callable[[Atoms, Calculator, Any], Any]
    planned: Callable[[Atoms, Any], Sequence[Planned]] | None = None
    settle: Callable[[Atoms, Any], Any] | None = None
    compare: Callable[[Any, Any], tuple[Quantity, ...]] | None = None
    usual: bool = True


def _compare_phonons(mine: Phonons, theirs: Phonons) -> tuple[Quantity, ...]:
    return (Quantity("phonon RMSE", phonons.phonon_rmse(mine, theirs), "THz"),)


PROPERTIES = (
    Property(
        "equation_of_state",
        "Equation of state",
        "static",
        EquationOfState,
        equation_of_state.compute,
        lambda atoms, spec: (Planned(atoms, spec.points),),
    ),
    Property(
        "elasticity",
        "Elastic constants",
        "static",
        Elasticity,
        elasticity.compute,
        lambda atoms, spec: (Planned(atoms, len(elasticity.plan(atoms, spec))),),
    ),
    Property(
        "phonons",
        "Phonons",
        "vibrations",
        Phonons,
        phonons.compute,
        lambda atoms, spec: tuple(Planned(each, 1) for each in phonons.plan(atoms, spec)),
        settle=phonons.resolve,
        compare=_compare_phonons,
    ),
)
"""In the order in which people read them."""


def chosen_properties(names: Iterable[str]) -> tuple[Property, ...]:
    """Properties of these names or groups, in the order of the list; the usual ones for none.

    Args:
        names: of properties or groups, or ``all``.

    Raises:
        ForgefieldError: an unknown name.
    """
    wanted = list(names)
    if not wanted:
        return tuple(each for each in PROPERTIES if each.usual)
    known = {each.name for each in PROPERTIES}
    groups = {each.group for each in PROPERTIES}
    for name in wanted:
        if name not in known | groups | {"all"}:
            near = difflib.get_close_matches(name, known | groups, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ForgefieldError(
                f"there is no property {name!r}",
                f"{hint}choose from {', '.join(each.name for each in PROPERTIES)}, or a group: "
                f"{', '.join(sorted(groups))}, all",
            )
    return tuple(
        each for each in PROPERTIES if each.name in wanted or each.group in wanted or "all" in wanted
    )


def findings_quantities(finding: Finding | None) -> tuple[Quantity, ...]:
    """Numbers of a result; none where there is none."""
    return () if finding is None else finding.quantities
