"""Routes whose endpoints read the request themselves, called without what FastAPI does for others.

FastAPI's own way to an endpoint solves what its parameters ask for, in stacks of contexts that are
closed afterwards. An endpoint that takes nothing but the request asks for nothing: the way there
costs several times what a known answer does. Errors go to the same handlers, one layer further out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from inspect import signature
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send


class DirectRoute(APIRoute):
    """A route that is documented as all are; its endpoint takes ``request`` and no more."""

    def __init__(
        self, path: str, endpoint: Callable[[Request], Awaitable[Response]], **options: Any
    ) -> None:
        super().__init__(path, endpoint, **options)
        if list(signature(endpoint).parameters) == ["request"]:
            self.app = _called_with_request(endpoint)


def routes_of(routers: Iterable[APIRouter]) -> list[BaseRoute]:
    """Return the routes of all, in order, to be tried one after the other.

    An included router would try its own once to know whether it has one, and again to find it.
    """
    return [route for router in routers for route in router.routes]


def _called_with_request(endpoint: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return app
