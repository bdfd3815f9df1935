"""A run whose labels are on a server brings the same as one with a file, and its address tells no secret."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from forgefield.dataset.spec import DatasetSpec
from forgefield.report.build import build_report
from forgefield.workflow.folder import RunFolder
from forgefield.workflow.loop import run

from .conftest import contents, ledger_keys, tiny, verdict


def test_a_run_on_a_server_is_the_run_with_a_file(postgres: str, tmp_path: Path) -> None:
    run(tiny(cycles={"max": 1}), tmp_path / "file")
    outcome = run(tiny(cycles={"max": 1}, dataset={"url": postgres}), tmp_path / "server")
    assert not RunFolder(tmp_path / "server").dataset.exists()
    assert contents(tmp_path / "server") == contents(tmp_path / "file")
    assert verdict(tmp_path / "server") == verdict(tmp_path / "file")
    assert outcome.calculations == len(contents(tmp_path / "file"))
    build_report(tmp_path / "server")
    run(tiny(cycles={"max": 1}, dataset={"url": postgres}), tmp_path / "sharing")
    assert ledger_keys(tmp_path / "sharing") == [], "what another run computed is not computed again"
    assert contents(tmp_path / "sharing") == contents(tmp_path / "file")


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:secret@host/name", "postgresql://host/name?password=secret", "sqlite:///secret.db"],
)
def test_passwords_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError, match=r"password does not belong here|not the address") as error:
        DatasetSpec(url=url)
    assert "secret" not in str(error.value)
