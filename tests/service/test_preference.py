from __future__ import annotations

import pytest
from starlette.requests import Request

from service.preference import preference_of


@pytest.mark.parametrize(
    ("headers", "asynchronous", "seconds", "applied"),
    [
        ([], False, 20, ""),
        (["respond-async"], True, 0, "respond-async"),
        (["Respond-Async; foo=1"], True, 0, "respond-async"),
        (["wait=5"], False, 5, "wait=5"),
        (["respond-async, wait=5"], True, 5, "respond-async, wait=5"),
        (["wait=3", "respond-async"], True, 3, "respond-async, wait=3"),
        (["wait=3, wait=4"], False, 3, "wait=3"),
        (["wait=999999999999"], False, 20, "wait=20"),
        (["wait=soon, handling=lenient"], False, 20, ""),
        (["wait=-1"], False, 20, ""),
    ],
)
def test_what_is_preferred_is_read_as_the_rfc_has_it(
    headers: list[str], asynchronous: bool, seconds: float, applied: str
) -> None:
    raw = [(b"prefer", header.encode()) for header in headers]
    found = preference_of(Request({"type": "http", "headers": raw}), 20)
    assert (found.asynchronous, found.seconds, found.applied) == (asynchronous, seconds, applied)
