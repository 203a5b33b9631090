"""What Prometheus reads: from a real service, with and without an admin port."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from service.context import Services
from service.observing.scrape import scraped
from tools.live import Live, serving

DEPLOY = Path(__file__).parents[2] / "deploy"
FIT = {"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service that tells its metrics on a port of its own."""
    with serving(tmp_path_factory.mktemp("watched"), PARTIALPOOL_ADMIN_PORT="0") as running:
        yield running


def admin_of(running: Live) -> str:
    found = re.search(r"metrics at (\S+)/metrics", running.greeting)
    assert found is not None
    return found[1]


def samples(url: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def results(url: str, outcome: str) -> float:
    key = ("partialpool_results_total", (("kind", "fit"), ("outcome", outcome)))
    return samples(url).get(key, 0.0)


def test_fits_are_counted_by_how_they_came(watched: Live) -> None:
    admin = admin_of(watched)
    before = {outcome: results(admin, outcome) for outcome in ("made", "found", "failed")}
    for _ in range(3):
        assert httpx.post(f"{watched.url}/v1/models", json=FIT).status_code in {200, 201}
    wrong = {**FIT, "formula": "log(radon + 0.1) ~ 1 + (1 | county) + offset(floor, floor)"}
    assert httpx.post(f"{watched.url}/v1/models", json=wrong).status_code == 422
    infinite = {**FIT, "formula": "log(radon) ~ floor + (1 | county)"}
    assert httpx.post(f"{watched.url}/v1/models", json=infinite).status_code == 422
    assert results(admin, "made") == before["made"] + 1
    assert results(admin, "found") == before["found"] + 2
    assert results(admin, "failed") == before["failed"] + 1  # one formula was no fit at all


def test_requests_are_timed_by_operation_and_not_by_path(watched: Live) -> None:
    admin = admin_of(watched)
    for path in ("/v1/limits", "/v1/nothing/secret-7", "/v1/models/m_unknown"):
        httpx.get(f"{watched.url}{path}")
    httpx.head(f"{watched.url}/v1/limits")
    counted = {
        (labels["operation"], labels["method"], labels["status"])
        for (name, pairs) in samples(admin)
        if name == "partialpool_request_seconds_count" and (labels := dict(pairs))
    }
    assert {("limits", "GET", "200"), ("limits", "HEAD", "200")} <= counted
    assert {("none", "GET", "404"), ("read_model", "GET", "404")} <= counted
    assert "secret-7" not in httpx.get(f"{admin}/metrics").text


def test_methods_that_nobody_knows_make_no_new_series(watched: Live) -> None:
    for method in ("PROPFIND", "MKCOL"):
        httpx.request(method, f"{watched.url}/v1/limits")
    methods = {dict(pairs).get("method") for _, pairs in samples(admin_of(watched))}
    assert "other" in methods
    assert not methods & {"PROPFIND", "MKCOL"}


def test_the_queue_of_the_catalog_is_told(watched: Live) -> None:
    told = samples(admin_of(watched))
    assert told[("partialpool_jobs", (("state", "queued"),))] == 0
    assert told[("partialpool_catalog_up", ())] == 1
    assert told[("partialpool_compute_up", ())] == 1
    assert told[("partialpool_worker_deaths_total", ())] == 0


def test_with_an_admin_port_metrics_are_there_and_nowhere_else(watched: Live) -> None:
    assert httpx.get(f"{watched.url}/metrics").status_code == 404
    admin = admin_of(watched)
    assert httpx.get(f"{admin}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{admin}/readyz").status_code == 200
    other = httpx.get(f"{admin}/v1/models")
    assert other.status_code == 404
    assert other.headers["content-type"] == "application/problem+json"


def test_without_an_admin_port_the_service_tells_them(live: Live) -> None:
    assert samples(live.url)[("partialpool_catalog_up", ())] == 1


@pytest.mark.anyio
async def test_metrics_are_told_while_the_catalog_does_not_answer(
    app: FastAPI, parts: Services, tmp_path: Path
) -> None:
    del app
    catalog = tmp_path / "var" / "catalog.db"
    for file in catalog.parent.glob("catalog.db*"):
        file.rename(file.with_suffix(".gone"))
    catalog.mkdir()
    await parts.database.close()  # after it is gone: what runs beside may have opened it again
    text = (await scraped(parts.instruments, parts.queue, parts.workers)).decode()
    catalog.rmdir()
    for file in catalog.parent.glob("*.gone"):
        file.unlink()
    assert "partialpool_catalog_up 0.0" in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize(
    "asking",
    ["alerts.yml", "grafana/dashboards/partialpool.json", "prometheus/consoles/partialpool.html"],
)
def test_alerts_and_dashboards_ask_for_metrics_that_there_are(live: Live, asking: str) -> None:
    told = {name for name, _ in samples(live.url)} | families(live.url)
    asked = set(re.findall(r"partialpool_\w+", (DEPLOY / asking).read_text()))
    assert len(asked) >= 4
    assert asked <= told


def families(url: str) -> set[str]:
    """Return the names that every sample of a declared family would have."""
    declared = re.findall(r"# TYPE (\w+) (\w+)", httpx.get(f"{url}/metrics").text)
    ends = {"histogram": ("_bucket", "_count", "_sum")}
    return {name + end for name, kind in declared for end in ends.get(kind, ("",))}


def test_the_time_of_catalog_and_store_is_told(watched: Live) -> None:
    httpx.post(f"{watched.url}/v1/models", json={**FIT, "method": "ML"})
    told = samples(admin_of(watched))

    def asked(part: str, operation: str) -> float:
        labels = (("operation", operation), ("outcome", "answered"), ("part", part))
        return told[("partialpool_store_seconds_count", labels)]

    assert min(asked("catalog", "read"), asked("catalog", "write"), asked("blobs", "put")) > 0
