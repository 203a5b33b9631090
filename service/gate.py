"""ASGI layers that find out who asks and let in who may."""

from __future__ import annotations

from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from service.access import Scope as Needed
from service.access import includes, needed
from service.callers import CALLER, Caller, given_key
from service.problems import ProblemError, respond_with

_REALM: Final = 'Bearer realm="partialpool"'


class Authentication:
    """Leave in the scope who asks; whoever comes with no valid key is nobody."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http":
            key = given_key(scope)
            try:
                scope[CALLER] = None if key is None else await _callers(scope).find(key)
            except ProblemError as error:  # the catalog does not answer
                await respond_with(scope, error)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Gate:
    """Refuse who has no key, or one that is not for what is asked."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http":
            refusal = _refusal(scope)
            if refusal is not None:
                await respond_with(scope, refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _refusal(scope: Scope) -> ProblemError | None:
    wanted = needed(scope["method"], scope["path"])
    if wanted is None:
        return None
    caller: Caller | None = scope[CALLER]
    if caller is None:
        return _unknown(given_key(scope) is not None)
    return None if includes(caller.scopes, wanted) else _too_little(wanted)


def _unknown(given: bool) -> ProblemError:
    if not given:
        detail = "The request has no key."
        return ProblemError("unauthorized", detail, headers={"WWW-Authenticate": _REALM})
    detail = "The key is not one that may be used: unknown, revoked or expired."
    challenge = f'{_REALM}, error="invalid_token"'
    return ProblemError("unauthorized", detail, headers={"WWW-Authenticate": challenge})


def _too_little(wanted: Needed) -> ProblemError:
    detail = f"This needs a key with the scope '{wanted}'."
    challenge = f'{_REALM}, error="insufficient_scope", scope="{wanted}"'
    return ProblemError("insufficient_scope", detail, headers={"WWW-Authenticate": challenge})


def _callers(scope: Scope) -> Any:
    return scope["app"].state.services.callers
