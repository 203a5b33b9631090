"""Real servers for the tests: PostgreSQL and Redis of the system's packages, and moto's S3."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

PATIENCE = 300.0
AS_NOBODY = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

# What a power cut would lose is no matter here; the clocks and the order of letters are the worst.
OPTIONS = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300"]


@dataclass
class Postgres:
    """A PostgreSQL server of its own, which can be stopped and started."""

    directory: Path
    port: int

    def start(self) -> None:
        options = [*OPTIONS, "-k", str(self.directory), "-p", str(self.port)]
        log = str(self.directory / "log")
        self._control("start", "-w", "-l", log, "-o", " ".join(options))

    def stop(self) -> None:
        """Stop at once, whoever is connected."""
        self._control("stop", "-w", "-m", "immediate")

    def database(self) -> str:
        """Make an empty database and return its URL; its letters are sorted as a dictionary's."""
        name = f"catalog_{uuid4().hex}"
        where = ["--host=127.0.0.1", f"--port={self.port}", "--username=postgres"]
        subprocess.run([str(program("createdb")), *where, name], check=True)
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and to all that it has started."""
        pid = int((self.directory / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            os.kill(each, number)

    def _control(self, *arguments: str) -> None:
        command = [str(program("pg_ctl")), "-D", str(self.directory / "data"), *arguments]
        subprocess.run(
            [*AS_NOBODY, *command],
            check=True,
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@dataclass
class Storage:
    """An S3 server in a process of its own, which can be stopped; what it holds is in its memory.

    ``environment`` is what finds it.
    """

    port: int
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *self.command()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        await_port(self.port)

    def command(self) -> list[str]:
        """The module that is the server, and what it is given."""
        return ["moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def stop(self) -> None:
        """Kill it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def bucket(self, url: str = "") -> str:
        """Make an empty bucket and return the URL of a folder in it."""
        url = url or f"s3://bucket-{uuid4().hex}/some/folder"
        self._request("PUT", url.split("/")[2])
        return url

    def put(self, url: str, key: str, content: bytes) -> None:
        """Write an object below a folder of a bucket."""
        self._request("PUT", f"{url.removeprefix('s3://')}/{key}", content)

    def delete(self, url: str, key: str) -> None:
        """Delete an object."""
        self._request("DELETE", f"{url.removeprefix('s3://')}/{key}")

    def damage(self, url: str, key: str) -> None:
        """Flip a byte in the midst of an object."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        path = f"{bucket}/{prefix}/{key}"
        self._request("PUT", path, flipped(self._request("GET", path)))

    def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        url = f"http://127.0.0.1:{self.port}/{path}"
        # An unsigned request would be refused for an object that is not public.
        headers = {
            "Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/x",
            "Content-Type": "application/octet-stream",
        }
        request = urllib.request.Request(url, body, headers, method=method)
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return bytes(answer.read())


@dataclass
class Redis:
    """A Redis server of its own, which can be stopped and started; it keeps nothing."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"async+redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        await_port(self.port)

    def stop(self) -> None:
        """Kill it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)


@contextmanager
def running_redis() -> Iterator[Redis]:
    """Run a Redis server."""
    server = Redis(free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server in a directory of its own."""
    directory = Path(tempfile.mkdtemp(prefix="postgres-"))
    if AS_NOBODY:
        shutil.chown(directory, "postgres")
    server = Postgres(directory, free_port())
    try:
        initialise = [str(program("initdb")), "-D", str(directory / "data"), "-U", "postgres"]
        options = ["--auth=trust", "--no-sync", "--encoding=UTF8", *_dictionary()]
        subprocess.run(
            [*AS_NOBODY, *initialise, *options], check=True, cwd=directory, capture_output=True
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


@dataclass
class DurableStorage(Storage):
    """One whose objects outlive its process, in a journal."""

    journal: Path = Path()

    def command(self) -> list[str]:
        return ["tests.faults.durable", str(self.port), str(self.journal)]


@contextmanager
def running_storage(journal: Path | None = None) -> Iterator[Storage]:
    """Run an S3 server; with a journal it can be stopped and started without a loss."""
    port = free_port()
    server = Storage(port) if journal is None else DurableStorage(port, journal=journal)
    server.environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }
    server.start()
    try:
        yield server
    finally:
        server.stop()


def flipped(content: bytes) -> bytes:
    """Return the bytes with a bit of the middle one the other way."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def await_port(port: int) -> None:
    """Wait until something listens on a port of this machine."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing listens on port {port}")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def program(name: str) -> Path:
    """Return the path of a program of PostgreSQL, the newest that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found, "PostgreSQL is not installed: tools/install-system-packages"
    return found[-1]


def _dictionary() -> list[str]:
    """Return the options of a database whose own order of text is not that of bytes."""
    return ["--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"]
