"""Arrays in an npz file that may come from outside: nothing in it is run, and whatever is wrong with it is said."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an npz file by name.

    Raises:
        ForgefieldError: there is no such file, it is damaged, or it holds something else than arrays of numbers.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files} if isinstance(stored, NpzFile) else {}
    except OSError as error:
        raise ForgefieldError(f"cannot read {path}: {error.strerror or error}", "restore the file") from error
    except (
        ValueError,
        KeyError,
        EOFError,
        BadZipFile,
        zlib.error,
        NotImplementedError,
        MemoryError,
    ) as error:
        raise _damaged(path) from error
    if not arrays or not all(
        isinstance(each, np.ndarray) and each.dtype.kind in "fiubU" for each in arrays.values()
    ):
        raise _damaged(path)
    return arrays


def _damaged(path: Path) -> ForgefieldError:
    return ForgefieldError(f"{path} is damaged, or no archive of arrays", "restore the file")
