"""Requests of one POST under load: by wrk where it is installed, else by raw sockets."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

CONNECTIONS = 16


def generator() -> str:
    """Name the program that makes the requests."""
    return "wrk, one thread" if shutil.which("wrk") else "a client of raw sockets in Python"


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second, and the milliseconds that 99 of 100 take less than."""

    rate: float
    p99: float


def loaded(url: str, body: bytes, seconds: float, key: str = "") -> Load:
    """Post a JSON body over ``CONNECTIONS`` kept connections, one request at a time on each.

    ``key`` is the API key to post it with.

    Raises ``RuntimeError`` when an answer is not 2xx.
    """
    if shutil.which("wrk"):
        return _by_wrk(url, body, seconds, key)
    return asyncio.run(_by_sockets(url, body, seconds, key))


def requests_per_second(url: str, body: bytes, seconds: float, key: str = "") -> float:
    """Return the rate alone; see ``loaded``."""
    return loaded(url, body, seconds, key).rate


def _by_wrk(url: str, body: bytes, seconds: float, key: str) -> Load:
    with tempfile.TemporaryDirectory() as scratch:
        posted, script = Path(scratch, "body"), Path(scratch, "post.lua")
        posted.write_bytes(body)
        script.write_text(
            f'wrk.method = "POST"\nwrk.body = io.open("{posted}", "rb"):read("*a")\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
            + (f'wrk.headers["Authorization"] = "Bearer {key}"\n' if key else ""),
            "utf-8",
        )
        how = ["-t1", f"-c{CONNECTIONS}", f"-d{round(seconds)}s", "--latency"]
        wrk = ["wrk", *how, "-s", str(script), url]
        said = subprocess.run(wrk, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s*([\d.]+)", said)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if rate is None or slowest is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{url}: {said}")
    return Load(float(rate[1]), float(slowest[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[slowest[2]])


async def _by_sockets(url: str, body: bytes, seconds: float, key: str) -> Load:
    target = urlsplit(url)
    host, port = str(target.hostname), target.port or 80
    request = (
        f"POST {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\n"
        + (f"Authorization: Bearer {key}\r\n" if key else "")
        + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    start = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: _Client(request, end), host, port)
        for _ in range(CONNECTIONS)
    ]
    took = [each for _, client in opened for each in await client.finished]
    rate = len(took) / (time.perf_counter() - start)
    return Load(rate, 1e3 * float(np.percentile(took, 99)))


class _Client(asyncio.Protocol):
    """One kept connection: the next request goes out when the answer is whole."""

    def __init__(self, request: bytes, end: float) -> None:
        self._request = request
        self._end = end
        self._received = b""
        self._took: list[float] = []
        self._sent = 0.0
        self._loop = asyncio.get_running_loop()
        self.finished: asyncio.Future[list[float]] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if length is None or not head.startswith(b"HTTP/1.1 2"):
            self._fail(head.decode("latin-1"))
        elif len(rest) >= int(length[1]):
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"connection closed: {exc}")

    def _next(self) -> None:
        self._received = b""
        self._took.append(time.perf_counter() - self._sent)
        if self._loop.time() < self._end:
            self._ask()
        else:
            self.finished.set_result(self._took)
            self._transport.close()

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def _fail(self, reason: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(RuntimeError(reason))
