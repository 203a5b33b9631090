"""ASGI layer that holds each caller to its share of the work."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import prices
from service.callers import CALLER, given_key
from service.problems import ProblemError, respond_with
from service.rates import CHARGE, Rates

FREE: Final = frozenset({"/healthz", "/readyz"})
"""What those ask who look after the service, as often as they like."""


class RateLimits:
    """Charge each request to its key, or to its address, and tell what is left.

    A request costs one unit and its bytes; what else it costs is charged where it is known.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["path"] in FREE:
            await self.app(scope, receive, send)
            return
        rates, caller, size = _rates(scope), _caller(scope), _content_length(scope)
        scope[CHARGE] = (rates, caller)

        async def counted() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                await rates.charge(caller, prices.body(len(message.get("body", b""))))
            return message

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                left = (b"ratelimit", rates.told(caller).encode())
                policy = (b"ratelimit-policy", rates.policy)
                message["headers"] = [*message["headers"], left, policy]
            await send(message)

        try:
            await rates.charge(caller, _base(scope) + prices.body(size or 0))
            rates.enter(caller)
        except ProblemError as error:
            await respond_with(scope, error)(scope, receive, told)
            return
        try:
            await self.app(scope, counted if size is None else receive, told)
        finally:
            rates.leave(caller)


def _base(scope: Scope) -> float:
    """Return what a request costs as such: more for one whose key is none, so that few can try."""
    refused = scope.get(CALLER) is None and given_key(scope) is not None
    return prices.REFUSED if refused and CALLER in scope else prices.REQUEST


def _caller(scope: Scope) -> str:
    """Return whom a request is charged to."""
    caller = scope.get(CALLER)
    if caller is not None:
        return f"key {caller.key}"
    return _address(scope["client"][0]) if scope.get("client") else "unknown"


@lru_cache(10_000)
def _address(text: str) -> str:
    """Return an address as one caller: of IPv6, the network that a site has."""
    try:
        found = ip_address(text)
    except ValueError:  # a socket of the system has a name
        return text
    return str(found if found.version == 4 else ip_network((found, 64), strict=False))


def _content_length(scope: Scope) -> int | None:
    """Return the length of the body, ``None`` when it is told by its end."""
    chunked = False
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
        chunked = chunked or name == b"transfer-encoding"
    return None if chunked else 0


def _rates(scope: Scope) -> Rates:
    found: Rates = scope["app"].state.services.rates
    return found
