"""How the smoke test of containers asks: what passes is asked again, and what is wrong is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tools.live import Live
from tools.smoke.asking import Service
from tools.smoke.traffic import Kept


class Handler(BaseHTTPRequestHandler):
    """Answers with the statuses it was given, in their order, and remembers keys."""

    statuses: list[int]
    keys: list[str]

    def do_POST(self) -> None:
        self.keys.append(self.headers["Idempotency-Key"])
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.statuses.pop(0))
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name it has
        """Say nothing."""


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[Service, list[str]]]:
    """A service that gives these answers to POST, and the keys that it saw."""
    keys: list[str] = []
    handler = type("Own", (Handler,), {"statuses": list(statuses), "keys": keys})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Service(f"http://127.0.0.1:{server.server_port}", 5.0), keys
        finally:
            server.shutdown()
            thread.join()


def test_a_request_that_meets_a_lost_replica_is_sent_again_under_its_key() -> None:
    with answering(503, 502, 200) as (service, keys):
        assert service.ask("/v1/models", {}).status == 200
    assert (len(keys), len(set(keys))) == (3, 1)
    assert service.again == {"503": 1, "502": 1}


def test_what_does_not_pass_is_an_error_at_once() -> None:
    with answering(422) as (service, keys), pytest.raises(AssertionError, match="422"):
        service.ask("/v1/models", {})
    assert len(keys) == 1


def test_what_has_changed_since_it_was_kept_is_told(live: Live) -> None:
    service, kept = Service(live.url, 30.0), Kept()
    kept.keep(service, "/v1/limits", "application/json")
    kept.check(service)
    kept.bodies["/v1/limits", "application/json", None] = b"{}"
    with pytest.raises(AssertionError, match="changed"):
        kept.check(service)


@pytest.mark.slow
def test_a_job_is_followed_to_its_end(live: Live) -> None:
    service = Service(live.url, 30.0)
    fit = {"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}
    model = service.ask("/v1/models", fit).json()["id"]
    path = f"/v1/models/{model}/fixed-effects?interval=bootstrap&n_sim=20&seed=7"
    answer = service.ask(path, Prefer="respond-async")
    told = service.follow(answer.headers["location"])
    assert told[-1]["state"] == "succeeded"
    assert service.ask(told[-1]["result"]["href"]).json()["items"]
