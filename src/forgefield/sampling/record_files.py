"""Nested records as one file, to the bit: NumPy arrays, and JSON for everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from forgefield.atoms.array_files import read_arrays

_DESCRIPTION = "description"
Stored = TypeVar("Stored")


def save_record(record: Any, file: Path) -> None:
    """Write a record so that it is there whole or not at all.

    Args:
        record: a dataclass of numbers, strings, arrays, tuples, mappings that JSON knows, and dataclasses.
        file: its folder is made if it is missing.
    """
    arrays: dict[str, Any] = {}
    arrays[_DESCRIPTION] = np.array(json.dumps(_packed(record, arrays)))
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    with partial.open("wb") as opened:
        np.savez(opened, **arrays)
    partial.replace(file)


def load_record(kind: type[Stored], file: Path, parts: Sequence[type]) -> Stored:
    """Read what `save_record` wrote.

    Args:
        kind: class of the record.
        file: to read.
        parts: classes of the records inside it.

    Raises:
        ForgefieldError: the file cannot be read.
        ValueError, KeyError, TypeError: it holds no such record.
    """
    arrays: dict[str, Any] = dict(read_arrays(file))
    records = {each.__name__: each for each in (kind, *parts)}
    record = _unpacked(json.loads(str(arrays.pop(_DESCRIPTION))), arrays, records)
    if not isinstance(record, kind):
        raise TypeError(f"it holds no {kind.__name__}")
    return record


def _packed(value: Any, arrays: dict[str, Any]) -> Any:
    """What JSON can hold of a value; its arrays go into ``arrays``."""
    if isinstance(value, np.ndarray):
        name = f"array-{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if is_dataclass(value):
        return {
            "record": type(value).__name__,
            "fields": {each.name: _packed(getattr(value, each.name), arrays) for each in fields(value)},
        }
    if isinstance(value, tuple):
        return [_packed(each, arrays) for each in value]
    if isinstance(value, Mapping):
        return {"mapping": dict(value)}
    return value


def _unpacked(value: Any, arrays: Mapping[str, Any], records: Mapping[str, type]) -> Any:
    if isinstance(value, list):
        return tuple(_unpacked(each, arrays, records) for each in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "mapping" in value:
        return value["mapping"]
    return records[value["record"]](
        **{name: _unpacked(each, arrays, records) for name, each in value["fields"].items()}
    )
