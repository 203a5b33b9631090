"""What was used last, within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Shelf(Generic[K, T]):
    """Values by key; the one not used for longest goes when they weigh more than ``capacity``."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.weight = 0
        self._held: OrderedDict[K, tuple[T, int]] = OrderedDict()

    def get(self, key: K) -> T | None:
        """Return the value of ``key``, if it is here."""
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def items(self) -> list[tuple[K, T]]:
        """Return all keys and values."""
        return [(key, value) for key, (value, _) in self._held.items()]

    def put(self, key: K, value: T, weight: int) -> None:
        """Keep a value that weighs ``weight`` bytes; one too heavy for the shelf is not kept."""
        self.drop(key)
        if weight > self.capacity:
            return
        self._held[key] = (value, weight)
        self.weight += weight
        while self.weight > self.capacity:
            _, (_, lighter) = self._held.popitem(last=False)
            self.weight -= lighter

    def drop(self, key: K) -> None:
        """Forget the value of ``key``."""
        found = self._held.pop(key, None)
        self.weight -= 0 if found is None else found[1]
