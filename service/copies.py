"""Files of the store on the machine of a worker, which asks for the same ones again and again."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from service.blobs import Blobs

KEPT: Final = 2
"""Copies that a process keeps of files of an object store; the one not used for longest goes."""


class Copies:
    """The files of a store; the hash of each is checked once, as no key has another content."""

    def __init__(self, blobs: str) -> None:
        self._store = Blobs(blobs)
        self._known: dict[str, Path] = {}
        self._spare: Path | None = None

    def file(self, key: str) -> Path:
        """Return a file with the content of ``key``; raises as ``Blobs.file`` does."""
        known = self._known.pop(key, None)
        if known is None or not known.exists():
            if self._spare is None and self._store.path(key) is None:
                self._spare = Path(mkdtemp(prefix="copies-"))
            known = asyncio.run(self._store.file(key, self._spare or Path()))
        self._known[key] = known
        if self._spare is not None and len(self._known) > KEPT:
            self._known.pop(next(iter(self._known))).unlink(missing_ok=True)
        return known


@lru_cache(1)
def copies(blobs: str) -> Copies:
    """Return the files of the store of this URL, as this process knows them."""
    return Copies(blobs)
