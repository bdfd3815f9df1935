"""Results as JSON and back, exactly.

Python writes floats with the fewest digits that read back to the same number, so nothing is lost.
Numbers that are not finite become the strings ``nan``, ``inf`` and ``-inf``, which strict JSON allows.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, Union

import numpy as np

from forgefield.atoms.errors import ForgefieldError

Result = TypeVar("Result")


def to_dict(result: object) -> dict[str, Any]:
    """A result record as plain JSON values; arrays become nested lists."""
    if not dataclasses.is_dataclass(result) or isinstance(result, type):
        raise ForgefieldError(f"{type(result).__name__} is not a result record", "give a property's result")
    return {field.name: _encode(getattr(result, field.name)) for field in dataclasses.fields(result)}


def from_dict(kind: type[Result], data: Mapping[str, Any]) -> Result:
    """The record of class ``kind`` that :func:`to_dict` wrote.

    A missing field whose default is empty came into the class later; the record then has the default.

    Raises:
        ForgefieldError: another field is missing, or one is unknown, as in a file of another version.
    """
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    names = {field.name for field in fields}
    later = {field.name for field in fields if field.default == ()}
    if not names - later <= set(data) <= names:
        raise ForgefieldError(
            f"stored {kind.__name__} has fields {sorted(data)}, not {sorted(names)}",
            "the file is of another version or damaged: compute this property again",
        )
    return kind(**{name: _decode(hints[name], value) for name, value in data.items()})


def to_json(result: object) -> str:
    """:func:`to_dict` as strict JSON text."""
    return json.dumps(to_dict(result), allow_nan=False)


def from_json(kind: type[Result], text: str) -> Result:
    """The record of class ``kind`` that :func:`to_json` wrote."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ForgefieldError(
            f"stored {kind.__name__} is not JSON ({error})",
            "the file is damaged: compute this property again",
        ) from error
    return from_dict(kind, data)


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, np.ndarray):
        return _encode(value.tolist())
    if isinstance(value, (tuple, list)):
        return [_encode(item) for item in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, (np.bool_, np.integer)):
        return value.item()
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    if isinstance(value, int):
        return value
    raise ForgefieldError(
        f"a value of type {type(value).__name__} has no JSON form", "use a record's own fields"
    )


def _decode(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (hint,) = [argument for argument in arguments if argument is not type(None)]
        return _decode(hint, value)
    if origin is np.ndarray:
        return np.array(value, dtype=typing.get_args(arguments[1])[0])
    if origin is tuple:
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_decode(kind, item) for kind, item in zip(kinds, value, strict=True))
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value)
    return hint(value)
