"""Who asks: the owner of the key that came with a request."""

from __future__ import annotations

import hmac
import time
from contextlib import suppress
from typing import Final

from msgspec import Struct
from starlette.types import Scope

from service.apikeys import digest_of, id_of
from service.catalog import Keys
from service.flights import Flights
from service.problems import ProblemError

CALLER: Final = "partialpool.caller"
"""Where the layers around the routes leave who asks."""

SECONDS: Final = 2.0
"""So long a key that another process revokes may still be used here."""

_MAX_KNOWN: Final = 10_000
_BEARER: Final = b"bearer "


class Caller(Struct, frozen=True):
    """One who asks: whose things it may see, by which key, and for what that may be used."""

    owner: str
    key: str
    scopes: frozenset[str]


class Callers:
    """Finds who asks; one found is known for two seconds, one refused is looked up each time.

    Of many who come with one key at the same time, one is looked up.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: dict[str, tuple[Caller, float]] = {}
        self._looks = Flights()

    async def find(self, given: str) -> Caller | None:
        """Return who asks with this key; ``None`` when it is unknown, revoked or expired."""
        digest = digest_of(given)
        known = self._known.get(digest)
        if known is not None and time.time() < known[1]:
            return known[0]
        caller, _ = await self._looks.once(digest, lambda: self._look(given, digest))
        return caller

    async def _look(self, given: str, digest: str) -> Caller | None:
        ref = id_of(given)
        key = None if ref is None else await self._keys.find(ref)
        if key is None or not hmac.compare_digest(key.digest, digest) or not key.valid:
            return None
        with suppress(ProblemError):  # a catalog that cannot be written can still be read
            await self._keys.note_use(key)
        caller = Caller(key.owner, key.id, frozenset(key.scopes))
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[digest] = caller, min(time.time() + SECONDS, key.expires)
        return caller


def given_key(scope: Scope) -> str | None:
    """Return the key of a request, from ``Authorization: Bearer`` or ``X-API-Key``."""
    found = None
    for name, value in scope["headers"]:
        if name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
            return str(value[len(_BEARER) :].strip().decode("latin-1"))
        if name == b"x-api-key":
            found = str(value.strip().decode("latin-1"))
    return found
