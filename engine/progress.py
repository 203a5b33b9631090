"""How far a long computation has come: told to a callable that is handed down, never kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

EXPECTED = 12
"""Evaluations after which a search is taken to be half way: how many it takes is not known."""


class Progress(Protocol):
    """Told how much is done and of what; what it raises ends the computation."""

    def __call__(self, done: float, message: str, /) -> None:
        """Take note.

        Args:
            done: from 0 to 1; never less than before.
            message: what is being done, in words that a reader understands.
        """


def silent(done: float, message: str, /) -> None:
    """Tell nobody."""


def unwatched() -> None:
    """Watch no step."""


def part(progress: Progress, start: float, stop: float) -> Progress:
    """What a part of a computation is given: its 0 to 1 is ``start`` to ``stop`` of the whole."""

    def tell(done: float, message: str, /) -> None:
        progress(start + done * (stop - start), message)

    return tell


def steps(progress: Progress, what: str) -> Callable[[], None]:
    """A callable for every step of a search whose number of steps nobody knows.

    The way that is left halves with every ``EXPECTED`` steps: it never arrives.
    """
    count = 0

    def step() -> None:
        nonlocal count
        progress(1.0 - 0.5 ** (count / EXPECTED), f"{what}, evaluation {count + 1}")
        count += 1

    return step
