"""Running the application under uvicorn."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import structlog
import uvicorn
from fastapi import FastAPI
from opentelemetry.trace import set_tracer_provider

from service import scratch
from service.admin import AdminServer
from service.app import create_app
from service.catalog import Database, Keys
from service.context import Services
from service.patience import patiently
from service.protocol import Protocol
from service.running import replica_id
from service.settings import Settings
from service.warming import Warming

if TYPE_CHECKING:
    from service.observing.traces import Traces

EXAMPLE = '{"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}'


class Server(uvicorn.Server):
    """Uvicorn that says where it listens once it is ready, and lets go of jobs when it stops."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, traces: Traces | None) -> None:
        super().__init__(config)
        self._app = app
        self._traces = traces
        self._warming: Warming | None = None
        settings: Settings = app.state.settings
        self._key = settings.keys_needed
        self._admin = None if settings.admin_port is None else AdminServer(app, settings)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals while it runs; its files on the way are gone before one ends the process."""
        with super().capture_signals(), scratch.holding():
            yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening and tell the addresses."""
        await super().startup(sockets)
        if self.started:
            if self._admin is not None:
                await self._admin.startup()
                sys.stdout.write(f"partialpool tells metrics at {self._admin.url}/metrics\n")
            sys.stdout.write(
                greeting(self.config.host, self.servers[0].sockets[0].getsockname()[1], self._key)
            )
            sys.stdout.flush()
            self._warming = Warming(self._parts())
            self._warming.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Put jobs back before requests are waited for: those that follow one would not end."""
        await self._parts().drain()
        if self._warming is not None:
            await self._warming.close()
        await super().shutdown(sockets)
        if self._admin is not None and self._admin.started:  # asked to the last
            await self._admin.shutdown()
        if self._traces is not None:  # here, as the signal that ends the server ends the process
            await asyncio.to_thread(self._traces.close)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal to stop; a service that is still waiting to start need not wait on."""
        self._app.state.ending = True
        super().handle_exit(sig, frame)

    def _parts(self) -> Services:
        found = self._app.state.services
        assert isinstance(found, Services)  # noqa: S101  narrows what the framework types as Any
        return found


def serve(settings: Settings) -> None:
    """Serve until a signal says stop; requests under way may finish."""
    log_as_json()
    if settings.auth == "auto" and settings.keys_needed:
        asyncio.run(_require_a_key(settings))
    traces = _traces(settings)
    app = create_app(settings, local=settings.auth == "auto" and settings.loopback)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=Protocol,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        timeout_keep_alive=settings.keep_alive_seconds,
    )
    Server(config, app, traces).run()


def _traces(settings: Settings) -> Traces | None:
    """Send the spans of this process where the settings say."""
    if settings.traces_url is None:
        return None
    from service.observing.traces import Traces  # a tenth of a second that others need not wait

    traces = Traces.to(settings.traces_url, replica_id())
    set_tracer_provider(traces.provider)
    return traces


async def _require_a_key(settings: Settings) -> None:
    """End the process when it would listen to other machines and nobody has a key."""
    database = Database(settings.catalog)
    try:
        await patiently(database.migrate, settings.start_seconds)
        if await Keys(database).any():
            return
    finally:
        await database.close()
    sys.exit(
        f"partialpool does not listen on {settings.host} before there is an API key.\n"
        "Make one:        python -m service keys create --owner NAME\n"
        "Or let all in:   PARTIALPOOL_AUTH=off\n"
        "Or this machine: PARTIALPOOL_HOST=127.0.0.1"
    )


def log_as_json() -> None:
    """Write log lines as JSON to standard error, those of libraries as well."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr, level=logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def greeting(host: str, port: int, key: bool) -> str:
    """Return what is printed when the service is ready; ``key``: whether a request needs one."""
    header = '-H "Authorization: Bearer $KEY" ' if key else ""
    name = f"[{host}]" if ":" in host else host
    url = f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else name}:{port}"  # noqa: S104
    return (
        f"partialpool is ready at {url}\n"
        f"  API page   {url}/docs\n"
        f"  OpenAPI    {url}/openapi.json\n"
        f"Try:\n  curl {url}/v1/models {header}-H 'Accept: text/plain' "
        f"-H 'Content-Type: application/json' "
        f"-d '{EXAMPLE}'\n"
    )
