"""Keys for a service that needs them, and clients that ask with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from service.apikeys import digest_of, id_of, new_key
from service.catalog import Database, Key, Keys
from service.settings import Settings


async def given(settings: Settings, owner: str, *scopes: str, expires: str | None = None) -> str:
    """Make a key in a catalog that a service may be running on."""
    database = Database(settings.catalog)
    await database.migrate()
    text = new_key()
    found = id_of(text)
    assert found is not None
    key = Key(owner, found, digest_of(text), scopes or ("read", "write"), "", expires_at=expires)
    await Keys(database).add(key)
    await database.close()
    return text


def issue(settings: Settings, owner: str, *scopes: str) -> str:
    return asyncio.run(given(settings, owner, *scopes))


@contextmanager
def asking(url: str, key: str | None = None) -> Iterator[httpx.Client]:
    """A client with a key, or one of nobody."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client
