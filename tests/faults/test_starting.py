"""A service that is started before what it works on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults.line import Line
from tests.faults.traffic import BOUND, traffic
from tests.servers import Postgres, free_port
from tests.service.jobs import soon
from tools.live import started

pytestmark = pytest.mark.slow


@contextmanager
def _soon_back(postgres: Postgres, line: Line, log: Path) -> Iterator[None]:
    """Have neither database nor store until the service has said that it waits."""

    def give() -> None:
        soon(lambda: "waiting to start" in log.read_text(), BOUND)
        postgres.start()
        said = log.read_text().count("waiting to start")
        soon(lambda: log.read_text().count("The store of files") > 0 and said > 0, BOUND)
        line.mend()

    postgres.stop()
    line.cut()
    log.touch()
    giving = threading.Thread(target=give)
    giving.start()
    try:
        yield
    finally:
        giving.join()


def test_it_waits_for_its_catalog_and_its_store(
    environment: dict[str, str], postgres: Postgres, to_storage: Line, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with _soon_back(postgres, to_storage, log), started(tmp_path, environment, log=log) as live:
        assert httpx.get(f"{live.url}/readyz", timeout=BOUND).status_code == 200
        with traffic(live.url, clients=2) as asked:
            asked.until(201)
        asked.verify(live.url)


def test_it_ends_when_it_has_waited_long_enough_or_is_told_to(tmp_path: Path) -> None:
    short, told = (_started(tmp_path / name, seconds) for name, seconds in (("a", 1), ("b", 60)))
    assert soon(lambda: "waiting to start" in (tmp_path / "b").read_text(), BOUND)
    told.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert told.wait(30) != 0
    assert time.monotonic() - begun < 30
    assert short.wait(BOUND) != 0
    assert "waiting to start" in (tmp_path / "a").read_text()


def _started(log: Path, seconds: int) -> subprocess.Popen[bytes]:
    """Start a service whose catalog is nowhere."""
    given = {
        "PARTIALPOOL_CATALOG_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/none",
        "PARTIALPOOL_START_SECONDS": str(seconds),
        "PARTIALPOOL_DATA_DIR": str(log.with_suffix(".d")),
    }
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "service", "serve", "--port", "0"],
            env={**os.environ, **given},
            stdout=out,
            stderr=out,
        )
