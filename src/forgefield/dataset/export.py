"""Labels for other programs, and back: extended XYZ with energy, forces, stress and where each label came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import extxyz_frame, from_info, iterate_structures, to_info, write_extxyz
from forgefield.atoms.identity import label_seal, structure_key
from forgefield.atoms.records import Labels
from forgefield.dataset.records import Record

_TEXTS = ("source", "trajectory", "parent", "step", "note")
_SEAL, _RECIPE = "seal", "recipe-"
_OF_LABELS = ("recipe", "engine", "seconds", "attempts")


def export_extxyz(records: Sequence[Record], path: Path | str) -> None:
    """Write records with their history on the comment line.

    Raises:
        ForgefieldError: the file cannot be written.
    """
    write_extxyz(path, [(_annotated(record), record.labels) for record in records])


def record_text(record: Record) -> str:
    """One record, as :func:`export_extxyz` writes it."""
    return extxyz_frame(_annotated(record), record.labels)


def exported_records(path: Path) -> Iterator[Record]:
    """Records in a file that :func:`export_extxyz` wrote; frames without labels are left out.

    Raises:
        ForgefieldError: the file cannot be read, or its labels are not those that were written.
    """
    for atoms in iterate_structures(path):
        record = record_of(atoms)
        if record is not None:
            yield record


def record_of(atoms: Atoms) -> Record | None:
    """The record that a frame holds; None if it has no energy or no forces.

    Raises:
        ForgefieldError: the labels are not those that were written.
    """
    results = atoms.calc.results if atoms.calc is not None else {}
    if "energy" not in results or "forces" not in results:
        return None
    known = atoms.info
    labels = Labels(
        energy=float(results["energy"]),
        forces=results["forces"],
        stress=results.get("stress"),
        recipe=str(known.get("recipe", "")).removeprefix(_RECIPE),
        engine=str(known.get("engine", "")),
        seconds=float(known.get("seconds", 0.0)),
        attempts=int(known.get("attempts", 1)),
    )
    bare = atoms.copy()
    bare.info = {}
    key = structure_key(bare)
    if _SEAL in known and known[_SEAL] != label_seal(key, labels):
        raise ForgefieldError(
            f"structure or labels of {known.get('key', 'a frame')} are not those that were exported",
            "export them again, or take that structure out",
        )
    texts = {name: from_info(known.get(name, "")) for name in _TEXTS}
    return Record(key, bare, labels, cycle=int(known.get("cycle", 0)), **texts)


def _annotated(record: Record) -> Atoms:
    atoms = record.atoms.copy()
    texts = {name: to_info(text) for name in _TEXTS if (text := getattr(record, name))}
    of_record = {"key": to_info(record.key), "cycle": record.cycle, **texts}
    of_labels = {name: getattr(record.labels, name) for name in _OF_LABELS}
    # Bare hexadecimal digits might be read as a number.
    of_labels["recipe"] = _RECIPE + record.labels.recipe
    atoms.info = {**of_record, **of_labels, _SEAL: label_seal(record.key, record.labels)}
    return atoms
