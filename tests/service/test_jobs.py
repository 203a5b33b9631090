"""Jobs over HTTP: a service in its own process, its workers, and clients that poll and follow."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.service.jobs import alive, busy, children, soon
from tests.service.test_problems import read
from tools.live import Live, serving

# A machine that does much else starts a process slowly.
PATIENCE = 120

ASYNC = {"prefer": "respond-async"}
RADON = {"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}


@pytest.fixture(scope="module")
def client(live: Live) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.url, timeout=30) as client:
        upload(client)
        yield client


def upload(client: httpx.Client) -> None:
    """Upload ratings of so many items by so many raters that their fit takes long."""
    draw = np.random.default_rng(5)
    rater, item = draw.integers(0, 2500, 120_000), draw.integers(0, 1500, 120_000)
    y = draw.standard_normal(2500)[rater] + draw.standard_normal(1500)[item]
    table = pd.DataFrame({"y": y + draw.standard_normal(120_000), "rater": rater, "item": item})
    content = io.BytesIO()
    table.to_parquet(content)
    media = {"content-type": "application/vnd.apache.parquet"}
    url = "/v1/datasets?name=ratings"
    answer = client.post(url, content=content.getvalue(), headers=media)
    assert answer.is_success, answer.text


def long_fit(client: httpx.Client, formula: str = "y ~ 1 + (1 | rater) + (1 | item)") -> str:
    """Ask for a fit that takes many seconds; return the path of its job."""
    body = {"dataset": "ratings", "formula": formula}
    answer = client.post("/v1/models", json=body, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def until(
    client: httpx.Client, path: str, *states: str, seconds: float = PATIENCE
) -> dict[str, Any]:
    """Poll a job until it is in one of the states."""
    job: dict[str, Any] = {}

    def there() -> bool:
        job.update(client.get(path).json())
        return job["state"] in states

    assert soon(there, seconds), job
    return job


def events(
    client: httpx.Client, path: str, last: str | None = None
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Follow a job: the id, the name and the job of every event."""
    headers = {} if last is None else {"last-event-id": last}
    with client.stream("GET", f"{path}/events", headers=headers, timeout=PATIENCE) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            else:
                yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                fields = {}


def test_who_asks_for_a_job_gets_one_and_it_leads_to_the_result(client: httpx.Client) -> None:
    answer = client.post("/v1/models", json=RADON | {"method": "ML"}, headers=ASYNC)
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    job = answer.json()
    assert (job["state"], job["kind"], job["result"]) == ("queued", "fit", None)
    path = answer.headers["location"]
    assert path == f"/v1/jobs/{job['id']}"
    assert int(client.get(path).headers.get("retry-after", 1)) > 0
    done = until(client, path, "succeeded", "failed")
    assert (done["state"], done["progress"], done["error"]) == ("succeeded", 1.0, None)
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]
    model = client.get(done["result"]["href"])
    assert (model.status_code, model.json()["method"]) == (200, "ML")
    again = client.post("/v1/models", json=RADON | {"method": "ML"}, headers=ASYNC)
    assert (again.status_code, again.headers["location"]) == (200, done["result"]["href"])


def test_rows_that_come_with_the_request_can_be_fitted_by_a_job(client: httpx.Client) -> None:
    rows = {"y": [1.0, 2.0, 4.0, 3.0, 5.0, 5.5], "g": ["a", "a", "b", "b", "c", "c"]}
    body = {"data": {"columns": rows}, "formula": "y ~ 1 + (1 | g)"}
    path = client.post("/v1/models", json=body, headers=ASYNC).headers["location"]
    done = until(client, path, "succeeded", "failed")
    assert client.get(done["result"]["href"]).json()["groups"] == {"g": 3}


def test_a_job_fails_with_the_problem_that_a_request_would_have(client: httpx.Client) -> None:
    body = {"dataset": "minnesota-radon", "formula": "radon ~ flor + (1 | county)"}
    path = client.post("/v1/models", json=body, headers=ASYNC).headers["location"]
    error = until(client, path, "succeeded", "failed")["error"]
    assert (error["status"], error["code"], error["instance"]) == (422, "invalid_model", path)
    told = read(client.post("/v1/models", json=body))
    assert error["errors"] == [item.model_dump() for item in told.errors]


def test_progress_moves_and_a_stream_is_taken_up_where_it_was_left(client: httpx.Client) -> None:
    path = long_fit(client)
    seen = []
    for number, name, job in events(client, path):
        seen.append((number, job["progress"]))
        assert name == job["state"]
        if len({progress for _, progress in seen}) >= 4:
            break
    assert seen == sorted(seen), "ids rise, and progress does not fall"
    assert all(0 <= progress < 1 for _, progress in seen)
    last = seen[-1][0]
    number, _, _ = next(events(client, path, str(last)))
    assert number > last, "what was seen is not sent again"
    client.delete(path)
    assert [name for _, name, _ in events(client, path, str(number))] == ["cancelled"]
    again = list(events(client, path, "999999"))
    assert [name for _, name, _ in again] == ["cancelled"], "the end is told to whoever asks"


