"""The input file: YAML in, a complete and checked :class:`RunSpec` out."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from forgefield.app.checks import check, relative_to
from forgefield.app.explain import explain, misplaced_booleans
from forgefield.app.problems import InputError, Problem
from forgefield.app.yaml_source import Source, read_yaml
from forgefield.workflow.spec import RunSpec

_LARGEST = 1_000_000


def read_input(path: Path | str) -> RunSpec:
    """Read and check an input file; structure files in it are looked up from its folder.

    Raises:
        InputError: everything that is wrong with it, each with line, key, value, cause and remedy.
    """
    path = Path(path)
    return parse_input(read_text(path), str(path), path.absolute().parent)


def parse_input(text: str, source: str = "input", folder: Path | None = None) -> RunSpec:
    """Read and check an input.

    Args:
        text: YAML.
        source: what to call it in errors.
        folder: where its relative paths start; the current folder by default.

    Raises:
        InputError: everything that is wrong with it.
    """
    content = read_yaml(text, source)
    spec, problems = _validate(content)
    if spec is not None and not problems:
        spec = relative_to(spec, folder or Path.cwd())
        problems = check(spec, content)
    if spec is None or problems:
        raise InputError(source, sorted(problems, key=lambda problem: problem.line or 0))
    return spec


def read_text(path: Path) -> str:
    """The text of an input file.

    Raises:
        InputError: no such file, a folder, unreadable, too large, or no text.
    """
    if path.is_dir():
        raise _unreadable(path, "this is a folder, not an input file", "name the YAML file in it")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        remedy = f"check the path, or write one with: forgefield init --species Si --output {path}"
        raise _unreadable(path, "there is no such file", remedy) from error
    except OSError as error:
        cause = f"the file cannot be read: {error.strerror}"
        raise _unreadable(path, cause, "check its permissions") from error
    if len(content) > _LARGEST:
        remedy = "name the YAML file; structures belong into structures.files"
        raise _unreadable(path, f"{len(content)} bytes are too many for an input", remedy)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem = Problem(line, "", "", "this is not text in UTF-8", "name a YAML file, and save it as UTF-8")
        raise InputError(str(path), [problem]) from error
    if "\0" in text:
        raise _unreadable(path, "this is a binary file, not text", "name a YAML file")
    return text


def _validate(source: Source) -> tuple[RunSpec | None, list[Problem]]:
    spec, problems = None, [*source.problems, *misplaced_booleans(source)]
    known = tuple(problems)
    try:
        spec = RunSpec.model_validate(source.data)
    except ValidationError as error:
        found = explain(error.errors(), source)
        problems += [each for each in found if not any(_explains(one, each) for one in known)]
    return spec, problems


def _explains(problem: Problem, other: Problem) -> bool:
    """Whether a problem is likely to be the cause of another: it is in the same value or inside of it."""
    same = problem.key == other.key and problem.line == other.line
    return bool(other.key) and (same or problem.key.startswith((f"{other.key}.", f"{other.key}[")))


def _unreadable(path: Path, cause: str, remedy: str) -> InputError:
    return InputError(str(path), [Problem(None, "", "", cause, remedy)])
