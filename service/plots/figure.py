"""What is drawn: tables, words and numbers, apart from how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from msgspec import Struct, field

Columns: TypeAlias = Mapping[str, list[Any]]
"""A table: columns of equal length, a missing cell being ``None``."""

JITTER: Final = 0.12
"""How far a point is moved aside, at most, as a part of its value."""

_GOLDEN: Final = 0.6180339887498949


class Figure(Struct, frozen=True):
    """A picture before it is drawn: plain data that goes from process to process.

    Attributes:
        chart: name of the chart that draws it.
        title: above the picture.
        subtitle: lines below the title.
        alt: what it shows, for those who cannot see it.
        tables: by name.
        words: titles of axes (``x``, ``y``) and other texts.
        numbers: single ones.
        width, height: of the plotting area in pixels; ``None`` leaves it to the chart.
    """

    chart: str
    title: str
    subtitle: tuple[str, ...]
    alt: str
    tables: Mapping[str, Columns]
    words: Mapping[str, str]
    numbers: Mapping[str, float] = field(default_factory=dict)
    width: int | None = None
    height: int | None = None


def numbers(values: np.ndarray) -> list[float | None]:
    """Return numbers as a column, to 7 digits: pictures need no more."""
    return [float(f"{x:.7g}") if np.isfinite(x) else None for x in values.tolist()]


def thinned(count: int, most: int) -> np.ndarray:
    """Return the places of at most ``most`` of ``count`` things, evenly spaced."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.round(np.linspace(0, count - 1, most)).astype(np.int64))


def jittered(n: np.ndarray) -> np.ndarray:
    """Return sizes moved aside by up to ``JITTER`` of themselves, the same way every time."""
    aside = (np.arange(len(n)) * _GOLDEN) % 1.0 - 0.5
    return np.asarray(n * np.exp(2.0 * JITTER * aside))


def short(number: float) -> str:
    """Return a number as text with three digits."""
    return f"{number:.3g}"


def selection(shown: int, count: int, what: str) -> tuple[str, ...]:
    """Return the line that says that not all are shown, if they are not."""
    return () if shown == count else (f"{shown:,} of {count:,} {what}, evenly spaced",)


def listed(names: Sequence[str], most: int = 20) -> str:
    """Return names as text, the first of many."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
