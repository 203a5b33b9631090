from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from partialpool import AsyncClient, Client, ProblemError, Retries, UnreachableError
from partialpool.retrying import asked
from partialpool.steps import Pause, Request
from tests.client.answering import Said, answering

QUICK = Retries(attempts=4, seconds=10, first_pause=0.001)
USAGE = json.dumps(
    {
        "datasets": {"count": 1, "bytes": 2},
        "models": {"count": 0, "bytes": 0},
        "bytes": 2,
        "quotas": {"bytes": None, "datasets": None, "models": None},
    }
).encode()
DATASET = json.dumps(
    {
        "id": "ds_a",
        "name": None,
        "kind": "table",
        "n_rows": 2,
        "n_columns": 1,
        "size_bytes": 10,
        "public": False,
        "created_at": "2026-01-01",
        "content_hash": "00",
        "columns": [],
        "parts": [],
        "previous": None,
        "reference": None,
        "summary": None,
    }
).encode()


def job(state: str) -> str:
    told = {"id": "job_a", "kind": "fit", "title": "fit", "state": state, "progress": 0.5}
    none = dict.fromkeys(["result", "error", "started_at", "finished_at"])
    return json.dumps({**told, **none, "message": "", "created_at": "2026-01-01"})


LATER = Said(429, headers={"Retry-After": "0"})


def problem(**told: Any) -> bytes:
    body = {
        "type": "/problems/invalid_model",
        "title": "The model does not fit the dataset",
        "status": 422,
        "detail": "column flor is not in the data",
        "instance": "/v1/models",
        "code": "invalid_model",
        "errors": [
            {
                "pointer": "#/formula",
                "code": "unknown_column",
                "detail": "column flor is not in the data",
                "hint": "did you mean floor?",
            }
        ],
        "retryable": False,
        "request_id": "req_1",
    }
    return json.dumps(body | told).encode()


def steps_of(request: Request, *answers: httpx.Response | Exception) -> list[Request | Pause]:
    """Take the steps of a request that is answered so, and return them."""
    call = asked(request, Retries(attempts=3, seconds=60), clock=lambda: 0.0)
    taken, given = [next(call)], iter(answers)
    while True:
        try:
            if isinstance(taken[-1], Pause):
                taken.append(call.send(None))
                continue
            answer = next(given)
            step = call.throw(answer) if isinstance(answer, Exception) else call.send(answer)
            taken.append(step)
        except StopIteration:
            return taken


def answered(status: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, request=httpx.Request("GET", "http://here/x"))


@pytest.mark.parametrize("status", [429, 503])
def test_what_is_refused_for_the_moment_is_asked_again(status: int) -> None:
    refused = Said(status, headers={"Retry-After": "0"})
    with (
        answering(refused, refused, Said(200, USAGE)) as server,
        Client(server.url, retries=QUICK) as client,
    ):
        assert client.usage().datasets.count == 1
    assert len(server.asked) == 3


@pytest.mark.anyio
async def test_a_client_that_awaits_asks_again_too() -> None:
    with answering(LATER, Said(200, USAGE)) as server:
        async with AsyncClient(server.url, retries=QUICK) as client:
            assert (await client.usage()).bytes == 2
    assert len(server.asked) == 2


def test_retry_after_says_how_long_to_pause() -> None:
    taken = steps_of(Request("GET", "/"), answered(503, retry_after="7"), answered(200))
    assert taken[1] == Pause(7.0)


def test_retry_after_may_be_a_date() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    taken = steps_of(Request("GET", "/"), answered(429, retry_after=when), answered(200))
    assert isinstance(taken[1], Pause)
    assert 25 < taken[1].seconds <= 30


def test_a_date_that_has_passed_is_no_pause() -> None:
    when = "Wed, 21 Oct 2015 07:28:00 GMT"
    taken = steps_of(Request("GET", "/"), answered(429, retry_after=when), answered(200))
    assert taken[1] == Pause(0.0)


@pytest.mark.parametrize("said", ["soon", ""])
def test_without_a_time_pauses_grow(said: str) -> None:
    busy = answered(503, retry_after=said)
    taken = steps_of(Request("GET", "/"), busy, busy, answered(200))
    first, second = (step for step in taken if isinstance(step, Pause))
    assert 0.1 < first.seconds < second.seconds < 1