def test_cancelling_frees_the_processor_within_a_second(client: httpx.Client, live: Live) -> None:
    path = long_fit(client)
    assert soon(lambda: client.get(path).json()["progress"] > 0.3, PATIENCE), (
        "in the midst of a search"
    )
    worker = busy(live.process.pid)
    begun = time.monotonic()
    job = client.delete(path).json()
    assert soon(lambda: not alive(worker), 1 - (time.monotonic() - begun))
    assert (job["state"], job["result"]) == ("cancelled", None)
    assert client.delete(path).json()["state"] == "cancelled", "once more is no error"


def test_the_same_asked_twice_is_one_job_and_another_model_another(client: httpx.Client) -> None:
    first, second = long_fit(client), long_fit(client, "y ~ (1 | item) + (1 | rater)")
    assert first == second
    other = long_fit(client, "y ~ 1 + (1 | rater)")
    assert other != first
    found = client.get("/v1/jobs", params={"limit": 1})
    assert found.json()["items"][0]["id"] == other.rpartition("/")[2]
    assert found.json()["next"]
    assert client.head(f"{other}/events", timeout=5).status_code == 200
    for path in (first, other):
        client.delete(path)
    cancelled = client.get("/v1/jobs", params={"state": "cancelled", "limit": 2}).json()["items"]
    assert [f"/v1/jobs/{job['id']}" for job in cancelled] == [other, first]


def test_who_waits_for_what_is_cancelled_is_told(client: httpx.Client) -> None:
    path = long_fit(client)
    waited = client.post(
        "/v1/models",
        json={"dataset": "ratings", "formula": "y ~ 1 + (1 | rater) + (1 | item)"},
        headers={"prefer": "wait=0"},
    )
    assert (waited.status_code, waited.headers["location"]) == (202, path)
    assert waited.headers["preference-applied"] == "wait=0"
    client.delete(path)


@pytest.mark.slow
def test_a_worker_killed_in_a_fit_is_replaced_and_the_fit_begins_again(
    client: httpx.Client, live: Live
) -> None:
    path = long_fit(client)

    def strike() -> None:
        assert soon(lambda: client.get(path).json()["progress"] > 0, PATIENCE)
        os.kill(busy(live.process.pid), signal.SIGKILL)

    strike()
    assert soon(lambda: client.get(path).json()["progress"] == 0, PATIENCE), "it begins again"
    strike()
    error = until(client, path, "failed")["error"]
    assert (error["status"], error["code"], error["retryable"]) == (503, "worker_died", True)
    other = client.post("/v1/models", json=RADON | {"weights": "floor"}, headers=ASYNC)
    assert until(client, other.headers["location"], "failed")["error"]["status"] == 422


@pytest.mark.parametrize("path", ["/v1/jobs/job_none", "/v1/jobs/job_none/events"])
def test_a_job_that_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    assert read(client.get(path)).code == "job_not_found"


@pytest.mark.slow
def test_jobs_survive_a_stop_and_a_crash_of_the_service(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Stopped by a signal, then killed, then left alone: the job it had is done in the end."""
    directory = tmp_path_factory.mktemp("restart")
    given = {"PARTIALPOOL_JOB_STALE_SECONDS": "2", "PARTIALPOOL_BUNDLED_DATA": "true"}
    query = {"interval": "bootstrap", "n_sim": "3000"}
    with serving(directory, **given) as live, httpx.Client(base_url=live.url) as client:
        model = client.post("/v1/models", json=RADON).headers["location"]
        answer = client.get(f"{model}/fixed-effects", params=query, headers=ASYNC)
        path = answer.headers["location"]
        following = events(client, path)
        assert any(job["progress"] > 0 for _, _, job in following)
        live.process.terminate()
        *_, (number, name, _) = following
        assert name == "queued", "the stream ends with the job back in the queue"
        assert live.process.wait(10) == -signal.SIGTERM
    with serving(directory, **given) as live, httpx.Client(base_url=live.url) as client:
        assert soon(lambda: client.get(path).json()["progress"] > 0, PATIENCE)
        workers = children(live.process.pid)
        live.process.kill()
        live.process.wait(10)
        assert soon(lambda: not any(map(alive, workers)), 3), "no worker outlives its service"
    with serving(directory, **given) as live, httpx.Client(base_url=live.url) as client:
        *_, (last, name, _) = events(client, path, str(number))
        assert (last > number, name) == (True, "succeeded")
        found = client.get(f"{model}/fixed-effects", params=query)
        assert (found.status_code, found.elapsed.total_seconds() < 0.5) == (200, True)
