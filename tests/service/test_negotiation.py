from __future__ import annotations

import pytest
from starlette.requests import Request

from service.negotiation import choose, etag_of, is_current
from service.problems import ProblemError

OFFERS = ("application/json", "text/csv", "text/plain")


def asking(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return Request({"type": "http", "headers": raw})


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/*", "text/csv"),
        ("text/plain;q=0.9, text/csv;q=0.8", "text/plain"),
        ("text/*, text/csv;q=0", "text/plain"),
        ("image/png, */*;q=0.1", "application/json"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
    ],
)
def test_the_client_gets_what_it_likes_best(accept: str, chosen: str) -> None:
    assert choose(asking(accept=accept), OFFERS) == chosen


def test_a_client_that_does_not_say_gets_the_first() -> None:
    assert choose(asking(), OFFERS) == "application/json"


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "", "text/csv;q=x", ";;,"])
def test_a_client_that_likes_nothing_we_have_is_told_so(accept: str) -> None:
    with pytest.raises(ProblemError) as caught:
        choose(asking(accept=accept), OFFERS)
    assert caught.value.kind.code == "not_acceptable"


@pytest.mark.parametrize("header", ['"a"', '"b", "a"', 'W/"a"', "*"])
def test_a_tag_that_matches_is_current(header: str) -> None:
    assert is_current(asking(if_none_match=header), '"a"')


@pytest.mark.parametrize("header", ['"b"', "a", ""])
def test_any_other_is_not(header: str) -> None:
    assert not is_current(asking(if_none_match=header), '"a"')
    assert not is_current(asking(), '"a"')


def test_a_tag_follows_from_the_content() -> None:
    assert etag_of(b"a") == etag_of(b"a") != etag_of(b"b")
