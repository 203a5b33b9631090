from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from service.schemas.problems import Problem
from tools.live import Live, serving

LIMIT = 100_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service that takes small bodies only."""
    directory = tmp_path_factory.mktemp("small")
    with serving(directory, PARTIALPOOL_MAX_BODY_BYTES=str(LIMIT)) as running:
        yield running


def test_an_id_is_made_for_every_request(live: Live) -> None:
    first, second = (httpx.get(f"{live.url}/healthz").headers["x-request-id"] for _ in range(2))
    assert first.startswith("req_")
    assert first != second


def test_a_sane_id_of_the_client_is_kept(live: Live) -> None:
    answer = httpx.get(f"{live.url}/healthz", headers={"x-request-id": "trace-1.2:3"})
    assert answer.headers["x-request-id"] == "trace-1.2:3"


@pytest.mark.parametrize("given", ["a b", "x" * 65, "<script>", ""])
def test_any_other_id_is_replaced(live: Live, given: str) -> None:
    answer = httpx.get(f"{live.url}/healthz", headers={"x-request-id": given})
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("path", ["/healthz", "/", "/nothing"])
def test_every_answer_carries_the_security_headers(live: Live, path: str) -> None:
    headers = httpx.get(f"{live.url}{path}").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers


def test_head_answers_as_get_without_the_body(live: Live) -> None:
    answer = httpx.head(f"{live.url}/v1/limits")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


def refused(answer: httpx.Response) -> bool:
    problem = Problem.model_validate_json(answer.content)
    assert problem.request_id == answer.headers["x-request-id"]
    return answer.status_code == 413 and problem.code == "body_too_large"


@pytest.mark.parametrize("size", [LIMIT + 1, 50 * LIMIT])
def test_a_body_over_the_limit_is_refused_by_its_length(small: Live, size: int) -> None:
    assert refused(httpx.post(f"{small.url}/v1/models/validate", content=b"x" * size))
    assert httpx.get(f"{small.url}/healthz").status_code == 200


def test_a_streamed_body_is_refused_once_it_passes_the_limit(small: Live) -> None:
    chunks = (b"x" * 1000 for _ in range(1000))
    headers = {"content-type": "application/json"}
    url = f"{small.url}/v1/models/validate"
    assert refused(httpx.post(url, content=chunks, headers=headers))


def test_a_length_that_lies_does_not_pass_the_limit(small: Live) -> None:
    address = urlsplit(small.url)
    with socket.create_connection((address.hostname or "", address.port or 0), 5) as connection:
        head = (
            f"POST /v1/models/validate HTTP/1.1\r\nHost: x\r\nContent-Length: {LIMIT * 10}\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert b"413" in connection.recv(4096)


def test_the_access_log_has_one_line_a_request_and_no_data(tmp_path: Path) -> None:
    with serving(tmp_path, PARTIALPOOL_ACCESS_LOG="true") as running:
        httpx.get(f"{running.url}/v1/limits", params={"secret": "sesame"})
    lines = running.log.read_text()
    assert '"path": "/v1/limits"' in lines
    assert '"status": 200' in lines
    assert "sesame" not in lines


@pytest.mark.parametrize(
    "sent", [b"not http\r\n\r\n", b"GET /?" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"]
)
def test_what_is_not_http_is_told_a_problem_too(live: Live, sent: bytes) -> None:
    address = urlsplit(live.url)
    with socket.create_connection((address.hostname or "", address.port or 0), 5) as connection:
        connection.sendall(sent)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, body = answer.split(b"\r\n\r\n", 1)
    problem = Problem.model_validate_json(body)
    assert (problem.code, problem.status) == ("bad_request", 400)
    assert problem.request_id.encode() in head
    assert b"application/problem+json" in head


@pytest.mark.anyio
async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(
    app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    messages: Iterator[Message] = iter(
        [
            {"type": "http.request", "body": b'{"dataset": ', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent: list[Message] = []

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/models",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    await app(scope, receive, send)
    assert sent == []
    assert "unhandled" not in capsys.readouterr().err
