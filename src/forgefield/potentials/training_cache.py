"""What of each structure does not change during training, kept in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, overload

import numpy as np
import torch
from ase import Atoms

Item = TypeVar("Item")


class LazySequence(Sequence[Item]):
    """A sequence whose items are made when they are asked for.

    Args:
        make: gives item number i.
        length: number of items.
    """

    def __init__(self, make: Callable[[int], Item], length: int) -> None:
        self._make, self._length = make, length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return [self._make(i) for i in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(index)
        return self._make(index % self._length)


class PreparedCache:
    """Prepared structures; those that fit into the limit are kept, the others are prepared at every call.

    Every structure is needed once per epoch, in random order. Then no policy hits more often than keeping
    whatever came first: replacing the oldest would throw out what the epoch still needs.

    Args:
        prepare: the family's part.
        structures: what is prepared.
        limit_bytes: memory for what is kept.
    """

    def __init__(
        self, prepare: Callable[[Atoms], Any], structures: Sequence[Atoms], limit_bytes: float
    ) -> None:
        self.prepare, self.structures, self.limit_bytes = prepare, structures, limit_bytes
        self.kept: dict[int, Any] = {}
        self.bytes = 0

    def __getitem__(self, index: int) -> Any:
        if index in self.kept:
            return self.kept[index]
        prepared = self.prepare(self.structures[index])
        size = size_in_bytes(prepared)
        if self.bytes + size <= self.limit_bytes:
            self.kept[index] = prepared
            self.bytes += size
        return prepared


def size_in_bytes(value: Any) -> int:
    """Memory of all arrays in a value: dataclasses, tuples, lists and mappings of arrays and tensors."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, torch.Tensor):
        return value.element_size() * value.nelement()
    if is_dataclass(value):
        return sum(size_in_bytes(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, dict):
        return sum(size_in_bytes(each) for each in value.values())
    if isinstance(value, tuple | list):
        return sum(size_in_bytes(each) for each in value)
    return 32
