"""The processes of a cluster: ``python -m service scheduler`` and ``python -m service worker``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import dask
import structlog

from service import scratch
from service.settings import Settings

PORT: Final = 8786

# Tasks do not run in workers but in their children, so a worker that dies was hardly killed by one:
# its tasks go to others. Should one kill a second worker all the same, it has failed.
ALLOWED_FAILURES: Final = 1

# A worker's own process has nothing to do but to answer: one that is silent for so long is lost.
WORKER_TTL: Final = "30s"

RETRY_SECONDS: Final = 0.5


def schedule(settings: Settings, host: str, port: int, file: Path | None) -> None:
    """Run a scheduler until a signal says stop."""
    asyncio.run(_until_stopped(_scheduler, settings, host, port, file))


def work(settings: Settings, host: str | None) -> None:
    """Run a worker of the cluster that the settings name, until a signal says stop.

    It waits for the scheduler to be there, and for another when that ends. The files that its
    children make on the way are in a directory of its own.
    """
    with scratch.holding() as spare:
        scratch.clear()  # of a worker that was killed here before
        asyncio.run(_until_stopped(_worker, settings, host, str(spare)))


async def _until_stopped(run: Any, *arguments: Any) -> None:
    dask.config.set({"logging.distributed": "warning"})
    running = asyncio.ensure_future(run(*arguments))
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.cancel)
    with suppress(asyncio.CancelledError):
        await running


async def _scheduler(settings: Settings, host: str, port: int, file: Path | None) -> None:
    from distributed import Scheduler

    from service.cluster.contact import security_of

    security = security_of(settings)
    dask.config.set({"distributed.scheduler.worker-ttl": WORKER_TTL})
    async with Scheduler(
        host=host,
        port=port,
        protocol="tcp://" if security is None else "tls://",
        security=security,
        allowed_failures=ALLOWED_FAILURES,
        dashboard=False,
        dashboard_address="127.0.0.1:0",  # its pages are for nobody else
        scheduler_file=None if file is None else str(file),
    ) as scheduler:
        _say(f"partialpool schedules at {scheduler.address}")
        await scheduler.finished()


async def _worker(settings: Settings, host: str | None, spare: str) -> None:
    from service.cluster.remote import children

    log = structlog.get_logger("service")
    count = settings.worker_processes or os.cpu_count() or 1
    try:
        while True:
            try:
                await _once(settings, host, count, spare)
            except (OSError, ValueError) as error:
                log.warning("the scheduler does not answer", error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
    finally:
        await children(count).close()


async def _once(settings: Settings, host: str | None, count: int, spare: str) -> None:
    """Work for one scheduler, until it ends."""
    from distributed import Worker

    from service.cluster.contact import address_of, security_of

    async with Worker(
        address_of(settings),
        nthreads=count,
        host=host,
        security=security_of(settings),
        memory_limit=0,  # each child has a ceiling of its own
        local_directory=spare,
        dashboard=False,
        dashboard_address="127.0.0.1:0",  # its pages are for nobody else
    ) as worker:
        _say(f"partialpool works at {worker.address}")
        await worker.finished()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
