"""Writing that survives a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def append_durably(path: Path, lines: bytes) -> None:
    """Add lines to the end of a file, made with its folder if need be; they are on disk when this returns.

    They begin on a line of their own, even where a killed process left half of one. What several processes add does not
    mix: each addition is one write.
    """
    fresh = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            lines = lines if stream.read(1) == b"\n" else b"\n" + lines
        rest = memoryview(lines)
        while rest:  # a disk that is nearly full takes a part, and refuses the next one
            rest = rest[stream.write(rest) :]
        os.fsync(stream.fileno())
    if fresh:
        # The new name in the folder has to survive as well.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
