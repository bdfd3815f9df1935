"""The base of every part of the input: frozen, and deaf to unknown keys."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from forgefield.atoms.errors import ForgefieldError


class Spec(BaseModel):
    """A validated, immutable group of settings; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def settings_error(error: ValidationError, prefix: str, spec: type[Spec]) -> ForgefieldError:
    """The first thing that is wrong, in the settings' terms.

    Args:
        error: of the validation.
        prefix: what stands before its keys, such as ``potential.``.
        spec: what was validated.
    """
    first = error.errors()[0]
    key = prefix + ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        group: Any = spec
        for part in first["loc"][:-1]:
            annotation = group.model_fields[part].annotation
            group = next(
                (
                    each
                    for each in (annotation, *getattr(annotation, "__args__", ()))
                    if hasattr(each, "model_fields")
                ),
                group,
            )
        return ForgefieldError(
            f"settings: there is no key {key}", f"known keys here: {', '.join(group.model_fields)}"
        )
    reason, _, remedy = first["msg"].removeprefix("Value error, ").partition("; ")
    # A whole group says nothing about what in it is wrong.
    value = "" if isinstance(first["input"], dict) else f" = {first['input']!r}"
    return ForgefieldError(f"settings: {key}{value}: {reason}", remedy or "change the value")