def test_a_service_that_asks_to_wait_too_long_is_not_waited_for() -> None:
    with pytest.raises(ProblemError) as error:
        steps_of(Request("GET", "/"), answered(429, retry_after="3600"))
    assert error.value.retry_after == 3600


def test_attempts_have_an_end() -> None:
    with (
        answering(LATER) as server,
        Client(server.url, retries=QUICK) as client,
        pytest.raises(ProblemError) as error,
    ):
        client.usage()
    assert (error.value.status, len(server.asked)) == (429, QUICK.attempts)


def test_a_connection_that_breaks_is_made_again() -> None:
    with (
        answering(Said(0), Said(200, USAGE)) as server,
        Client(server.url, retries=QUICK) as client,
    ):
        client.usage()
    assert len(server.asked) == 2


def test_what_might_be_done_twice_is_not_sent_twice() -> None:
    with pytest.raises(UnreachableError):
        steps_of(
            Request("POST", "/"), httpx.ReadError("", request=httpx.Request("POST", "http://x"))
        )
    refused = answered(503, retry_after="0")
    assert len(steps_of(Request("POST", "/"), refused, answered(200))) == 3


def test_an_upload_is_sent_again_whole_with_the_same_key(tmp_path: Path) -> None:
    file = tmp_path / "two.csv"
    file.write_text("x\n1\n2\n")
    with (
        answering(Said(0), LATER, Said(201, DATASET)) as server,
        Client(server.url, retries=QUICK) as client,
    ):
        assert client.upload(file).n_rows == 2
    assert {request.body for request in server.asked} == {file.read_bytes()}
    assert len({request.headers["idempotency-key"] for request in server.asked}) == 1


def test_a_large_file_is_never_whole_in_memory(tmp_path: Path) -> None:
    file, size = tmp_path / "large.csv", 64 << 20
    with file.open("wb") as written:
        written.truncate(size)
    with answering(Said(201, DATASET)) as server, Client(server.url, progress=False) as client:
        tracemalloc.start()
        client.upload(file)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert server.asked[0].size == size
    assert peak < size / 8


def test_events_that_break_off_are_taken_up_where_they_were() -> None:
    def event(number: int, state: str) -> bytes:
        return f"event: {state}\nid: {number}\ndata: {job(state)}\n\n".encode()

    with (
        answering(
            Said(200, job("queued").encode()),
            Said(200, event(1, "queued") + b"id: 2\ndata: {"),
            Said(200, event(2, "running") + event(3, "succeeded")),
        ) as server,
        Client(server.url, retries=QUICK) as client,
    ):
        found = [each.state for each in client.job("job_a").events()]
    assert found == ["queued", "running", "succeeded"]
    assert server.asked[2].headers["last-event-id"] == "1"


def test_where_nobody_listens_the_error_says_where() -> None:
    with (
        Client("http://127.0.0.1:9", retries=Retries(attempts=2, first_pause=0.001)) as client,
        pytest.raises(UnreachableError, match=r"http://127.0.0.1:9[\s\S]*hint: .*PARTIALPOOL_URL"),
    ):
        client.usage()


def test_an_error_prints_where_and_how_to_mend_it() -> None:
    with (
        answering(Said(422, problem())) as server,
        Client(server.url) as client,
        pytest.raises(ProblemError) as error,
    ):
        client.usage()
    found = error.value
    assert (found.status, found.code, found.pointer) == (422, "invalid_model", "#/formula")
    assert (found.title, found.hint) == (
        "The model does not fit the dataset",
        "did you mean floor?",
    )
    assert str(found) == (
        "column flor is not in the data\n  hint: did you mean floor?\n[422 invalid_model, req_1]"
    )
    assert len(server.asked) == 1


def test_an_answer_of_another_program_is_told_as_such() -> None:
    with (
        answering(Said(404, b"<html>")) as server,
        Client(server.url) as client,
        pytest.raises(ProblemError, match=r"answered 404 \(Not Found\)"),
    ):
        client.usage()


def test_keys_and_addresses_are_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(Said(200, USAGE)) as server:
        monkeypatch.setenv("PARTIALPOOL_URL", server.url)
        monkeypatch.setenv("PARTIALPOOL_API_KEY", "pp_secret")
        with Client() as client:
            client.usage()
            assert "pp_secret" not in repr(client)
    assert server.asked[0].headers["authorization"] == "Bearer pp_secret"
