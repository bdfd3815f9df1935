"""From pydantic's error reports to plain words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ase.data import atomic_names, chemical_symbols
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from forgefield.app.problems import KeyPath, Problem, as_written, dotted
from forgefield.app.settings import accepts, default_of, field_at, group_at, keys_of, kind_of, nearest_keys
from forgefield.app.yaml_source import Source

_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "path": "a file name",
    "dict": "a group of settings",
    "model": "a group of settings",
}
_LIMITS = {
    "greater_than": ("gt", "must be above"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be below"),
    "less_than_equal": ("le", "must be at most"),
}
_NO_SPACE = re.compile(r"^\w+:\S")


@dataclass(frozen=True)
class _Finding:
    """One report of pydantic, located in the file.

    Attributes:
        path: where the value is.
        union: path of the value that may be of several kinds, if the report is about one of these kinds.
        details: the report.
    """

    path: KeyPath
    union: KeyPath | None
    details: ErrorDetails


def explain(errors: Sequence[ErrorDetails], source: Source) -> list[Problem]:
    """Problems behind the reports of a failed validation, in the order of the file."""
    findings = [_locate(each, source) for each in errors]
    problems = []
    for index, finding in enumerate(findings):
        others = findings[:index] + findings[index + 1 :]
        if _is_echo(finding, others) or (finding.union is not None and _is_weaker(finding, others)):
            continue
        alternatives = [each for each in others if each.union is not None and each.union == finding.union]
        if finding.union is not None and finding.path == finding.union and alternatives:
            if index < findings.index(alternatives[0]):
                problems.append(_neither(finding, alternatives, source))
            continue
        problems.append(_problem(finding, source))
    return problems


def misplaced_booleans(source: Source) -> list[Problem]:
    """Values true and false where pydantic would take them for the numbers 1 and 0."""
    problems = []
    for path in source.lines:
        value, field = source.value(path), field_at(path)
        if isinstance(value, bool) and field is not None and not accepts(field, bool):
            remedy = _remedy(field_at(path), path)
            problems.append(
                Problem(source.line(path), dotted(path), as_written(value), "this is no number", remedy)
            )
    return problems


def pinpoint(message: str, path: KeyPath, source: Source) -> KeyPath:
    """The value that a message about a whole group or list is about: one that it names."""
    value = source.value(path)
    if isinstance(value, dict):
        for word in re.findall(r"\w+(?:\.\w+)*", message):
            words = tuple(word.split("."))
            for inner in ((*path, *words), words):
                if inner in source.lines and inner != path:
                    return inner
    if isinstance(value, list):
        for index, each in enumerate(value):
            if repr(each) in message:
                return (*path, index)
    return path


def nearest_element(text: str) -> str:
    """Advice on a word that is no chemical symbol; "" if nothing resembles it."""
    names = {
        name.lower(): symbol for name, symbol in zip(atomic_names[1:], chemical_symbols[1:], strict=True)
    }
    names |= {symbol.lower(): symbol for symbol in chemical_symbols[1:]}
    word = text.strip().lower()
    if word in names:
        return f"did you mean {names[word]}?"
    near = [names[each] for each in difflib.get_close_matches(word, names, 8, 0.5)]
    near = sorted(near, key=lambda symbol: symbol[0].lower() != word[0])[:4]
    return f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""


def _locate(details: ErrorDetails, source: Source) -> _Finding:
    """Follow pydantic's location through the file; what is not in the file names a kind of a union."""
    value: Any = source.data
    path: KeyPath = ()
    union: KeyPath | None = None
    location = details["loc"]
    for depth, part in enumerate(location):
        last = depth == len(location) - 1
        if isinstance(value, dict) and isinstance(part, str) and (part in value or _is_key(path, part)):
            path, value = (*path, part), value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and (part < len(value) or last):
            path, value = (*path, part), value[part] if part < len(value) else None
        elif union is None:
            union = path
    if details["type"] == "value_error":
        path = pinpoint(_message(details), path, source)
        union = None
    return _Finding(path, union, details)


def _is_key(path: KeyPath, part: str) -> bool:
    group = group_at(path)
    return group is not None and part in group.model_fields


def _is_echo(finding: _Finding, others: Sequence[_Finding]) -> bool:
    """pydantic calls a list too short when its items were refused."""
    count = len(finding.path)
    return finding.details["type"] == "too_short" and any(
        each.path[:count] == finding.path and len(each.path) > count for each in others
    )


def _is_weaker(finding: _Finding, others: Sequence[_Finding]) -> bool:
    """Another report about the same value goes deeper, so its kind was the one that was meant."""
    return any(each.union == finding.union and len(each.path) > len(finding.path) for each in others)


