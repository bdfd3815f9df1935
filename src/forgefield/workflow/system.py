"""Which chemical system a run is about."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from ase.data import atomic_numbers
from ase.formula import Formula
from pydantic import Field, field_validator, model_validator

from forgefield.atoms.spec import Spec

_SPECIES = re.compile(r"^([A-Z][a-z]?)(\d*)([+-]?)$")


class Species(Spec):
    """An element and, where it is given, its oxidation state."""

    element: str
    oxidation_state: int | None = None

    def __str__(self) -> str:
        state = self.oxidation_state
        return self.element if not state else f"{self.element}{abs(state)}{'+' if state > 0 else '-'}"

    @field_validator("element")
    @classmethod
    def _is_an_element(cls, symbol: str) -> str:
        if atomic_numbers.get(symbol, 0) == 0:
            raise ValueError(f"{symbol!r} is not a chemical element; give a symbol such as Si or Ti4+")
        return symbol


class SystemSpec(Spec):
    """The system: exactly one of `element`, `species`, `formula` or `id`."""

    element: str | None = None
    """One chemical element, such as Si."""
    species: tuple[Species, ...] | None = Field(default=None, min_length=1)
    """Elements, with oxidation states where they matter: `[Si]`, `[Ti4+, O2-]` or `[[In, 3], [Se, -2]]`."""
    formula: str | None = None
    """Chemical formula, such as TiO2; oxidation states are guessed, and crystals of other formulas are left out."""
    id: str | None = None
    """Identifier in a database, such as `mp-2657` of the Materials Project or `cod:1010942`: its elements in its
    oxidation states are the system. With `species` beside it, those are taken instead."""
    fixed_stoichiometry: bool = False
    """Leave out crystals of other formulas: than that of `id`, or than the simplest neutral one of `species`."""

    @field_validator("species", mode="before", json_schema_input_type=list[str | tuple[str, int] | Species])
    @classmethod
    def _read_species(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError(f"species {value!r} is not a list; write [{value}]")
        return [_read_one(each) for each in value] if isinstance(value, list | tuple) else value

    @field_validator("element")
    @classmethod
    def _element_is_known(cls, value: str | None) -> str | None:
        return value if value is None else Species(element=value).element

    @field_validator("formula")
    @classmethod
    def _formula_is_readable(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                counts = Formula(value).count()
            except ValueError:
                raise ValueError(f"formula {value!r} cannot be read; write it like TiO2 or CuInSe2") from None
            for symbol in counts:
                Species(element=symbol)
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> SystemSpec:
        names = ("element", "species", "formula", "id")
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1 and given != ["species", "id"]:
            what = " and ".join(given) or "nothing"
            raise ValueError(
                f"the system is given by {what}; give exactly one of element, species, formula or id"
            )
        return self

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Sorted chemical symbols; none of an `id` that was not looked up yet."""
        if self.element is not None:
            return (self.element,)
        if self.formula is not None:
            return tuple(sorted(Formula(self.formula).count()))
        return tuple(sorted({each.element for each in self.species or ()}))


def _read_one(value: Any) -> Any:
    if isinstance(value, str):
        match = _SPECIES.match(value.strip())
        if match is None:
            raise ValueError(f"species {value!r} cannot be read; write Si, Ti4+ or O2-")
        symbol, digits, sign = match.groups()
        if digits and not sign:
            raise ValueError(
                f"species {value!r} has a number but no sign; write {symbol}{digits}+ or {symbol}{digits}-"
            )
        state = int(digits or 1) * (1 if sign == "+" else -1) if sign else None
        return {"element": symbol, "oxidation_state": state}
    if isinstance(value, list | tuple) and len(value) == 2:
        return {"element": value[0], "oxidation_state": value[1]}
    return value
