"""From the cells of a CSV or TSV file to values: numbers, booleans, text, missing."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from engine import arrow
from service.intake.buffers import first_padded, texts
from service.intake.caps import MISSING_WORDS
from service.intake.kinds import Evidence, Kind

pc = arrow.compute

_MAY_BE_NUMBER = re.compile(r"[+-]?(\.?[0-9]|inf(inity)?$)", re.IGNORECASE)
_PLAIN = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_TRUTH = texts("false", "true")
_TWO_TO_63 = arrow.number(2.0**63)


class Batch(Struct):
    """One batch of a column between reading and settling its kind.

    ``values`` is a bool, int64, float64 or string array, or ``None`` when the cells are text;
    ``word`` gives per cell the index of the missing word it is, null for none.
    """

    cells: pa.Array
    values: pa.Array | None = None
    word: pa.Array | None = None


class Words:
    """The words for a missing cell: which there are, and in which columns they count."""

    def __init__(self, missing: tuple[str, ...] | None) -> None:
        self.explicit = missing is not None
        self.all = MISSING_WORDS if missing is None else tuple(dict.fromkeys(("", *missing)))
        self.set = texts(*self.all)
        self.some_are_numbers = any(
            _MAY_BE_NUMBER.match(word) and not word.lower().startswith("nan") for word in self.all
        )

    def in_text(self) -> int:
        """Return how many of the words, from the first, are missing in a column of text."""
        return len(self.all) if self.explicit else 1

    def find(self, cells: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Return the cells without outer blanks and missing ones null, and each one's word."""
        bare = pc.ascii_trim_whitespace(cells)
        word = pc.index_in(bare, value_set=self.set)
        if word.null_count == len(word):
            return bare, word
        return pc.if_else(pc.is_valid(word), arrow.nothing(pa.string()), bare), word


class TextColumn:
    """A column whose kind shows only in its cells."""

    def __init__(self, words: Words, keep_text: bool) -> None:
        self.words = words.all
        self.missing_in_text = words.in_text()
        self.evidence = Evidence(text=keep_text)
        self._because = ""
        self.row = 0
        self._find = words.find
        self._search_first = words.some_are_numbers

    @property
    def because(self) -> str:
        """Why a column that looked like numbers is text."""
        if self.evidence.boolean:
            return ""
        huge = "whole numbers of more than 64 bits would lose digits"
        return self._because or (huge if self.evidence.huge else "")

    def read(self, cells: pa.Array) -> Batch:
        """Read the next batch of cells and take it into account for the kind."""
        batch = Batch(cells)
        if not self.evidence.text:
            batch = self._read(cells)
            if batch.values is None:
                self.evidence.text = True
            else:
                self.evidence.add(batch.values, self.row)
        self.row += len(cells)
        return batch

    def settle(self, batch: Batch, kind: Kind) -> tuple[pa.Array, NDArray[np.int64]]:
        """Return the batch as values of ``kind``, and how many cells are each missing word."""
        if kind is Kind.TEXT or batch.values is None:
            return self._settle_text(batch)
        return batch.values.cast(kind.arrow, safe=False), count_words(batch.word, len(self.words))

    def _settle_text(self, batch: Batch) -> tuple[pa.Array, NDArray[np.int64]]:
        word = batch.word
        if word is None:
            word = self._find(batch.cells)[1]
        counts = count_words(word, len(self.words))
        if not counts[: self.missing_in_text].any():
            return batch.cells, counts
        in_text = arrow.number(self.missing_in_text, word.type)
        gone = pc.and_kleene(pc.is_valid(word), pc.less(word, in_text))
        return pc.if_else(gone, arrow.nothing(pa.string()), batch.cells), counts

    def _read(self, cells: pa.Array) -> Batch:
        if not self._search_first:
            values = self._numbers(cells)
            if values is not None:
                return Batch(cells, values)
        bare, word = self._find(cells)
        self._search_first = self._search_first or word.null_count < len(word)
        values = self._numbers(bare)
        if values is None:
            values = self._booleans(bare)
        if values is None and not self._because:
            self._because = self._why_text(bare)
        return Batch(cells, values, word)

    def _numbers(self, cells: pa.Array) -> pa.Array | None:
        first = _first(cells)
        if first is None:
            return pa.nulls(len(cells), pa.float64())
        if not _MAY_BE_NUMBER.match(first):
            return None
        values = None
        if first.lstrip("-").isdigit() and not self.evidence.floats:
            values = _cast(cells, pa.int64())
        if values is None:
            values = _cast(cells, pa.float64())
        if values is None or self._are_names(cells, values):
            return None
        return values

    def _are_names(self, cells: pa.Array, values: pa.Array) -> bool:
        padded = first_padded(cells)
        if padded is not None:
            self._because = f"row {self.row + padded + 1} is a number padded with zeros"
            return True
        if not pa.types.is_floating(values.type):
            return False
        if pc.any(pc.is_nan(values)).as_py():
            return True
        self._weigh_digits(cells, values)
        return False

    def _weigh_digits(self, cells: pa.Array, values: pa.Array) -> None:
        """Note whether any cell has a point or exponent, and any whole one more than 64 bits."""
        seen = self.evidence
        large = pc.greater_equal(pc.abs(values), _TWO_TO_63)
        if pc.any(large).as_py() and _any(_whole_literal(cells.filter(large))):
            seen.huge = True
        if not seen.points:
            broken = _any(pc.not_equal(pc.floor(values), values))
            seen.points = broken or _any(pc.invert(_whole_literal(cells)))

    def _why_text(self, cells: pa.Array) -> str:
        """Return which row makes a column of text of one that looked like numbers."""
        first = _first(cells) or ""
        if not (self.evidence.numeric or _MAY_BE_NUMBER.match(first)):
            return ""
        other = pc.index(pc.match_substring_regex(cells, _PLAIN), value=False).as_py()
        return f"row {self.row + other + 1} is not a number" if other >= 0 else ""

    def _booleans(self, cells: pa.Array) -> pa.Array | None:
        first = _first(cells)
        if first is None or first.lower() not in {"true", "false"}:
            return None
        found = pc.index_in(pc.ascii_lower(cells), value_set=_TRUTH)
        return found.cast(pa.bool_()) if found.null_count == cells.null_count else None


def _first(cells: pa.Array) -> str | None:
    """Return the first cell that is not null."""
    for index in range(min(len(cells), 4)):
        if cells[index].is_valid:
            return str(cells[index].as_py())
    if cells.null_count == len(cells):
        return None
    return str(cells[pc.index(pc.is_valid(cells), value=True).as_py()].as_py())


def _any(found: pa.Array) -> bool:
    return bool(pc.any(found).as_py())


def _whole_literal(cells: pa.Array) -> pa.Array:
    return pc.match_substring_regex(cells, r"^-?[0-9]+$")


def _cast(cells: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        return cells.cast(kind)
    except pa.ArrowInvalid:
        return None


def count_words(word: pa.Array | None, size: int) -> NDArray[np.int64]:
    """Return how often each of the ``size`` missing words occurs among the indices ``word``."""
    if word is None or word.null_count == len(word):
        return np.zeros(size, np.int64)
    found = arrow.numbers(word.drop_null())
    return np.bincount(found, minlength=size).astype(np.int64)
