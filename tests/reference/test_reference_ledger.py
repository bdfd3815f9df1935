import json

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Failure, Labels
from forgefield.reference.ledger import Ledger, StepTotals

LABELS = Labels(-1.0, np.zeros((2, 3)), None, "recipe", "emt 1", seconds=2.5, attempts=2)
FAILURE = Failure('SCF "bad" = {0: [1]}, ü\nno', "not-converged", "recipe", seconds=4.0, attempts=3)


def test_ledger_counts_by_step(tmp_path):
    ledger = Ledger(tmp_path / "run" / "ledger.jsonl")
    assert ledger.entries() == []
    assert ledger.totals() == {}
    entry = ledger.record("a", "initial", "prototype", LABELS)
    ledger.record("b", "initial", "rattle", FAILURE)
    ledger.record("c", "cycle-01", "nvt", LABELS)
    assert ledger.totals() == {"initial": StepTotals(2, 1, 6.5), "cycle-01": StepTotals(1, 0, 2.5)}
    assert Ledger(ledger.path).entries()[0] == entry
    assert (entry.kind, entry.engine, entry.attempts) == ("converged", "emt 1", 2)
    assert entry.time.endswith("+00:00")


def test_ledger_failure_ends_when_the_structure_converges(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.record("a", "initial", "rattle", FAILURE)
    assert ledger.failures()["a"].reason == FAILURE.reason
    assert ledger.failures("another recipe") == {}
    ledger.record("a", "initial", "rattle", LABELS)
    assert ledger.failures() == {}


def test_ledger_keeps_failed_structures_with_the_reason(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    atoms = bulk("Si")
    key = structure_key(atoms)
    ledger.record(key, "initial", "rattle", FAILURE, atoms)
    ledger.record("b", "initial", "rattle", LABELS, atoms)
    assert [path.name for path in ledger.quarantine.iterdir()] == [f"{key}.extxyz"]
    kept = read(ledger.quarantine / f"{key}.extxyz")
    assert structure_key(kept) == key
    assert kept.info["kind"] == "not-converged"
    assert kept.info["reason"].startswith("SCF 'bad' = {0: [1]}, ü")


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_ledger_survives_a_torn_last_line(tmp_path, cut):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for key in "abc":
        ledger.record(key, "initial", "rattle", LABELS)
    content = ledger.path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    ledger.path.write_bytes(content[: last + cut])
    again = Ledger(ledger.path)
    assert [entry.key for entry in again.entries()] == ["a", "b"]
    again.record("d", "initial", "rattle", LABELS)
    assert [entry.key for entry in again.entries()] == ["a", "b", "d"]
    for line in ledger.path.read_text().splitlines():
        json.loads(line)


def test_ledger_keeps_a_whole_last_line_without_line_break(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.record("a", "initial", "rattle", LABELS)
    ledger.path.write_bytes(ledger.path.read_bytes().rstrip(b"\n"))
    again = Ledger(ledger.path)
    again.record("b", "initial", "rattle", LABELS)
    assert [entry.key for entry in again.entries()] == ["a", "b"]


def test_ledger_names_a_damaged_line(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.record("a", "initial", "rattle", LABELS)
    ledger.path.write_text("not json\n" + ledger.path.read_text())
    with pytest.raises(ForgefieldError, match=r"line 1 of .* is no ledger entry; restore the file"):
        ledger.entries()
