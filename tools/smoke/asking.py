"""Requests as a patient client sends them: again when a connection breaks or a 503 says so."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

PASSING: Final = {429, 502, 503, 504}
"""What is answered while a replica is lost; it passes."""
ENDED: Final = {"succeeded", "failed", "cancelled"}


@dataclass(frozen=True)
class Answer:
    """A status, headers in lower case, a body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def begun_elsewhere(self) -> bool:
        """Whether the first of two requests with one key is still being answered."""
        return self.status == 409 and b'"idempotency_in_progress"' in self.body

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Service:
    """A service by its URL; ``again`` counts the requests sent again, by what had come of them."""

    def __init__(self, url: str, patience: float) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._patience = patience
        self.again: Counter[str] = Counter()

    def ask(
        self,
        path: str,
        body: bytes | dict[str, Any] | None = None,
        *,
        kind: str = "application/json",
        accept: str = "application/json",
        **headers: str,
    ) -> Answer:
        """Return the answer; with a body it is a POST, under one key however often it is sent.

        Raises ``AssertionError`` when it is no success, or none comes for too long.
        """
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        sent = {"Accept": accept, **{key.replace("_", "-"): own for key, own in headers.items()}}
        if content is not None:
            sent |= {"Content-Type": kind, "Idempotency-Key": str(uuid4())}
        end, said = time.monotonic() + self._patience, ""
        while time.monotonic() < end:
            try:
                answer = self.once(path, content, sent)
            except (OSError, http.client.HTTPException) as error:
                said, why = repr(error), type(error).__name__
            else:
                if answer.status not in PASSING and not answer.begun_elsewhere:
                    assert answer.status < 300, f"{path}: {answer.status} {answer.body[:500]!r}"
                    return answer
                said, why = f"{answer.status} {answer.body[:300]!r}", str(answer.status)
            self.again[why] += 1
            time.sleep(0.3)
        raise AssertionError(f"{path}: {said}")

    def once(
        self, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Return the answer to a request that is sent once, whatever it is.

        Raises ``OSError`` or ``HTTPException`` when there is none.
        """
        line = http.client.HTTPConnection(*self._address, timeout=60)
        try:
            line.request("GET" if content is None else "POST", path, content, headers or {})
            found = line.getresponse()
            named = {name.lower(): value for name, value in found.getheaders()}
            return Answer(found.status, named, found.read())
        finally:
            line.close()

    def status(self, path: str) -> int:
        """Return the status of an answer, 0 when there is none."""
        try:
            return self.once(path).status
        except (OSError, http.client.HTTPException):
            return 0

    def alive(self) -> bool:
        """Tell whether the service says that it lives."""
        return self.status("/healthz") == 200

    def follow(self, job: str) -> list[dict[str, Any]]:
        """Return what the events of a job told until its end; a broken stream is taken up again."""
        told: list[dict[str, Any]] = []
        end, last = time.monotonic() + 5 * self._patience, ""
        while not told or told[-1]["state"] not in ENDED:
            assert time.monotonic() < end, f"{job} does not end: {told[-1:]}"
            try:
                for number, event in self._events(f"{job}/events", last):
                    last = number or last
                    told.append(event)
            except (OSError, http.client.HTTPException) as error:
                self.again[f"events: {type(error).__name__}"] += 1
                time.sleep(0.3)
        return told

    def _events(self, path: str, last: str) -> Iterator[tuple[str, dict[str, Any]]]:
        line = http.client.HTTPConnection(*self._address, timeout=60)
        try:
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
            line.request("GET", path, headers=headers)
            stream, number = line.getresponse(), ""
            if stream.status != 200:
                raise OSError(f"{path}: {stream.status}")
            for raw in stream:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name == "id":
                    number = value
                elif name == "data":
                    yield number, json.loads(value)
        finally:
            line.close()
