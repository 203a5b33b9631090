"""What the endpoints that take a file have in common: how it arrives, and what can go wrong."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from pathlib import Path
from typing import Final, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from engine import Problem
from service import idempotency, summaries
from service.api.uploads import (
    ACCEPTED,
)
from service.catalog.datasets import NAME_PATTERN
from service.handlers import of_intake
from service.intake import Reading, UnknownFormError
from service.intake.receiving import Received, receive
from service.problems import ProblemError

T = TypeVar("T")

READING: Final = (
    "malformed_json",
    "body_too_large",
    "unsupported_media_type",
    "invalid_request",
    "invalid_table",
    "limit_passed",
)

KEEPING: Final = ("quota_exceeded", *idempotency.PROBLEMS)


async def received(request: Request, directory: Path) -> Received:
    """Take a body, or the file of a form, into a directory."""
    kind, path = request.headers.get("content-type", ""), directory / "given"
    return await arrive(request, receive(request.stream(), kind, encoding(request), path))


def encoding(request: Request) -> str:
    """Return how a body is encoded."""
    return request.headers.get("content-encoding", "")


async def arrive(request: Request, receiving: Awaitable[T]) -> T:
    """Wait for a body; tell what would be understood when it is not."""
    try:
        return await receiving
    except UnknownFormError as error:
        problem = of_intake(error)
        more = () if request.url.path.endswith("/preview") else summaries.MEDIA_TYPES
        problem.headers = {"Accept-Post": ", ".join((*ACCEPTED, *more)), "Accept-Encoding": "gzip"}
        raise problem from error
    except ClientDisconnect as error:
        raise ProblemError("bad_request", "The body ended before it was complete.") from error


def require_name(name: str | None) -> None:
    """Refuse what no dataset may be called."""
    if name is not None and not re.fullmatch(NAME_PATTERN, name):
        detail = "The name is not one that a dataset may have."
        hint = "Letters, digits, '.', '_' and '-', up to 100, not starting with 'ds_'."
        item = Problem("invalid_name", detail, hint, ("query", "name"))
        raise ProblemError("invalid_request", detail, [item])


def reading_of(missing: list[str] | None, text: list[str] | None) -> Reading:
    """Return how cells are to be read, as the query says."""
    return Reading(tuple(text or ()), None if missing is None else tuple(missing))
