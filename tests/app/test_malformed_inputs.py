"""Every malformed input gets a message with line, key, cause and remedy, and never a traceback."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .malformed_inputs import BAD, SI, Bad


@pytest.mark.parametrize("bad", BAD, ids=[each.name for each in BAD])
def test_malformed_input_is_explained(bad: Bad, tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(bad.text if isinstance(bad.text, bytes) else bad.text.encode())
    result = forgefield("validate-input", path)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    assert "bad.yaml" in result.stderr
    message = result.stderr
    if bad.line is not None:
        assert f"line {bad.line}: {bad.key}" in message
    for word in bad.words:
        assert word in message, message
    for jargon in ("pydantic", "Input should", "Value error", "tuple", "dictionary", "model_type", "<block"):
        assert jargon not in message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.yaml", ("there is no such file", "forgefield init")),
        (".", ("this is a folder", "name the YAML file")),
    ],
)
def test_path_that_is_no_file(
    name: str, words: tuple[str, ...], tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    result = forgefield("run", tmp_path / name)
    assert result.exit_code == 2
    for word in words:
        assert word in result.stderr


def test_file_too_large_for_an_input(tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    path = tmp_path / "data.xyz"
    path.write_text("x" * 1_000_001)
    result = forgefield("validate-input", path)
    assert result.exit_code == 2
    assert "1000001 bytes are too many" in result.stderr


def test_alias_bomb_is_refused(tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]" for i in range(1, 9)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    result = forgefield("validate-input", path)
    assert result.exit_code == 2
    assert "more than 20000 values" in result.stderr


def test_deep_nesting_is_refused(tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text("[" * 5000)
    result = forgefield("validate-input", path)
    assert result.exit_code == 2
    assert "nested too deeply" in result.stderr


def test_all_problems_are_reported_together(tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    path = tmp_path / "many.yaml"
    path.write_text("system: {element: Sx}\ncycels: {max: 3}\nseed: -1\nbudget: {hours: .inf}\nseed: 2\n")
    result = forgefield("validate-input", path)
    assert result.exit_code == 2
    assert "5 problems in" in result.stderr
    lines = [line.strip() for line in result.stderr.splitlines()[1:]]
    assert [line.partition(":")[0] for line in lines] == [f"line {number}" for number in range(1, 6)]


def test_installed_command_prints_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("system: {element: Sx}\n")
    done = subprocess.run(
        [sys.executable, "-m", "forgefield", "run", "bad.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: bad.yaml, line 1: system.element — 'Sx' is not a chemical element")
    assert "Traceback" not in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["bad.yaml"]


@pytest.mark.parametrize("url", ["postgresql://me:hush@host/name", "postgresql://host/name?password=hush"])
def test_passwords_are_not_repeated(url: str, tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    (tmp_path / "si.yaml").write_text(SI + f'dataset: {{url: "{url}"}}\n')
    result = forgefield("validate-input", tmp_path / "si.yaml")
    assert result.exit_code == 2
    assert "a password does not belong here" in result.stderr
    assert "hush" not in result.output + result.stderr
