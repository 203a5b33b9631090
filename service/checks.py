"""Whether the parts that the service stands on answer: each asked, and none for long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, TypeAlias

from engine import Problem
from service.problems import ProblemError

SECONDS: Final = 0.9
"""A part that has not answered after so long is lost."""

Status: TypeAlias = Literal["ok", "idle", "lost"]
Check: TypeAlias = Callable[[], Awaitable[Status | None]]
"""Asks a part; returns how it is, ``None`` for ``ok``; raises ``ProblemError`` when it is lost."""


class Checks:
    """The parts by name, of which the service can do without some.

    A part is asked once at a time: who asks while it is asked waits for the same answer.
    """

    def __init__(self, parts: Mapping[str, Check], spared: frozenset[str] = frozenset()) -> None:
        self._parts = parts
        self._spared = spared
        self._asked: dict[str, asyncio.Task[Status | None]] = {}

    async def ask(self) -> dict[str, Status]:
        """Return how each part is; raises ``unavailable`` when one that is needed is lost."""
        tasks = {name: self._ask(name) for name in self._parts}
        await asyncio.wait(tasks.values(), timeout=SECONDS)
        found: dict[str, Status] = {}
        lost = []
        for name, task in tasks.items():
            found[name], why = _told(task)
            if found[name] == "lost" and name not in self._spared:
                hint = "Wait as long as Retry-After says; it comes back without a restart."
                lost.append(Problem("lost", f"{name}: {why}", hint, ("checks", name)))
        if lost:
            told = ", ".join(f"{name} {status}" for name, status in found.items())
            raise ProblemError("unavailable", f"Not ready: {told}.", lost)
        return found

    def _ask(self, name: str) -> asyncio.Task[Status | None]:
        """Return what asks a part: what asks it already, or a new task."""
        task = self._asked.get(name)
        if task is None or task.done():
            # It is not cancelled when nobody waits any more: a connection would be left half way.
            task = self._asked[name] = asyncio.ensure_future(_once(self._parts[name]))
            task.add_done_callback(_seen)
        return task

    async def close(self) -> None:
        """Ask no more."""
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)


async def _once(check: Check) -> Status | None:
    return await check()


def _told(task: asyncio.Task[Status | None]) -> tuple[Status, str]:
    """Return how a part is, and why."""
    if not task.done():
        return "lost", f"no answer within {SECONDS:g} seconds"
    error = task.exception()
    if error is None:
        return task.result() or "ok", ""
    if isinstance(error, ProblemError):
        return "lost", error.detail
    raise error


def _seen(task: asyncio.Task[Status | None]) -> None:
    if not task.cancelled():
        task.exception()
