"""The service as a client of a cluster: it connects, and connects again, by itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Literal, TypeVar

import structlog
from distributed import Client

from engine import Progress
from service.cluster.contact import address_of, security_of
from service.cluster.remote import TOPIC
from service.cluster.spread import Spread
from service.places import Step, UnreachableError, WorkerDiedError
from service.settings import Settings

T = TypeVar("T")

CONNECT_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 0.5

# How often the connection is looked after, and how many workers there are is asked.
LOOK_SECONDS: Final = 0.5

# A scheduler that holds the connection and says nothing for so long is lost: its work begins again.
SILENT_SECONDS: Final = 30.0

_NO_WORKERS: Final = "The cluster for long work has no workers now."


class Cluster:
    """The workers of a Dask cluster; see ``Places``.

    ``connections`` counts how often it was connected since the start, ``members`` its
    workers, ``deaths`` processes that died over a task.
    """

    spreads = True

    def __init__(self, settings: Settings) -> None:
        self.jobs = settings.cluster_jobs
        self.connections = 0
        self.deaths = 0
        self._settings = settings
        self._client: Client | None = None
        self.members = 0
        self._heard = time.monotonic()
        self._keeping: asyncio.Task[None] | None = None
        self._closed = False
        self._spreads: set[Spread] = set()
        self._log = structlog.get_logger("service")
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is told here

    async def start(self) -> None:
        """Connect if the scheduler answers, and go on trying if it does not."""
        with suppress(OSError, ValueError):
            await self._connect()
        self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Give up all work and hang up."""
        self._closed = True  # a cancellation within a call of distributed may be lost
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping}, timeout=CONNECT_SECONDS)
        await self._hang_up()

    def require(self) -> None:
        """Raise ``UnreachableError`` when there is no scheduler, or no worker."""
        self._connected()

    async def check(self) -> Literal["ok", "idle"]:
        """Ask the scheduler which workers there are; raises ``UnreachableError``."""
        try:
            await self._count()
        except OSError as error:
            raise UnreachableError from error
        self._connected()
        return "ok"

    async def run(
        self, task: Callable[..., Any], *arguments: Any, progress: Progress, seconds: float
    ) -> Any:
        """Return what a task returns; see ``Places``."""
        spread = Spread(self._connected(), progress, seconds)
        self._spreads.add(spread)
        try:
            return await spread.result(Step(task, arguments))
        except WorkerDiedError as error:
            self.deaths += error.deaths
            raise
        finally:
            self._spreads.discard(spread)

    def _connected(self) -> Client:
        client = self._client
        if client is None or client.status != "running":
            raise UnreachableError
        if not self.members:
            raise UnreachableError(_NO_WORKERS)
        return client

    async def _keep(self) -> None:
        """Connect again whenever the connection is lost."""
        while not self._closed:
            try:
                if self._client is None or self._client.status != "running":
                    if self._client is not None:
                        self._log.warning("the scheduler is lost")
                    await self._hang_up()
                    await self._connect()
                await self._count()
            except (OSError, ValueError):  # nobody answers at the address
                await self._doubt()
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:  # noqa: BLE001  it is logged, and the cluster must not stay lost
                self._log.exception("the cluster cannot be reached")
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def _connect(self) -> None:
        client = Client(
            address_of(self._settings),
            asynchronous=True,
            set_as_default=False,
            timeout=CONNECT_SECONDS,
            name="partialpool",
            security=security_of(self._settings),
        )
        try:
            await _within(2 * CONNECT_SECONDS, client)
            client.subscribe_topic(TOPIC, self._hear)
        except BaseException:
            await _closed(client)
            raise
        self._client, self.connections = client, self.connections + 1
        self._heard = time.monotonic()
        await self._count()

    async def _count(self) -> None:
        """Note how many workers there are."""
        client = self._client
        if client is not None and client.scheduler is not None and client.status == "running":
            counted = await _within(CONNECT_SECONDS, client.scheduler.ncores())
            self.members, self._heard = len(counted), time.monotonic()

    async def _doubt(self) -> None:
        """Give up a scheduler that says nothing: what waits for it does not wait for ever."""
        self.members = 0
        if self._client is not None and time.monotonic() - self._heard > SILENT_SECONDS:
            self._log.warning("the scheduler says nothing")
            await self._hang_up()

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _closed(client)

    def _hear(self, event: tuple[float, Any]) -> None:
        """Pass on what a worker tells of a task."""
        key, done, message = event[1]
        for spread in self._spreads:
            if spread.hears(key):
                spread.hear(key, done, message)


async def _closed(client: Client) -> None:
    """Close a client, whatever state it is in."""
    with suppress(Exception):
        await _within(2.0, client.close(timeout=1))


async def _within(seconds: float, call: Awaitable[T]) -> T:
    """Return what a call returns; raises ``TimeoutError``, whatever becomes of the call."""
    task = asyncio.ensure_future(call)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        raise TimeoutError
    return task.result()
