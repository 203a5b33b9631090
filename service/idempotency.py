"""``Idempotency-Key``: a request that is sent again is answered as it was, and does nothing twice.

The semantics are those of the IETF's draft of that header. A key belongs to one owner and one
request: its method, its target, the form of its body and every byte of it. What is kept is the
answer to a request that succeeded; one that failed made nothing and leaves its key free.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from typing import Any, Final, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message

from engine import Problem
from service.caps import REQUEST
from service.catalog import Answered, Keyed
from service.catalog.keyed import LEASE_SECONDS
from service.context import owner_of, services
from service.problems import ProblemError

Endpoint: TypeAlias = Callable[..., Awaitable[Response]]

HEADER: Final = "idempotency-key"

# A string of structured fields (RFC 9651) in quotes, as the draft has it, or the same without.
_KEY: Final = re.compile(r'"(?P<quoted>(?:[ !#-\[\]-~]|\\["\\])+)"|(?P<bare>[!#-\[\]-~]+)')

# What of an answer is given again; the rest is made anew for every answer.
_KEPT_HEADERS: Final = ("content-type", "location", "etag", "preference-applied", "vary")

PARAMETER: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A key that the client draws for this request, such as a UUID. The same request "
    "with the same key again, within `idempotency_seconds` of `GET /v1/limits`, gets the same "
    "answer and makes nothing; another request with it is refused.",
    "schema": {"type": "string", "maxLength": REQUEST.idempotency_key},
    "examples": {"uuid": {"value": "9f7c2d1e-6a0b-4c55-8e43-0d1c7b8a9f10"}},
}
PROBLEMS: Final = ("idempotency_in_progress", "idempotency_key_reused")


def idempotent(endpoint: Endpoint) -> Endpoint:
    """Make an endpoint that reads its body itself honour ``Idempotency-Key``."""

    @wraps(endpoint)
    async def keyed(request: Request, **options: Any) -> Response:
        given = request.headers.get(HEADER)
        if given is None:
            return await endpoint(request, **options)
        parts, key = services(request), _key(given)
        taken = parts.keyed(owner_of(request), os.urandom(16).hex())
        body = _Fingerprinted(request)
        begun = await taken.begin(key)
        if begun is False:
            raise ProblemError("idempotency_in_progress", headers={"Retry-After": "1"})
        if isinstance(begun, Answered):
            return await _again(begun, body)
        staying = asyncio.create_task(_stay(taken, key))
        try:
            answer = await endpoint(body.request, **options)
            if 200 <= answer.status_code < 300:
                kept = Answered(
                    await body.fingerprint(), answer.status_code, _headers(answer), _bytes(answer)
                )
                await taken.finish(key, kept, parts.settings.idempotency_seconds)
            return answer
        finally:
            staying.cancel()
            with suppress(ProblemError):  # it ends by itself
                await taken.release(key)

    return keyed


class _Fingerprinted:
    """A request whose body is hashed as it is read."""

    def __init__(self, request: Request) -> None:
        self._receive = request.receive
        self._ended = False
        named = (
            request.method,
            request.url.path,
            request.url.query,
            *(request.headers.get(name, "") for name in ("content-type", "content-encoding")),
        )
        self._hash = hashlib.sha256("\n".join((*named, "")).encode("utf-8", "surrogateescape"))
        self.request = Request(request.scope, self._hashed)

    async def fingerprint(self) -> str:
        """Return the SHA-256 of the request, once all of its body is there."""
        while not self._ended:
            if (await self._hashed())["type"] == "http.disconnect":
                raise ClientDisconnect
        return self._hash.hexdigest()

    async def _hashed(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._hash.update(message.get("body", b""))
            self._ended = not message.get("more_body", False)
        return message


async def _again(answered: Answered, body: _Fingerprinted) -> Response:
    if await body.fingerprint() != answered.fingerprint:
        detail = "An earlier request with this Idempotency-Key was another one."
        item = Problem("key_reused", detail, "Draw a new key.", ("header", HEADER))
        raise ProblemError("idempotency_key_reused", detail, [item])
    return Response(answered.body, answered.status, answered.headers)


async def _stay(taken: Keyed, key: str) -> None:
    """Keep a key while its request is answered, however long that takes."""
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        with suppress(ProblemError):
            await taken.stay(key)


def _key(given: str) -> str:
    """Return the key of a header; raises ``invalid_request``."""
    found = _KEY.fullmatch(given.strip()) if len(given) <= REQUEST.idempotency_key else None
    if found is None:
        detail = "The Idempotency-Key is not one that can be kept."
        hint = f"Printable ASCII, as a UUID; at most {REQUEST.idempotency_key} characters."
        item = Problem("invalid_key", detail, hint, ("header", HEADER))
        raise ProblemError("invalid_request", detail, [item])
    return found["bare"] or re.sub(r"\\(.)", r"\1", found["quoted"])


def _headers(answer: Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}


def _bytes(answer: Response) -> bytes:
    return bytes(answer.body)
