"""Ways in which a file can be damaged, or made by somebody who means harm."""

from __future__ import annotations

import gzip
import io
import pickle
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CANARY = "forgefield-canary"


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.folder / CANARY,)


def payload_archive(folder: Path) -> bytes:
    """An npz whose only array is an object that runs code when it is loaded."""
    stream = io.BytesIO()
    np.savez(stream, weights=np.array([Payload(folder)], dtype=object))
    return stream.getvalue()


def climbing_archive() -> bytes:
    """A zip whose member would lie outside the folder in which it is opened."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../" + CANARY, b"here")
    return stream.getvalue()


@dataclass(frozen=True)
class Damage:
    """A change of a file's bytes.

    Attributes:
        name: of the change.
        apply: old bytes and a folder for what it may do → new bytes.
        certain: whether no reader can make sense of what remains.
    """

    name: str
    apply: Callable[[bytes, Path], bytes]
    certain: bool = True


def _digits(by: bytes) -> Callable[[bytes, Path], bytes]:
    return lambda content, folder: re.sub(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?", by, content)


def _noise(content: bytes, folder: Path) -> bytes:
    return np.random.default_rng(0).bytes(len(content) + 64)


def _scattered(content: bytes, folder: Path) -> bytes:
    rng, changed = np.random.default_rng(1), bytearray(content)
    for place in rng.integers(len(changed), size=max(4, len(changed) // 50)):
        changed[place] = int(rng.integers(256))
    return bytes(changed)


def _lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes, Path], bytes]:
    return lambda content, folder: b"".join(change(content.splitlines(keepends=True)))


DAMAGES = (
    Damage("empty", lambda content, folder: b""),
    Damage("one byte", lambda content, folder: content[:1]),
    Damage("half", lambda content, folder: content[: len(content) // 2], certain=False),
    Damage("without its end", lambda content, folder: content[:-40], certain=False),
    Damage("without its beginning", lambda content, folder: content[7:], certain=False),
    Damage("zeros", lambda content, folder: bytes(len(content))),
    Damage("noise", _noise),
    Damage("scattered noise", _scattered, certain=False),
    Damage(
        "a zero in the middle", lambda content, folder: content[:99] + b"\0" + content[99:], certain=False
    ),
    Damage("UTF-16", lambda content, folder: content.decode("latin-1").encode("utf-16"), certain=False),
    Damage("a web page", lambda content, folder: b"<!DOCTYPE html><html><body>Please log in</body></html>\n"),
    Damage("compressed", lambda content, folder: gzip.compress(content)),
    Damage("an archive that climbs", lambda content, folder: climbing_archive()),
    Damage("an archive with code", lambda content, folder: payload_archive(folder)),
    Damage("a pickle", lambda content, folder: pickle.dumps(Payload(folder))),
    Damage("not numbers", _digits(b"nan"), certain=False),
    Damage("endless numbers", _digits(b"1e999"), certain=False),
    Damage("negative numbers", _digits(b"-7"), certain=False),
    Damage("huge numbers", _digits(b"99999999999999999999"), certain=False),
    Damage(
        "commands for numbers",
        _digits(b"__import__('os').system('touch " + CANARY.encode() + b"')"),
        certain=False,
    ),
    Damage("no first line", _lines(lambda lines: lines[1:]), certain=False),
    Damage("no last line", _lines(lambda lines: lines[:-1]), certain=False),
    Damage("lines in reverse", _lines(lambda lines: lines[::-1]), certain=False),
    Damage("a million brackets", lambda content, folder: b"[" * 1_000_000),
)
