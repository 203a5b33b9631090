"""The scheduler of a cluster killed in a fit and started again, under traffic."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.faults.traffic import BOUND, traffic
from tests.faults.work import ASYNC, PATIENCE, QUESTION, begin, model_of, succeeds
from tests.service.clusters import clustered
from tests.service.jobs import soon
from tests.service.test_problems import read
from tools.live import started

pytestmark = pytest.mark.slow


def test_long_work_waits_for_the_scheduler_and_small_work_goes_on(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("cluster", "data")]
    for place in places:
        place.mkdir()
    with clustered(places[0], 1) as cluster:
        given = {
            "PARTIALPOOL_COMPUTE": cluster.address,
            "PARTIALPOOL_BUNDLED_DATA": "false",
            "PARTIALPOOL_JOB_STALE_SECONDS": "3",
        }
        with (
            started(places[1], given) as live,
            httpx.Client(base_url=live.url, timeout=BOUND) as client,
        ):
            model = model_of(client)
            with traffic(live.url, clients=2) as asked:
                asked.until(201)
                job = begin(client, model)
                assert cluster.scheduler is not None
                cluster.scheduler.kill()
                assert soon(lambda: client.get(job).json()["state"] == "queued", PATIENCE)
                answer = client.get(
                    f"{model}/fixed-effects", params=QUESTION | {"seed": "2"}, headers=ASYNC
                )
                assert (read(answer).code, answer.status_code) == ("unavailable", 503)
                assert int(answer.headers["retry-after"]) > 0
                asked.until(201)  # a fit that a thread does needs no cluster
                cluster.schedule()
                cluster.work(1)
                succeeds(client, job)
                succeeds(client, begin(client, model, seed=2))
            for path in asked.jobs:
                succeeds(client, path)
            asked.verify(live.url)