def _neither(finding: _Finding, others: Sequence[_Finding], source: Source) -> Problem:
    wanted = " nor ".join(dict.fromkeys(_expected(each.details) for each in (finding, *others)))
    cause = f"this is neither {wanted}"
    value = source.value(finding.path)
    listed = f"write [{value}], or " if "a list" in wanted and isinstance(value, str | int | float) else ""
    return _at(finding.path, cause, listed + _remedy(field_at(finding.path), finding.path), source)


def _problem(finding: _Finding, source: Source) -> Problem:
    path, details = finding.path, finding.details
    kind, context, value = details["type"], details.get("ctx", {}), source.value(path)
    remedy = _remedy(field_at(path), path)
    if kind == "extra_forbidden":
        return Problem(
            source.line(path),
            dotted(path),
            "",
            "this key is not known",
            nearest_keys(str(path[-1]), path[:-1]),
        )
    if kind == "missing":
        return _missing(path, source)
    if kind == "value_error":
        cause, _, advice = _message(details).partition("; ")
        if "chemical element" in cause or (path[:1] == ("system",) and "cannot be read" in cause):
            advice = f"{nearest_element(str(value))} {advice}".strip()
        compared = isinstance(details["input"], dict) and path not in ((), details["loc"])
        return _at(path, cause, advice or ("change one of the two" if compared else remedy), source)
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return _at(path, f"this {words} {context[name]:g}", remedy, source)
    if kind in ("too_short", "too_long"):
        count = context.get("min_length", context.get("max_length"))
        word = "least" if kind == "too_short" else "most"
        return _at(
            path, f"the list must have at {word} {count} item{'s' if count != 1 else ''}", remedy, source
        )
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        near = difflib.get_close_matches(str(value), choices, 1, 0.5)
        advice = f"did you mean {near[0]}? " if near else ""
        return _at(path, "this is not among the choices", f"{advice}choose {' or '.join(choices)}", source)
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return _at(path, "this is not a group of settings", _group_remedy(value, path), source)
    if kind in ("tuple_type", "list_type") and value is not None and not isinstance(value, dict):
        return _at(path, "this is not a list", f"write [{value}]", source)
    if kind.startswith("string") and isinstance(value, int | float):
        return _at(path, "this is a number where text is expected", remedy, source)
    return _at(path, f"this is not {_expected(details)}", remedy, source)


def _expected(details: ErrorDetails) -> str:
    if details["type"] == "literal_error":
        return str(details.get("ctx", {})["expected"]).replace("'", "")
    family = details["type"].partition("_")[0]
    # Kinds of report that no setting gives today keep pydantic's words.
    return _EXPECTED.get(family, details["msg"].removeprefix("Input should be ").lower())


def _missing(path: KeyPath, source: Source) -> Problem:
    if path == ("system",):
        return Problem(1, "system", "", "this group is missing", "add it:  system: {species: [Si]}")
    parent = path[:-1]
    if isinstance(path[-1], int):
        field = field_at(path)
        wanted = kind_of(field.annotation) if field is not None else "more items"
        cause = f"the list ends after {len(source.value(parent))} of its items"
        return _at(parent, cause, f"write {wanted}", source)
    return Problem(source.line(parent), dotted(path), "", "this key is missing", "add it")


def _group_remedy(value: Any, path: KeyPath) -> str:
    if isinstance(value, str) and _NO_SPACE.match(value):
        return "put a space after the colon"
    group = group_at(path)
    known = f"; known keys are {', '.join(keys_of(group))}" if group is not None else ""
    if value is None:
        return f"indent the keys that belong to it, or remove it to have the defaults{known}"
    return f"write indented `key: value` lines below it{known}"


def _remedy(field: FieldInfo | None, path: KeyPath) -> str:
    if field is None:
        return "correct it"
    if path[:2] == ("system", "species"):
        return "write a list of elements such as [Si] or [Ti4+, O2-]"
    if path == ("system", "element"):
        return "write a chemical symbol such as Si"
    if path == ("system", "formula"):
        return "write a chemical formula such as TiO2"
    default = default_of(field)
    known = "" if default in ("required", "null") else f" (the default is {default})"
    return f"write {_article(kind_of(field.annotation, field.metadata))}{known}"


def _article(kind: str) -> str:
    return f"a {kind}" if kind.startswith(("whole", "number", "list", "file")) else kind


def _at(path: KeyPath, cause: str, remedy: str, source: Source) -> Problem:
    value = source.value(path)
    shown = "" if isinstance(value, dict) else as_written(value)
    return Problem(source.line(path), dotted(path), shown, cause, remedy)


def _message(details: ErrorDetails) -> str:
    return str(details.get("ctx", {}).get("error", details["msg"]))
