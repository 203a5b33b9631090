"""Pure ASGI layers around the application, one job each, cheap enough for every request."""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.kinds import KINDS
from service.observing import Instruments
from service.problems import REQUEST_ID, ProblemError, respond

_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")

Observer: TypeAlias = Callable[[Scope, int, float], None]

HEAD: Final = "partialpool.head"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# The pages of the service load nothing from elsewhere and run no scripts;
# answers are never sniffed or framed.
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    ),
)


class RequestId:
    """Give every request an id, taken from a sane ``X-Request-ID`` or made, and send it back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        value = _given_id(scope) or new_request_id()
        scope[REQUEST_ID] = value.decode()
        header = (b"x-request-id", value)
        # Every line that is logged while this request is answered carries its id.
        structlog.contextvars.bind_contextvars(request_id=scope[REQUEST_ID])

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        await self.app(scope, receive, send_with_id)


class SecurityHeaders:
    """Add the headers that keep a browser from doing more with an answer than showing it.

    An answer that needs a browser to do more has headers of its own, which stay.
    """

    def __init__(self, app: ASGIApp, hsts_seconds: int = 0) -> None:
        self.app = app
        hsts = (b"strict-transport-security", f"max-age={hsts_seconds}".encode())
        self.headers = (*SECURITY_HEADERS, hsts) if hsts_seconds else SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message["headers"]
                told = {name for name, _ in own}
                added = [each for each in self.headers if each[0] not in told]
                message["headers"] = [*own, *added]
            await send(message)

        await self.app(scope, receive, send_secured)


class LastResort:
    """Answer 500, without a word of what went on inside, when nothing else caught an error."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.log = structlog.get_logger("service")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:  # nobody is left to be answered
            return
        except Exception:
            self.log.error(
                "unhandled",
                path=scope["path"],
                traceback=traceback.format_exc(),  # lines of code, never the values of variables
            )
            if started:
                raise
            kind = KINDS["internal"]
            await respond(scope, kind, kind.meaning)(scope, receive, send)


class BodyLimit:
    """Refuse a body larger than ``limit`` bytes: by its Content-Length, or while it streams in."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _content_length(scope) > self.limit:
            await respond(scope, KINDS["body_too_large"], self.detail)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self.limit:
                    raise ProblemError("body_too_large", self.detail)
            return message

        await self.app(scope, counted, send)

    @property
    def detail(self) -> str:
        """What the client is told."""
        return f"The body is larger than {self.limit} bytes."


class HeadAsGet:
    """Answer HEAD as GET; the server leaves the body out, and an endless one is not begun."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        asked = {**scope, "method": "GET", HEAD: True}
        try:
            await self.app(asked, receive, send)
        finally:
            scope["route"] = asked.get("route")


class Observe:
    """Tell of every answer, once it is given: its request, its status, the seconds it took."""

    def __init__(self, app: ASGIApp, told: Sequence[Observer]) -> None:
        self.app = app
        self.told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            took = time.perf_counter() - begun
            for tell in self.told:
                tell(scope, status, took)


def measured(instruments: Instruments) -> Observer:
    """Return what counts and times answers, by the operation that gave them."""

    def tell(scope: Scope, status: int, seconds: float) -> None:
        instruments.request(_operation(scope), _method(scope), status, seconds)

    return tell


def logged() -> Observer:
    """Return what writes one line for every answer: method, path, status, time; never data."""
    log = structlog.get_logger("access")

    def tell(scope: Scope, status: int, seconds: float) -> None:
        log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(1000 * seconds, 2),
        )

    return tell


def _operation(scope: Scope) -> str:
    """Return the operation that answered, from the routes there are, never from the path asked."""
    route = scope.get("route")
    return getattr(route, "operation_id", None) or getattr(route, "name", None) or "none"


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def new_request_id() -> bytes:
    """Return an id that no other request has."""
    return b"req_" + os.urandom(12).hex().encode()


def _given_id(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value if _SANE_ID.fullmatch(value) else None
    return None


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
