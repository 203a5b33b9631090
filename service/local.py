"""ASGI layer of a service that needs no key: only names of this machine are its own."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from service.problems import ProblemError, respond_with

_LOCAL: Final = ".localhost"


class LocalNames:
    """Refuse requests under a name that a page of the web can have.

    Such a page may have its name resolve to this machine, and then ask as if it were of the same
    origin. It cannot do so under an address, ``localhost``, or a name without a dot.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and not _is_local(value):
                    problem = ProblemError("wrong_host", "Host is no name of this machine.")
                    await respond_with(scope, problem)(scope, receive, send)
                    return
        await self.app(scope, receive, send)


@lru_cache(1_000)
def _is_local(host: bytes) -> bool:
    text = host.decode("latin-1")
    name = text[1 : text.find("]")] if text.startswith("[") else text.split(":")[0]
    if "." not in name or name.lower().endswith(_LOCAL):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
