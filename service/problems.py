"""Errors a client can act on: one of the kinds, one body (RFC 9457), for every layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from engine import Problem as Item
from service.caps import REQUEST
from service.kinds import KINDS, Kind
from service.schemas.problems import Problem, ProblemItem, sample

MEDIA_TYPE: Final = "application/problem+json"
REQUEST_ID: Final = "partialpool.request_id"
RETRY_AFTER_SECONDS: Final = 2

_RETRY_AFTER: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class ProblemError(HTTPException):
    """Raised anywhere in the service to answer with a problem.

    An ``HTTPException``, so that every layer of the framework lets it through to the handler.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        errors: Iterable[Item] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = KINDS[code]
        self.items = tuple(errors)
        super().__init__(self.kind.status, detail or self.kind.title + ".", headers)

    def __reduce__(self) -> tuple[Any, ...]:
        return ProblemError, (self.kind.code, self.detail, self.items, self.headers)


def pointer(path: Iterable[str | int]) -> str:
    """Return the JSON Pointer (RFC 6901, as a URI fragment) of a path of keys and indices."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "#" + "".join(f"/{part}" for part in parts)


def respond(
    scope: Scope,
    kind: Kind,
    detail: str,
    items: Iterable[Item] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer that tells a problem."""
    body = _body(kind, detail, items, scope["path"], scope.get(REQUEST_ID, ""))
    extra = dict(headers or {})
    if kind.status in _RETRY_AFTER:
        extra.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    return Response(body.model_dump_json(), kind.status, extra, MEDIA_TYPE)


def respond_with(scope: Scope, problem: ProblemError) -> Response:
    """Return the answer that tells a problem that was raised."""
    return respond(scope, problem.kind, problem.detail, problem.items, problem.headers)


def _body(kind: Kind, detail: str, items: Iterable[Item], path: str, request: str) -> Problem:
    return Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=path,
        code=kind.code,
        errors=items_of(items),
        retryable=kind.retryable,
        request_id=request,
    )


def body_of(error: ProblemError, path: str) -> Problem:
    """Return the body of a problem that no request is answered with, but a job ended with."""
    return _body(error.kind, error.detail, error.items, path, "")


def from_body(body: Problem) -> ProblemError:
    """Return the problem that a body tells."""
    items = [Item(x.code, x.detail, x.hint, _path(x.pointer)) for x in body.errors]
    return ProblemError(body.code, body.detail, items)


def _path(found: str) -> tuple[str, ...]:
    """Return the path of a JSON Pointer; indices stay text, for they are written alike."""
    parts = found.removeprefix("#").split("/")[1:]
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def items_of(problems: Iterable[Item]) -> list[ProblemItem]:
    """Return problems as they are told, not more than one answer has."""
    return [
        ProblemItem(pointer=pointer(x.path), code=x.code, detail=x.detail, hint=x.hint)
        for x in tuple(problems)[: REQUEST.problems]
    ]


def responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of an operation that can answer with these kinds of problem."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in (KINDS[code] for code in codes):
        answer = found.setdefault(kind.status, _documented(kind.status))
        answer["description"] = "; ".join(filter(None, (answer["description"], kind.title)))
        answer["content"][MEDIA_TYPE]["examples"][kind.code] = {"value": sample(kind).model_dump()}
    return found


def _documented(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": "",
        "content": {
            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        },
    }
    if status in _RETRY_AFTER:
        answer["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    return answer
