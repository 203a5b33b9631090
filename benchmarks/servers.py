"""The servers compared: each a process of its own on a free port, under the same uvicorn."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, NamedTuple

START_SECONDS = 60


def free_port() -> int:
    """Return the number of a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Server:
    """A module that serves HTTP, started on entering the context and ended on leaving it.

    ``key`` is the API key to ask it with; ``environment`` is added to that of this process.
    """

    def __init__(self, *command: str, key: str = "", **environment: str) -> None:
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._environment = environment
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", *command, "--port", str(self.port)]

    def __enter__(self) -> Server:
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"} | self._environment,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                if self.ask("GET", "/healthz").status == 200:
                    return self
            except OSError:
                time.sleep(0.1)
        self._process.kill()
        raise RuntimeError(f"{' '.join(self._command)} did not start")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.wait()

    def ask(
        self, method: str, path: str, body: bytes | None = None, media: str = "application/json"
    ) -> Reply:
        """Send one request over the kept connection and read its answer."""
        self._connection.request(method, path, body, self._headers | {"Content-Type": media})
        response = self._connection.getresponse()
        return Reply(response.status, response.read())

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def later(self, path: str, body: bytes) -> str:
        """Post a JSON body as a job; return where the job is. RuntimeError unless it is taken."""
        headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
        self._connection.request("POST", path, body, self._headers | headers)
        response = self._connection.getresponse()
        content = response.read()
        where = response.headers["Location"]
        if response.status != 202 or where is None:
            raise RuntimeError(f"POST {path}: {response.status} {content.decode()}")
        return where

    def post(self, path: str, body: bytes, media: str = "application/json") -> Reply:
        """Post a body; RuntimeError unless the answer is 2xx."""
        reply = self.ask("POST", path, body, media)
        if not 200 <= reply.status < 300:
            raise RuntimeError(f"POST {path}: {reply.status} {reply.body.decode()}")
        return reply
