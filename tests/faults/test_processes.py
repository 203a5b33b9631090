"""Processes that are killed in the midst of work, while clients ask for more."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests.faults.traffic import BOUND, CSV, traffic
from tests.faults.work import begin, model_of, succeeds
from tests.servers import free_port
from tests.service.jobs import busy
from tools.live import Live, serving, started

GIVEN = {
    "PARTIALPOOL_BUNDLED_DATA": "false",
    "PARTIALPOOL_WORKER_PROCESSES": "1",
    "PARTIALPOOL_JOB_STALE_SECONDS": "2",
}


@pytest.mark.slow
def test_a_worker_killed_in_a_fit_costs_nobody_anything(tmp_path: Path) -> None:
    with (
        serving(tmp_path, **GIVEN) as live,
        httpx.Client(base_url=live.url, timeout=BOUND) as client,
    ):
        model = model_of(client)
        with traffic(live.url, clients=2) as asked:
            path = begin(client, model, draws=1200)
            os.kill(busy(live.process.pid), signal.SIGKILL)
            asked.until(201)
            succeeds(client, path)
        asked.verify(live.url)
        assert set(asked.since()) <= {200, 201, 202}, "clients notice nothing"


@pytest.mark.slow
def test_a_service_killed_again_and_again_in_fits_keeps_what_it_promised(tmp_path: Path) -> None:
    """Five times, in the midst of a job and of small fits and uploads, and started again."""
    port, paths = free_port(), []
    with ExitStack() as ending, httpx.Client(timeout=BOUND) as client:
        client.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        asked = None
        for turn in range(5):
            with started(tmp_path, GIVEN, port=port) as live:
                model = model_of(client)
                asked = asked or ending.enter_context(traffic(live.url))
                asked.until(201)
                paths.append(begin(client, model, seed=turn))
                time.sleep(0.1 * turn)
                _kill(live)
                asked.until(0)
        assert asked is not None
        with started(tmp_path, GIVEN, port=port) as live:
            asked.until(201)
            for path in paths:
                succeeds(client, path)
            asked.ending.set()
            for path in asked.jobs:
                succeeds(client, path)
            asked.verify(live.url)
            listed = _datasets(client)
    promised = {kept.dataset for kept in asked.kept}
    assert promised <= set(listed), "and what was made and could not be told is whole as well"


@pytest.mark.slow
def test_a_service_killed_in_an_upload_has_no_half_of_it(tmp_path: Path) -> None:
    port = free_port()
    content = b"y,g\n" + b"".join(b"%d,%d\n" % (i, i % 7) for i in range(300_000))
    sent = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield content[: len(content) // 2]
        sent.set()
        time.sleep(BOUND)
        yield content[len(content) // 2 :]

    def upload() -> None:
        with suppress(httpx.TransportError):
            httpx.post(url, content=slowly(), headers=CSV, timeout=2 * BOUND)

    url = f"http://127.0.0.1:{port}/v1/datasets?name=large"
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=BOUND)
    with client, ExitStack() as ending:
        with started(tmp_path, GIVEN, port=port) as live:
            asked = ending.enter_context(traffic(live.url))
            asked.until(201)
            threading.Thread(target=upload, daemon=True).start()
            assert sent.wait(BOUND)
            _kill(live)
            asked.until(0)
        with started(tmp_path, GIVEN, port=port) as live:
            asked.until(201)
            assert client.get("/v1/datasets/large").status_code == 404
            again = client.post("/v1/datasets?name=large", content=content, headers=CSV)
            assert (again.status_code, again.json()["n_rows"]) == (201, 300_000)
            asked.ending.set()
            asked.verify(live.url)
            files = {path.stem.split(".")[0] for path in (tmp_path / "blobs").glob("??/*")}
            assert len(files) >= len(asked.kept)


def _kill(live: Live) -> None:
    live.process.kill()
    live.process.wait(10)


def _datasets(client: httpx.Client) -> list[str]:
    """Return the ids of all datasets, each of which can be read."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "200"} | ({} if cursor is None else {"cursor": cursor})
        page = client.get("/v1/datasets", params=query).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    for each in found:
        assert client.get(f"/v1/datasets/{each}/rows").status_code == 200
    return found
