"""One piece of work on a cluster: its tasks, how far they are, and giving them up."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import Any

from distributed import Client, Future
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from engine import Progress
from service.cluster.remote import perform
from service.places import Step, UnreachableError, WorkerDiedError, too_slow


class Spread:
    """The tasks of one call of ``Cluster.run``.

    Each has a key of its own, so that no two share a result or a fate.
    """

    def __init__(self, client: Client, progress: Progress, seconds: float) -> None:
        self._client = client
        self._progress = progress
        self._seconds = seconds
        self._name = os.urandom(8).hex()
        self._done: dict[str, float] = {}
        self._futures: list[Future[Any]] = []

    async def result(self, step: Step) -> Any:
        """Submit a step after those it needs, and return what it returns; see ``Places.run``."""
        try:
            async with asyncio.timeout(self._seconds):
                last = self._submit(step)
                return await last.result()
        except TimeoutError:
            raise too_slow(self._seconds) from None
        except KilledWorker as error:
            raise WorkerDiedError(error.allowed_failures + 1) from error
        except FutureCancelledError as error:  # not by us: the scheduler is lost
            raise UnreachableError from error
        finally:
            self._release()

    def hears(self, key: str) -> bool:
        """Whether a task is of this work."""
        return key in self._done

    def hear(self, key: str, done: float, message: str) -> None:
        """Pass on how far a task is."""
        self._done[key] = max(self._done[key], min(done, 1.0))
        count = len(self._done)
        if count > 1:
            ended = sum(own == 1.0 for own in self._done.values())
            message = f"{ended} of {count} parts done"
        self._progress(sum(self._done.values()) / count, message)

    def _submit(self, step: Step) -> Future[Any]:
        arguments = [self._given(argument) for argument in step.arguments]
        key = f"{step.task.__name__}-{self._name}-{len(self._done)}"
        self._done[key] = 0.0
        future = self._client.submit(
            perform, key, step.task, self._seconds, *arguments, key=key, pure=False
        )
        self._futures.append(future)
        future.add_done_callback(partial(self._ended, key))
        return future

    def _given(self, argument: Any) -> Any:
        return self._submit(argument) if isinstance(argument, Step) else argument

    def _ended(self, key: str, future: Future[Any]) -> None:
        if future.status == "finished":
            self.hear(key, 1.0, "")

    def _release(self) -> None:
        """Forget all tasks: those under way are ended, results dropped."""
        for future in self._futures:
            future.release()
        self._futures.clear()
