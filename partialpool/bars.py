"""How far long work is: a line that is written over, or whatever the caller makes of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TextIO, TypeAlias


@dataclass(frozen=True, slots=True)
class Report:
    """How far a piece of work is.

    Attributes:
        title: what is done, as ``uploading houses.csv``.
        fraction: from 0 to 1.
        message: what is being done just now; may be empty.
        finished: whether this is the last report of it.
    """

    title: str
    fraction: float
    message: str = ""
    finished: bool = False


Progress: TypeAlias = Callable[[Report], None]


class Line:
    """A bar on one line of a terminal or a notebook, for work that takes longer than a moment."""

    DELAY: Final = 0.5
    EVERY: Final = 0.1
    CELLS: Final = 24
    WIDTH: Final = 100

    def __init__(
        self, target: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._target = target
        self._clock = clock
        self._title = ""
        self._begun = self._written = clock()
        self._shown = 0

    def __call__(self, report: Report) -> None:
        """Show a report, unless it comes too soon; wipe the line after the last."""
        now = self._clock()
        if report.title != self._title:
            self._wipe()
            self._title, self._begun = report.title, now
        if report.finished:
            self._wipe()
            self._title = ""
        elif now - self._begun >= self.DELAY and now - self._written >= self.EVERY:
            self._written = now
            self._write(self._text(report))

    def _text(self, report: Report) -> str:
        full = round(self.CELLS * min(max(report.fraction, 0.0), 1.0))
        bar = "█" * full + "░" * (self.CELLS - full)
        message = f"  {report.message}" * bool(report.message)
        return f"{report.title}  {bar} {report.fraction:4.0%}{message}"[: self.WIDTH]

    def _write(self, text: str) -> None:
        target = self._target or sys.stderr
        target.write(f"\r{text.ljust(self._shown)}")
        target.flush()
        self._shown = len(text)

    def _wipe(self) -> None:
        if self._shown:
            self._write("")
            (self._target or sys.stderr).write("\r")
            self._shown = 0


def silent(_: Report) -> None:
    """Show nothing."""


def chosen(progress: bool | Progress | None) -> Progress:
    """Return what shows progress: None shows it where somebody is likely to look."""
    if progress is None:
        progress = sys.stderr.isatty() or "ipykernel" in sys.modules
    if isinstance(progress, bool):
        return Line() if progress else silent
    return progress
