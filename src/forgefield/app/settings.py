"""What may stand in an input: every key with its kind, default and meaning, read off the specs."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union

import annotated_types
from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from forgefield.app.problems import KeyPath, as_written
from forgefield.workflow.spec import RunSpec

_PLAIN = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "file"}
_PLURAL = ("number", "file", "text")
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of the input.

    Attributes:
        key: dotted, such as ``reference.k_spacing``.
        kind: what it takes, in plain words.
        default: as written in YAML; ``required`` where there is none; "" for a group.
        description: what it means.
        is_group: whether further keys stand under it.
    """

    key: str
    kind: str
    default: str
    description: str
    is_group: bool


@cache
def all_settings() -> tuple[Setting, ...]:
    """Every key of the input, groups before what is in them."""
    return tuple(_settings(RunSpec, ""))


def keys_of(group: type[BaseModel]) -> tuple[str, ...]:
    """Names of the keys in a group, as users write them."""
    return tuple(field.alias or name for name, field in group.model_fields.items())


def group_at(path: KeyPath) -> type[BaseModel] | None:
    """The spec that holds the keys under a path; None if there are none."""
    group: type[BaseModel] | None = RunSpec
    for part in path:
        if isinstance(part, str):
            field = _field_named(part, group)
            group = _group_in(field.annotation) if field is not None else None
    return group


def _field_named(key: str, group: type[BaseModel] | None) -> FieldInfo | None:
    return dict(zip(keys_of(group), group.model_fields.values(), strict=True)).get(key) if group else None


def field_at(path: KeyPath) -> FieldInfo | None:
    """The field that a path names, ignoring positions in lists at its end; None if there is none."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return _field_named(str(path[-1]), group_at(path[:-1])) if path else None


def default_of(field: FieldInfo) -> str:
    """A field's default as written in YAML; ``required`` where there is none."""
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "required"
    return default if isinstance(default, str) else as_written(plain(default))


def plain(value: Any) -> Any:
    """A setting's value as YAML knows it: lists for tuples, text for paths, groups as mappings."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return str(value) if isinstance(value, Path) else value


def accepts(field: FieldInfo, kind: type) -> bool:
    """Whether values of a Python type are among what a field takes (any JSON value takes all)."""
    return any(each is kind or each is JsonValue for each in _leaves(field.annotation))


def kind_of(annotation: Any, metadata: tuple[Any, ...] | list[Any] = ()) -> str:
    """What a type takes, in plain words with its range."""
    annotation, inner = _unwrapped(annotation)
    bounds = _bounds([*inner, *metadata])
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _PLAIN:
        return f"{_PLAIN[annotation]} {bounds}".strip()
    if annotation is type(None):
        return "null"
    if origin is Literal:
        return " or ".join(str(choice) for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(kind_of(each, metadata) for each in arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        first, _, rest = kind_of(arguments[0]).partition(" or ")
        plural = next((f"{first.replace(word, word + 's')}" for word in _PLURAL if word in first), first)
        return f"list of {plural}" + (f" or {rest}" if rest else "")
    if origin is tuple:
        return "[" + ", ".join(kind_of(each) for each in arguments) + "]"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "settings"
    return "settings of the calculator" if origin is dict else "value"


def nearest_keys(name: str, path: KeyPath) -> str:
    """What to write instead of an unknown key of a group, as advice.

    A key of that very name elsewhere comes first, then a similar one in the group, then one elsewhere.
    """
    if ":" in name:
        return "put a space after the colon"
    group = group_at(path)
    siblings = keys_of(group) if group is not None else ()
    here = difflib.get_close_matches(name.lower(), siblings, 1, 0.6)
    elsewhere = [setting.key for setting in all_settings() if setting.key.rpartition(".")[2] == name]
    if here and difflib.SequenceMatcher(None, name.lower(), here[0]).ratio() > 0.8:
        return f"did you mean {here[0]}?"
    if elsewhere:
        return f"did you mean {' or '.join(elsewhere[:3])}?"
    if here:
        return f"did you mean {here[0]}?"
    known = {setting.key.rpartition(".")[2]: setting.key for setting in all_settings()}
    far = difflib.get_close_matches(name.lower(), known, 1, 0.8)
    if far:
        return f"did you mean {known[far[0]]}?"
    return f"known keys here: {', '.join(siblings)}"


def _settings(group: type[BaseModel], prefix: str) -> Iterator[Setting]:
    for name, field in group.model_fields.items():
        key = f"{prefix}{name}"
        inner = _group_in(field.annotation)
        description = " ".join((field.description or "").split()).strip()
        kind = kind_of(field.annotation, field.metadata)
        is_group = inner is not None and not kind.startswith("list")
        yield Setting(key, kind, "" if is_group else default_of(field), description, is_group)
        if inner is not None and is_group:
            yield from _settings(inner, f"{key}.")


def _group_in(annotation: Any) -> type[BaseModel] | None:
    """The spec in ``Spec`` or ``Spec | None``."""
    for each in typing.get_args(annotation) or (annotation,):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _leaves(annotation: Any) -> Iterator[Any]:
    annotation, _ = _unwrapped(annotation)
    arguments = [each for each in typing.get_args(annotation) if each is not Ellipsis]
    if typing.get_origin(annotation) is Literal or not arguments:
        yield annotation
        return
    for each in arguments:
        yield from _leaves(each)


def _unwrapped(annotation: Any) -> tuple[Any, list[Any]]:
    """A type without ``Annotated`` and alias, and the metadata that was in them."""
    metadata: list[Any] = []
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation, *more = typing.get_args(annotation)
            for each in more:
                metadata += each.metadata if isinstance(each, FieldInfo) else [each]
        elif annotation is not JsonValue and hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        else:
            return annotation, metadata


def _bounds(metadata: list[Any]) -> str:
    words = []
    for each in metadata:
        for name, sign in _BOUNDS.items():
            limit = getattr(each, name, None)
            if limit is not None and isinstance(each, annotated_types.BaseMetadata):
                words.append(f"{sign} {limit:g}" if isinstance(limit, float) else f"{sign} {limit}")
    return " and ".join(words)
