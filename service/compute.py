"""Where fits run: off the event loop, a bounded number at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Compute:
    """Threads that work; what runs in them is a pure function of its arguments.

    ``submitted`` counts the tasks handed over since the start.
    """

    def __init__(self, threads: int = 0) -> None:
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, "compute")
        self.submitted = 0

    def submit(self, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``task`` as soon as a thread is free."""
        self.submitted += 1
        return self._pool.submit(task, *args, **kwargs)

    async def run(self, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``task`` and wait for what it returns."""
        return await asyncio.wrap_future(self.submit(task, *args, **kwargs))

    def close(self) -> None:
        """Take no more, drop what has not begun; what runs comes to its end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
