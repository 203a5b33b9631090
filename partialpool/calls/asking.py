"""What calls have in common: a request in JSON, an answer of a type, pages, names in a path."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from partialpool.errors import UnexpectedAnswerError
from partialpool.frames import ARROW, frame_of
from partialpool.retrying import asked
from partialpool.session import AnySession
from partialpool.steps import Body, Request, Steps
from service.schemas.base import Asked

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
A = TypeVar("A", bound=BaseModel)

JSON: Final = "application/json"
PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list, and where the next ones are."""

    items: list[T]
    next: str | None


def ask(session: AnySession, request: Request) -> Steps[httpx.Response]:
    """Send a request until it is answered."""
    return (yield from asked(request, session.retries))


def read(answer: httpx.Response, kind: type[A]) -> A:
    """Return the JSON of an answer as what it is."""
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        where = f"{answer.request.method} {answer.request.url}"
        raise UnexpectedAnswerError(f"{where}: this is no {kind.__name__}: {error}") from error


def get(
    session: AnySession, path: str, kind: type[A], query: Mapping[str, object] = {}
) -> Steps[A]:
    """Read something as JSON."""
    return read((yield from ask(session, Request("GET", path, pairs(query)))), kind)


def posting(path: str, body: Asked) -> Request:
    """Return the request that computes what a body asks for; nothing is kept of it."""
    content = body.model_dump_json(exclude_unset=True).encode()
    return Request("POST", path, body=Body(content, JSON), pure=True)


def table(request: Request) -> Request:
    """Return the request with an answer that is a table."""
    return replace(request, headers={**request.headers, "Accept": ARROW})


def get_frame(session: AnySession, path: str, query: Mapping[str, object]) -> Steps[pd.DataFrame]:
    """Read something as a table."""
    return frame_of((yield from ask(session, table(Request("GET", path, pairs(query))))))


def once(request: Request) -> Request:
    """Return the request with a key of its own, so that it can be sent again."""
    return replace(request, headers={**request.headers, "Idempotency-Key": str(uuid.uuid4())})


def path_of(*parts: str) -> str:
    """Return a path of names, which may hold anything."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def pairs(query: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return a query: a list gives its name several times, None none."""
    return tuple(
        (name, _text(value))
        for name, given in query.items()
        for value in _several(given)
        if value is not None
    )


def _several(given: object) -> Iterable[object]:
    return given if isinstance(given, Iterable) and not isinstance(given, str) else (given,)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
