"""A Dask cluster of processes on this machine: a scheduler, and workers that can be killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.service.jobs import soon

# A machine that does much else starts a process slowly.
SOON = 300


@dataclass
class Member:
    """A process of the cluster and what it has said."""

    process: subprocess.Popen[bytes]
    said: Path

    def ready(self) -> bool:
        """Whether it schedules or works."""
        assert self.process.poll() is None, self.said.read_text()
        return b" at tcp://" in self.said.read_bytes()

    def kill(self) -> None:
        """End it by signal 9."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        """Ask it to end."""
        self.process.terminate()
        self.process.wait(20)


@dataclass
class Local:
    """A cluster on the loopback address."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    scheduler: Member | None = None
    workers: list[Member] = field(default_factory=list)
    begun: int = 0

    @property
    def file(self) -> Path:
        return self.directory / "scheduler.json"

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def schedule(self) -> None:
        """Start the scheduler, where it was before if it was."""
        self.port = self.port or free_port()
        self.scheduler = self._begin(
            "scheduler", "--port", str(self.port), "--file", str(self.file)
        )
        assert soon(self.scheduler.ready, SOON)

    def work(self, count: int) -> None:
        """Start workers until there are so many, or stop some."""
        self.workers = [own for own in self.workers if own.process.poll() is None]
        while len(self.workers) > count:
            self.workers.pop().stop()
        places = [str(self.file), self.address]  # a scheduler is found by either
        new = [self._begin("worker", places[i % 2]) for i in range(count - len(self.workers))]
        assert all(soon(own.ready, SOON) for own in new)
        self.workers += new

    def close(self) -> None:
        for own in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            if own.process.poll() is None:
                own.process.kill()
            own.process.wait(10)

    def _begin(self, *command: str) -> Member:
        self.begun += 1
        said = self.directory / f"{command[0]}-{self.begun}.txt"
        with said.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "service", *command],
                env={**os.environ, "PARTIALPOOL_WORKER_PROCESSES": "1", **self.environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        return Member(process, said)


@contextmanager
def clustered(directory: Path, workers: int, **environment: str) -> Iterator[Local]:
    """Run a scheduler and workers of one process each."""
    made = Local(directory, environment)
    try:
        made.schedule()
        made.work(workers)
        yield made
    finally:
        made.close()


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])
