"""A disk without room: of the catalog and the files, and of what is on its way to them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults.traffic import BOUND, CSV, traffic
from tests.faults.work import begin, model_of, succeeds
from tests.service.test_problems import read
from tools.live import started

pytestmark = pytest.mark.slow

SIZE = 48 << 20
GIVEN = {"PARTIALPOOL_BUNDLED_DATA": "false", "PARTIALPOOL_WORKER_PROCESSES": "1"}


@contextmanager
def _small(where: Path) -> Iterator[Path]:
    """Mount a small disk."""
    assert os.geteuid() == 0, "a disk is mounted for this, as root: sudo make test-faults"
    where.mkdir()
    size = f"size={SIZE}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(where)], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def _fill(disk: Path) -> Path:
    """Write until there is no room for another byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return ballast


@pytest.mark.parametrize("place", ["data", "temporary"])
def test_a_full_disk_is_told_and_passes_when_there_is_room(tmp_path: Path, place: str) -> None:
    log = tmp_path / "log"
    with _small(tmp_path / "disk") as disk:
        data = tmp_path / "data" if place == "temporary" else disk / "data"
        data.mkdir()
        given = GIVEN | ({"TMPDIR": str(disk)} if place == "temporary" else {})
        with (
            started(data, given, log=log) as live,
            httpx.Client(base_url=live.url, timeout=BOUND) as client,
        ):
            model = model_of(client)
            with traffic(live.url) as asked:
                asked.until(201)
                job = begin(client, model)
                ballast = _fill(disk)
                asked.until(503)
                answer = client.post(
                    "/v1/datasets", content=b"a,b\n" + b"1,2\n" * 9999, headers=CSV
                )
                assert read(answer).code == "unavailable"
                assert client.get(model).status_code == 200, "what is kept can be read"
                assert client.get("/healthz").status_code == 200
                ballast.unlink()
                asked.until(201)
                succeeds(client, job)
            for path in asked.jobs:
                succeeds(client, path)
            asked.verify(live.url)
        with started(data, given, log=log) as live:
            asked.verify(live.url)
    assert "Traceback" not in log.read_text()
