"""YAML text with the line of every key.

Scalars follow the core schema of YAML 1.2, where `No` is nobelium, `1:30` is text and `1e-3` is a number,
and not YAML 1.1, which reads them as false, ninety and text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from forgefield.app.problems import InputError, KeyPath, Problem, dotted

_MOST_VALUES = 20_000
_PREFIX = "tag:yaml.org,2002:"
_SYNTAX = (
    (
        "mapping values are not allowed",
        "there is a second key or ': ' where a value ends",
        "check the indentation of this line and the one above; put text that contains ': ' in quotes",
    ),
    (
        "could not find expected ':'",
        "there is no key with a colon",
        "write `key: value`, with a space after the colon",
    ),
    ("undefined alias", "", "define it first with &, or put text that begins with * in quotes"),
    ("another document", "a second document begins", "keep one, and remove the line ---"),
    (
        "expected <block end>",
        "the indentation matches no line above, or an entry is of another kind than those above",
        "indent all keys of a group alike",
    ),
    ("expected ',' or", "", "close every bracket, and put commas between items"),
    ("expected the node content", "a value is missing or a bracket is wrong", "close every bracket"),
    ("end of stream", "quotes are opened and not closed", "close the quotes"),
    ("cannot start any token", "", "put the value in quotes"),
)


class _CoreLoader(yaml.SafeLoader):
    """Recognises the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own interface)


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _CoreLoader.add_implicit_resolver(_PREFIX + _name, re.compile(rf"^(?:{_pattern})$"), _first)

_SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": lambda text: int(text, 0) if text[:2] in ("0o", "0x") else int(text),
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "str": str,
}


@dataclass(frozen=True)
class Source:
    """An input file as read.

    Attributes:
        name: of the file.
        data: its content as plain values.
        lines: line (from 1) of each key and of each list item.
        problems: what was already found wrong: duplicate keys, numbers that are not finite.
    """

    name: str
    data: dict[str, Any]
    lines: Mapping[KeyPath, int]
    problems: tuple[Problem, ...]

    def line(self, path: KeyPath) -> int | None:
        """Line of a key, or of the nearest group around it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def value(self, path: KeyPath) -> Any:
        """Value of a key; None if it is not in the file."""
        found: Any = self.data
        for part in path:
            if isinstance(found, dict):
                found = found.get(part)
            elif isinstance(found, list) and isinstance(part, int) and part < len(found):
                found = found[part]
            else:
                return None
        return found


def read_yaml(text: str, name: str) -> Source:
    """Parse YAML and remember where everything is.

    Raises:
        InputError: no valid YAML, nothing in it, or something else than `key: value` lines at the top.
    """
    try:
        root = yaml.compose(text, Loader=_CoreLoader)
    except yaml.YAMLError as error:
        raise InputError(name, [_syntax_problem(error, text)]) from error
    except RecursionError as error:
        problem = Problem(None, "", "", "the brackets are nested too deeply", "close the brackets")
        raise InputError(name, [problem]) from error
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == _PREFIX + "null"):
        problem = Problem(None, "", "", "the file is empty", "write one with: forgefield init --species Si")
        raise InputError(name, [problem])
    if not isinstance(root, yaml.MappingNode):
        kind = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
        line = root.start_mark.line + 1
        remedy = "write groups such as system: and targets: at the left margin (forgefield init shows how)"
        raise InputError(name, [Problem(line, "", "", f"the file holds {kind}, not settings", remedy)])
    reader = _Reader(name)
    data = reader.read(root, ())
    return Source(name, data, reader.lines, tuple(reader.problems))


class _Reader:
    """Turns nodes into values and collects lines and problems."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self.open: set[int] = set()
        self.count = 0

    def read(self, node: yaml.Node, path: KeyPath) -> Any:
        self.count += 1
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if self.count > _MOST_VALUES:
            cause = f"the file has more than {_MOST_VALUES} values, aliases counted each time"
            raise InputError(
                self.name, [Problem(node.start_mark.line + 1, dotted(path), "", cause, "shorten it")]
            )
        if id(node) in self.open:
            self._report(node, path, "", "an alias stands inside of what it repeats", "write the values out")
            return None
        self.open.add(id(node))
        value = (
            self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        )
        self.open.discard(id(node))
        return value

    def _sequence(self, node: yaml.Node, path: KeyPath) -> list[Any]:
        for index, child in enumerate(node.value):
            self.lines[(*path, index)] = child.start_mark.line + 1
        return [self.read(child, (*path, index)) for index, child in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        own: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _PREFIX + "merge":
                merged = self.read(value_node, path)
                for each in merged if isinstance(merged, list) else [merged]:
                    found = {**each, **found} if isinstance(each, dict) else found
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._report(
                    key_node, path, "", "a key is a list or a group", "write a plain word before the colon"
                )
                continue
            key = key_node.value
            if key in own:
                self.problems.append(
                    Problem(
                        line,
                        dotted((*path, key)),
                        "",
                        f"this key was given already in line {own[key]}",
                        "keep one of the two",
                    )
                )
                continue
            own[key] = line
            self.lines[(*path, key)] = line
            found[key] = self.read(value_node, (*path, key))
            self.lines[(*path, key)] = line
        return found

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        kind = node.tag.removeprefix(_PREFIX)
        if kind not in _SCALARS:
            tag = node.tag.replace(_PREFIX, "!!")
            self._report(node, path, node.value, f"the tag {tag} has no meaning here", "remove the tag")
            return None
        try:
            value = _SCALARS[kind](node.value)
        except ValueError:
            self._report(
                node, path, node.value[:20], "this is not a number that can be read", "write it in digits"
            )
            return None
        if isinstance(value, float) and not math.isfinite(value):
            remedy = "write a number; where null is allowed, null means no limit"
            self._report(node, path, node.value, "this is not a finite number", remedy)
        return value

    def _report(self, node: yaml.Node, path: KeyPath, value: str, cause: str, remedy: str) -> None:
        self.problems.append(Problem(node.start_mark.line + 1, dotted(path), value, cause, remedy))


def _syntax_problem(error: yaml.YAMLError, text: str) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError):
        position = getattr(error, "position", 0)
        cause = "there is a control character in the text"
        return Problem(
            text[:position].count("\n") + 1,
            "",
            "",
            cause,
            "delete it, or write the file anew with: forgefield init",
        )
    # What is never closed is best found where it begins.
    begun = error.context in ("while scanning a simple key", "while scanning a quoted scalar")
    mark = error.context_mark if begun else error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    what = error.problem or "this is no valid YAML"
    content = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    if "\\t" in what or content[: len(content) - len(content.lstrip())].count("\t"):
        return Problem(line, "", "", "a tab is used for indentation", "indent with spaces")
    cause, remedy = _in_plain_words(what)
    return Problem(line, "", content.strip()[:60], cause, remedy)


def _in_plain_words(what: str) -> tuple[str, str]:
    """Cause and remedy for what PyYAML says."""
    for part, cause, remedy in _SYNTAX:
        if part in what:
            return cause or what, remedy
    return what, "check indentation, brackets and quotes here and in the line above"
