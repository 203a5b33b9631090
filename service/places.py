"""Where long work is done: worker processes of this machine, or a cluster of machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from msgspec import Struct

from engine import Problem, Progress
from service.problems import ProblemError


class Step(Struct, frozen=True, eq=False):
    """A task whose result another one is given: where an argument is a step, what it returns."""

    task: Callable[..., Any]
    arguments: tuple[Any, ...]


class Places(Protocol):
    """Processes that do tasks, each of which can be cancelled while it runs.

    A task is a function of a module; it is given its arguments and, as ``progress``, whom to tell
    how far it is. Arguments and results travel by pickle: plain data, keys of files.
    """

    @property
    def jobs(self) -> int:
        """How many jobs are under way at a time."""

    @property
    def spreads(self) -> bool:
        """Whether work that can be cut into steps is done sooner so; else it is one task."""

    @property
    def deaths(self) -> int:
        """Processes that died over a task, since the start."""

    def require(self) -> None:
        """Raise ``UnreachableError`` when no work can be done now."""

    async def run(
        self, task: Callable[..., Any], *arguments: Any, progress: Progress, seconds: float
    ) -> Any:
        """Return ``task(*arguments, progress=...)``, done in the next process that is free.

        Cancelling what waits here ends the processes that work for it, at once.

        Raises:
            ProblemError: what the task raised, ``out_of_memory``, ``limit_passed`` after so many
                seconds.
            WorkerDiedError: the process that did it was killed.
            UnreachableError: there is no way to whoever does it.
        """

    async def check(self) -> Literal["ok", "idle"]:
        """Return how they are; raises ``UnreachableError`` when no work can be done.

        ``idle``: none has been needed yet.
        """

    async def start(self) -> None:
        """Make ready; work can be asked for afterwards."""

    async def close(self) -> None:
        """End all work."""


class WorkerDiedError(ProblemError):
    """A process died over a task: ``deaths`` of them, one after another; ``detail`` may say why."""

    def __init__(self, deaths: int = 1, detail: str = "") -> None:
        super().__init__("worker_died", detail)
        self.deaths = deaths

    def __reduce__(self) -> tuple[Any, ...]:
        return WorkerDiedError, (self.deaths, self.detail)


class UnreachableError(ProblemError):
    """The cluster does not answer: what needs it waits until it does."""

    def __init__(self, detail: str = "The cluster for long work does not answer.") -> None:
        super().__init__("unavailable", detail)

    def __reduce__(self) -> tuple[Any, ...]:
        return UnreachableError, (self.detail,)


def too_slow(seconds: float) -> ProblemError:
    """Return the problem of a job that ran as long as it may."""
    detail = f"This takes longer than the {seconds:g} seconds that a job may take."
    item = Problem("too_slow", detail, "Ask for less: fewer terms, rows or replicates.", ())
    return ProblemError("limit_passed", detail, [item])
