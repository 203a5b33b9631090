"""Work beside what its caller does next: one thing at a time, in the order it was given."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType


class InTurn:
    """A thread that does what it is given; who gives it more waits until that before is done.

    What it raises is raised when more is given, or at the end.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Begin it, once all before is done."""
        self._wait()
        self._last = self._thread.submit(work)

    def __enter__(self) -> InTurn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            self._thread.shutdown()

    def _wait(self) -> None:
        if self._last is not None:
            last, self._last = self._last, None
            try:
                last.result()
            finally:
                del last  # else what it raised would hold itself, and all it was raised among
