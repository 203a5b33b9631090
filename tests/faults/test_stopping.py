"""One of two services that is told to stop while it is at work."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.faults.conftest import Fleet
from tests.faults.traffic import BOUND, CSV, traffic
from tests.faults.work import QUESTION, begin, followed, succeeds
from tests.service.jobs import children

pytestmark = pytest.mark.slow

DRAIN_SECONDS = 30
CONTENT = b"y,g\n" + b"".join(b"%d,%d\n" % (i, i % 7) for i in range(50_000))


def test_it_drains_and_the_other_goes_on(fleet: Fleet) -> None:
    """Streams end with the job as it is left, what was begun is finished, jobs go elsewhere."""
    here, there = fleet.clients
    upload, waiting = _Upload(fleet.here.url), _Waiting(fleet)
    with traffic(*fleet.urls) as asked:
        asked.until(201)
        job = begin(here, fleet.model)
        streams = [followed(here, job), followed(here, job)]
        seen = [next(stream) for stream in streams]
        upload.start()
        waiting.start()
        assert upload.half.wait(BOUND)
        begun = time.monotonic()
        fleet.here.process.terminate()
        upload.rest.set()
        ends = [list(stream)[-1] for stream in streams]
        assert fleet.here.process.wait(DRAIN_SECONDS) == -signal.SIGTERM
        assert time.monotonic() - begun < DRAIN_SECONDS
        assert {end["state"] for end in ends} == {"queued"}, (seen, ends)
        asked.until(0)
        asked.until(201)
        succeeds(there, job)
        upload.join(BOUND)
        waiting.join(BOUND)
        assert upload.answer is not None
        assert upload.answer.status_code == 201, upload.answer.text
        assert there.get("/v1/datasets/large").json()["n_rows"] == 50_000
        assert waiting.answer is not None
        assert waiting.answer.status_code == 202, "who waited for a job is told where it is"
        succeeds(there, waiting.answer.headers["location"])
    asked.verify(fleet.there.url)


def test_a_stream_of_what_runs_elsewhere_gets_a_last_event_too(fleet: Fleet) -> None:
    here, there = fleet.clients
    job = begin(here, fleet.model, seed=5)
    elsewhere = children(fleet.there.process.pid)
    client, stops, left = (here, fleet.here, there) if elsewhere else (there, fleet.there, here)
    stream = followed(client, job)
    first = next(stream)
    stops.process.terminate()
    *_, last = [first, *stream]
    assert last["state"] == "running"
    assert stops.process.wait(DRAIN_SECONDS) == -signal.SIGTERM
    succeeds(left, job)


class _Upload(threading.Thread):
    """An upload that stops half-way until it is told to go on."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.half, self.rest = threading.Event(), threading.Event()
        self.answer: httpx.Response | None = None
        self._url = f"{url}/v1/datasets?name=large"

    def run(self) -> None:
        self.answer = httpx.post(self._url, content=self._pieces(), headers=CSV, timeout=BOUND)

    def _pieces(self) -> Iterator[bytes]:
        yield CONTENT[: len(CONTENT) // 2]
        self.half.set()
        self.rest.wait(BOUND)
        time.sleep(1)
        yield CONTENT[len(CONTENT) // 2 :]


class _Waiting(threading.Thread):
    """A request that waits for a job."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(daemon=True)
        self.answer: httpx.Response | None = None
        self._url = f"{fleet.here.url}{fleet.model}/fixed-effects"

    def run(self) -> None:
        self.answer = httpx.get(self._url, params=QUESTION | {"seed": "9"}, timeout=BOUND)
