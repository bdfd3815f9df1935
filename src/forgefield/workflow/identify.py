"""From what the user named to elements, oxidation states and formulas."""

from __future__ import annotations

from pathlib import Path

from ase.formula import Formula

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.charge_balance import BalancedFormula, balanced_formulas
from forgefield.structures.compound import Compound
from forgefield.structures.database_id import crystal_by_id, ions_of
from forgefield.structures.ions import Ion, listed
from forgefield.structures.oxidation_states import ions_of_formula
from forgefield.workflow.spec import RunSpec
from forgefield.workflow.system import Species


def identified(spec: RunSpec, cache: Path) -> RunSpec:
    """The settings with the species of a database's entry, if the system is given by one.

    Args:
        spec: settings.
        cache: folder for answers of databases.

    Raises:
        ForgefieldError: the entry is not known, cannot be read, is disordered, or has no clear oxidation states; or
            the database cannot be reached.
    """
    system = spec.system
    if system.id is None or system.species is not None:
        return spec
    try:
        ions = ions_of(crystal_by_id(system.id, cache))
    except ForgefieldError as error:
        instead = "or give system.species with oxidation states instead of the id"
        raise ForgefieldError(
            f"system.id {system.id}: {error.problem}", f"{error.remedy}; {instead}"
        ) from error
    species = tuple(Species(element=ion.element, oxidation_state=ion.charge or None) for ion in ions)
    return spec.model_copy(update={"system": system.model_copy(update={"species": species})})


def wanted_compound(spec: RunSpec, cache: Path) -> Compound | None:
    """The ions and formulas that a run is about; None for an element.

    Raises:
        ForgefieldError: ions that do not exist or are never neutral together.
    """
    system = spec.system
    if len(system.symbols) == 1:
        return None
    if system.formula is not None:
        counts = Formula(system.formula).count()
        ions = ions_of_formula(system.formula)
        formulas: tuple[BalancedFormula, ...] = (_formula(ions, counts),)
        return Compound(ions, formulas, exactly=True)
    ions = tuple(Ion(each.element, each.oxidation_state or 0) for each in system.species or ())
    formulas = balanced_formulas(ions, spec.structures.crystals.max_formula_atoms)
    crystal = None if system.id is None else crystal_by_id(system.id, cache)
    if system.fixed_stoichiometry and crystal is not None:
        formulas = (_formula(ions, crystal.atoms.symbols.formula.count()),)
    elif system.fixed_stoichiometry:
        formulas = formulas[:1]
    return Compound(ions, formulas, system.fixed_stoichiometry, crystal)


def _formula(ions: tuple[Ion, ...], counts: dict[str, int]) -> BalancedFormula:
    reduced = Formula.from_dict(counts).reduce()[0].count()
    charge = sum(reduced[ion.element] * ion.charge for ion in ions)
    if charge:
        raise ForgefieldError(
            f"{Formula.from_dict(reduced)} of {listed(ions)} has the charge {charge:+d}",
            "correct the oxidation states, or give species alone",
        )
    return BalancedFormula(ions, tuple(int(reduced[ion.element]) for ion in ions))
