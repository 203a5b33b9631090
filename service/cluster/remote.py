"""What a worker of the cluster does with a task: it has a child process do it.

No task runs in the worker itself. So a task that is given up is ended by ending its process, one
that kills its process takes nothing else with it, and a worker that dies is not what its tasks did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from service.settings import Settings
from service.workers import Workers

if TYPE_CHECKING:
    from distributed import Worker

    from engine import Progress

TOPIC: Final = "partialpool"
"""The events by which workers tell how far tasks are: (key, share done, message)."""

# How often a worker looks whether anybody still wants what it does.
WATCH_SECONDS: Final = 0.1


async def perform(key: str, task: Callable[..., Any], seconds: float, *arguments: Any) -> Any:
    """Do the task of this key; raises as ``Places.run`` does.

    Whoever it was for may have gone, or given it up: the scheduler then asks the worker to forget
    the key, and its process is ended. Should it want the key after all by the time that is done,
    the task begins again: nothing but what the task returns is ever its result.
    """
    from distributed import Reschedule, get_worker

    worker = get_worker()
    work = children(worker.state.nthreads).run(
        task, *arguments, progress=_telling(worker, key), seconds=seconds
    )
    running = asyncio.ensure_future(work)
    try:
        while not running.done():
            await asyncio.wait({running}, timeout=WATCH_SECONDS)
            if not running.done() and _given_up(worker, key):
                raise Reschedule
        return running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@lru_cache(1)
def children(count: int) -> Workers:
    """Return the child processes of this worker, as many as it has threads."""
    settings = Settings()
    return Workers(count, settings.worker_memory_bytes, settings.worker_threads)


def _given_up(worker: Worker, key: str) -> bool:
    from distributed.core import Status

    known = worker.state.tasks.get(key)
    if known is None or known.state in {"cancelled", "resumed"}:
        return True
    return bool(worker.status != Status.running)


def _telling(worker: Worker, key: str) -> Progress:
    def tell(done: float, message: str, /) -> None:
        worker.log_event(TOPIC, (key, done, message))

    return tell
