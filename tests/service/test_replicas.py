"""Two processes of the service on one PostgreSQL and one S3 server, and what becomes of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.servers import Postgres, Storage
from tests.service.jobs import soon
from tests.service.test_jobs import PATIENCE, long_fit, until, upload
from tests.service.test_problems import read
from tools.live import Live, serving

RADON = {"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}
ASYNC = {"prefer": "respond-async"}


@dataclass(frozen=True)
class Fleet:
    """Two replicas, a client of each, and what they were told."""

    clients: tuple[httpx.Client, httpx.Client]
    replicas: tuple[Live, Live]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def fleet(
    postgres: Postgres, storage: Storage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    environment = {
        "PARTIALPOOL_CATALOG_URL": postgres.database(),
        "PARTIALPOOL_BLOBS_URL": storage.bucket(),
        "PARTIALPOOL_WORKER_PROCESSES": "1",
    }
    directories = [tmp_path_factory.mktemp(name) for name in ("here", "there")]
    with (
        serving(directories[0], **environment) as here,
        serving(directories[1], **environment) as there,
        httpx.Client(base_url=here.url, timeout=PATIENCE) as first,
        httpx.Client(base_url=there.url, timeout=PATIENCE) as second,
    ):
        yield Fleet((first, second), (here, there), environment)


@pytest.mark.slow
def test_equal_fits_asked_of_both_are_made_once(fleet: Fleet) -> None:
    """Twelve at once for each of several models: one answer says that it was made, and no more."""
    for method in ("ML", "REML"):
        body = RADON | {"method": method}

        def ask(client: httpx.Client, body: dict[str, str] = body) -> httpx.Response:
            return client.post("/v1/models", json=body)

        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(ask, fleet.clients * 6))
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [200] * 11 + [201], [answer.text for answer in answers]
        assert len({answer.content for answer in answers}) == 1


@pytest.mark.slow
def test_a_keyed_upload_is_kept_once_whoever_is_asked(fleet: Fleet) -> None:
    def ask(client: httpx.Client) -> httpx.Response:
        headers = {"content-type": "text/csv", "idempotency-key": "an-upload"}
        return client.post("/v1/datasets?name=keyed", content="a,b\n1,2\n", headers=headers)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, fleet.clients * 4))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {read(a).code for a in answers if a.status_code == 409} <= {"idempotency_in_progress"}
    again = [ask(client) for client in fleet.clients]
    assert [answer.status_code for answer in again] == [201, 201]
    assert len({answer.text for answer in again}) == 1


@pytest.mark.slow
def test_a_job_is_one_for_both_and_either_may_cancel_it(fleet: Fleet) -> None:
    here, there = fleet.clients
    upload(here)
    first, second = long_fit(here), long_fit(there)
    assert first == second
    assert until(there, first, "running")["state"] == "running"
    assert here.delete(first).json()["state"] == "cancelled"
    assert there.get(first).json()["state"] == "cancelled"


@pytest.mark.slow
def test_a_database_that_stops_and_starts_loses_nothing(fleet: Fleet, postgres: Postgres) -> None:
    here, there = fleet.clients
    path = here.post("/v1/models", json=RADON).headers["location"]
    postgres.stop()
    try:
        time.sleep(1.1)  # what was read a moment ago is not remembered any longer
        for answer in (here.get(path), there.get("/v1/datasets"), here.get("/readyz")):
            problem = read(answer)
            assert (problem.code, problem.retryable) == ("unavailable", True)
            assert int(answer.headers["retry-after"]) > 0
        assert here.get("/healthz").status_code == 200
    finally:
        postgres.start()
    for client in fleet.clients:
        assert soon(lambda client=client: client.get("/readyz").is_success, PATIENCE)  # type: ignore[misc]
        assert client.get(path).status_code == 200
    answer = there.post("/v1/models", json=RADON | {"weights": "floor"}, headers=ASYNC)
    assert until(here, answer.headers["location"], "failed")["error"]["status"] == 422


@pytest.mark.slow
def test_a_job_under_way_outlives_the_database(fleet: Fleet, postgres: Postgres) -> None:
    here, there = fleet.clients
    model = here.post("/v1/models", json=RADON).headers["location"]
    query = {"interval": "bootstrap", "n_sim": "3000"}
    job = here.get(f"{model}/fixed-effects", params=query, headers=ASYNC).headers["location"]
    until(there, job, "running")
    postgres.stop()
    time.sleep(1)
    postgres.start()
    assert soon(lambda: there.get("/readyz").is_success, PATIENCE)
    assert until(there, job, "succeeded", "failed", "cancelled")["state"] == "succeeded"


@pytest.mark.slow
def test_a_database_that_hangs_is_not_waited_for_for_ever(fleet: Fleet, postgres: Postgres) -> None:
    here, _ = fleet.clients
    postgres.signal(signal.SIGSTOP)
    try:
        assert read(here.get("/readyz")).code == "unavailable"
    finally:
        postgres.signal(signal.SIGCONT)
    assert soon(lambda: here.get("/readyz").is_success, PATIENCE)


@pytest.mark.slow
def test_a_sweep_by_hand_is_done_beside_the_service(fleet: Fleet, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service", "sweep"],
        env={
            "PATH": "",
            "TMPDIR": str(tmp_path),
            "PARTIALPOOL_DATA_DIR": str(tmp_path),
            **_aws(),
            **fleet.environment,
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"datasets": 0, "models": 0, "files": 0, "unfinished": 0}


def _aws() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
