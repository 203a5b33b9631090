"""The database and the store of files taken away and given back, under two services at work."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.faults.conftest import Fleet
from tests.faults.traffic import BOUND, traffic
from tests.faults.work import PATIENCE, begin, model_of, succeeds
from tests.service.jobs import soon
from tests.service.test_problems import read

pytestmark = pytest.mark.slow

AWAY_SECONDS = 8.0
"""Longer than a job may be silent before others take it for lost."""


def _survives(fleet: Fleet, take: Callable[[], None], give: Callable[[], None]) -> None:
    """Assert that services say what they lack while it lasts, and are well again afterwards."""
    here, there = fleet.clients
    with traffic(*fleet.urls) as asked:
        asked.until(201)
        job = begin(here, fleet.model)
        take()
        try:
            asked.until(503)
            problem = read(here.get("/readyz"))
            assert (problem.code, problem.retryable) == ("unavailable", True)
            assert here.get("/healthz").status_code == 200
            time.sleep(AWAY_SECONDS)
        finally:
            give()
        for client in fleet.clients:
            assert soon(lambda client=client: client.get("/readyz").is_success, PATIENCE)  # type: ignore[misc]
        asked.until(201)
        succeeds(there, job)
    for path in asked.jobs:
        succeeds(here, path)
    for url in fleet.urls:
        asked.verify(url)
    assert fleet.here.process.poll() is fleet.there.process.poll() is None


def test_a_database_that_stops_and_starts(fleet: Fleet) -> None:
    _survives(fleet, fleet.postgres.stop, fleet.postgres.start)


def test_a_database_that_hangs(fleet: Fleet) -> None:
    _survives(
        fleet,
        lambda: fleet.postgres.signal(signal.SIGSTOP),
        lambda: fleet.postgres.signal(signal.SIGCONT),
    )


def test_a_store_that_refuses_and_answers_again(fleet: Fleet) -> None:
    _survives(fleet, fleet.line.cut, fleet.line.mend)


def test_a_store_that_hangs(fleet: Fleet) -> None:
    process = fleet.storage.process
    assert process is not None
    _survives(
        fleet,
        lambda: process.send_signal(signal.SIGSTOP),
        lambda: process.send_signal(signal.SIGCONT),
    )


def test_a_store_whose_process_is_killed_and_started_again(fleet: Fleet) -> None:
    _survives(fleet, fleet.storage.stop, fleet.storage.start)


def test_a_job_whose_worker_finds_no_store_waits_for_it(fleet: Fleet) -> None:
    here, there = fleet.clients
    succeeds(here, begin(here, fleet.model, seed=2))  # the worker is there
    model = model_of(there, "y ~ 1 + (1 | county)")
    assert here.get(f"{model}/fixed-effects").is_success  # here has a copy, its worker none
    fleet.line.cut()
    try:
        question = {"interval": "bootstrap", "n_sim": "3000", "seed": "3"}
        answer = here.get(
            f"{model}/fixed-effects", params=question, headers={"prefer": "respond-async"}
        )
        assert answer.status_code == 202, answer.text
        path = str(answer.headers["location"])
        waiting = "does not answer"
        assert soon(lambda: waiting in here.get(path).json()["message"], BOUND)
    finally:
        fleet.line.mend()
    succeeds(here, path)
