"""The parts of a document from elsewhere, each of the kind and size that it must have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from msgspec import Struct

from engine.errors import DataError, Problem
from engine.table import Codes, Floats

Path = tuple[str | int, ...]

LARGEST = 1e150
"""The largest number: squares of sums must be doubles."""
LARGEST_COUNT = 2**53
MAX_TEXT = 10_000
"""Most characters of a name or level."""


def refuse(path: Path, detail: str, hint: str = "") -> DataError:
    """The error of one part of a document."""
    return DataError(Problem("invalid_summary", detail, hint, path))


class Fields(Struct, frozen=True):
    """An object of a document, read key by key.

    Attributes:
        content: by key.
        path: where it stands.
    """

    content: Mapping[str, object]
    path: Path = ()

    @classmethod
    def of(cls, value: object, path: Path, keys: Iterable[str]) -> Fields:
        """Read an object that has no other keys than these.

        Raises:
            DataError: it is no object, or has another key.
        """
        if not isinstance(value, Mapping):
            raise refuse(path, f"{_name(path)} is not an object")
        known = tuple(keys)
        for key in value:
            if key not in known:
                raise refuse(
                    (*path, str(key)[:100]),
                    "this key is unknown",
                    f"the keys are {', '.join(known)}",
                )
        return cls(value, path)

    def at(self, key: str) -> Path:
        """The path of a key."""
        return (*self.path, key)

    def get(self, key: str) -> object:
        """A value that must be there."""
        if key not in self.content:
            raise refuse(self.at(key), f"{key} is missing")
        return self.content[key]

    def text(self, key: str) -> str:
        """A text."""
        return _text(self.get(key), self.at(key))

    def name(self, key: str) -> str | None:
        """A text, or nothing."""
        value = self.content.get(key)
        return None if value is None else _text(value, self.at(key))

    def count(self, key: str, least: int = 0, default: int | None = None) -> int:
        """A whole number from ``least``."""
        value = self.content.get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise refuse(self.at(key), f"{key} is not a whole number")
        if not least <= value <= LARGEST_COUNT:
            raise refuse(self.at(key), f"{key} is not from {least} to 2^53")
        return value

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        value = self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
            raise refuse(self.at(key), f"{key} is not a finite number")
        if value != value:
            raise refuse(self.at(key), f"{key} is not a finite number")
        return float(value)

    def items(self, key: str) -> list[object]:
        """A list."""
        value = self.get(key)
        if not isinstance(value, list):
            raise refuse(self.at(key), f"{key} is not a list")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, none of them twice."""
        found = tuple(_text(item, (*self.at(key), i)) for i, item in enumerate(self.items(key)))
        if len(set(found)) < len(found):
            raise refuse(self.at(key), f"{key} has a text twice")
        return found

    def numbers(self, key: str, *shape: int) -> Floats:
        """A flat list of finite numbers, rows first, as an array of a shape."""
        value, path = self.get(key), self.at(key)
        if isinstance(value, list):
            if not {*map(type, value)} <= {int, float}:
                raise refuse(path, f"{key} is not a flat list of numbers")
            _require_size(path, len(value), shape)
            try:
                array = np.array(value, dtype=np.float64)
            except OverflowError:
                raise refuse(path, f"{key} has a number beyond all doubles") from None
        elif isinstance(value, np.ndarray) and value.dtype == np.float64:
            array = value
            _require_size(path, array.size, shape)
        else:
            raise refuse(path, f"{key} is not a flat list of numbers")
        if array.size and not np.abs(array).max() <= LARGEST:  # nor when it is NaN
            raise refuse(path, f"{key} has a number that is not finite, or beyond {LARGEST:g}")
        return array.reshape(shape)

    def counts(self, key: str, size: int, least: int, most: int) -> Codes:
        """Whole numbers between two, both included, (size,)."""
        numbers = self.numbers(key, size)
        if (
            size
            and not ((numbers == np.floor(numbers)) & (numbers >= least) & (numbers <= most)).all()
        ):
            raise refuse(self.at(key), f"{key} are not whole numbers from {least} to {most}")
        return numbers.astype(np.int64)


def _text(value: object, path: Path) -> str:
    if not isinstance(value, str):
        raise refuse(path, f"{_name(path)} is not a text")
    if len(value) > MAX_TEXT:
        raise refuse(path, f"{_name(path)} has more than {MAX_TEXT} characters")
    return value


def _name(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    return names[-1] if names else "the summary"


def _require_size(path: Path, found: int, shape: tuple[int, ...]) -> None:
    wanted = int(np.prod(shape, dtype=object))
    if found != wanted:
        by = " x ".join(map(str, shape))
        raise refuse(path, f"{_name(path)} has {found} numbers where {by} belong")
