"""Files below a prefix of a bucket: found there and nowhere else, and copied to be read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import obstore
from msgspec import Struct
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from engine import Progress
from service.blobs import opened_store
from service.intake.rooted import (
    MOST_LOOKED_AT,
    NotBelowError,
    has_signs,
    parts_of,
    stands_for,
)
from service.problems import ProblemError
from service.scratch import SCRATCH
from service.shares import share, silent

SCHEME: Final = "s3://"
_PIECE: Final = 8 << 20


class Tag(Struct, frozen=True):
    """What tells that an object is as it was: its size, its ETag, its version where it has one."""

    size: int
    etag: str | None
    version: str | None


class Copied(Struct, frozen=True):
    """A copy of an object, which nobody writes to: its key below the prefix, its tag, its hash."""

    name: str
    path: Path
    mark: Tag
    sha: str
    store: ObjectStore

    def now(self) -> Tag:
        """Return the tag of the object just now; raises ``FileNotFoundError``."""
        with answering():
            its = obstore.head(self.store, self.name)
        return Tag(its["size"], its["e_tag"], its["version"])

    def digest(self, progress: Progress = silent) -> str:
        """Return the SHA-256 of what was copied, which is known."""
        progress(1.0, "hashing the files")
        return self.sha


class Bucket:
    """A prefix of a bucket (``s3://bucket/prefix``); its credentials are in the environment."""

    def __init__(self, url: str) -> None:
        self._store = opened_store(url)

    def matching(self, pattern: str, most: int) -> list[str]:
        """Return the keys below the prefix that a pattern names, as of a directory.

        At most one more than ``most``. Raises ``NotBelowError``; ``unavailable``.
        """
        parts = parts_of(pattern)
        if not any(has_signs(part) for part in parts):
            return [pattern] if self._has(pattern) else []
        found: list[str] = []
        for seen, key in enumerate(self._keys(parts)):
            if seen >= MOST_LOOKED_AT:
                raise NotBelowError("the bucket has too many files for a pattern")
            names = key.split("/")
            if len(names) == len(parts) and all(map(stands_for, parts, names)):
                found.append(key)
            if len(found) > most:
                break
        return sorted(found)

    @contextmanager
    def opened(
        self, names: list[str], most_bytes: int, progress: Progress = silent
    ) -> Iterator[list[Copied]]:
        """Copy objects to a directory of their own, for as long as they are needed.

        Raises ``FileNotFoundError``, ``NotBelowError``, ``TooLargeError``; ``unavailable``.
        """
        with TemporaryDirectory(prefix=SCRATCH) as spare:
            copies: list[Copied] = []
            for place, name in enumerate(names):
                parts_of(name)
                left = most_bytes - sum(copy.mark.size for copy in copies)
                its = share(progress, place / len(names), (place + 1) / len(names))
                copies.append(self._copy(name, Path(spare, str(place)), left, its))
            yield copies

    def _has(self, name: str) -> bool:
        try:
            with answering():
                obstore.head(self._store, name)
        except FileNotFoundError:
            return False
        return True

    def _keys(self, parts: tuple[str, ...]) -> Iterator[str]:
        """Yield the keys below the directories that a pattern begins with."""
        first = next(place for place, part in enumerate(parts) if has_signs(part))
        with answering():
            for found in obstore.list(self._store, "/".join(parts[:first]) or None):
                yield from (each["path"] for each in found)

    def _copy(self, name: str, target: Path, most_bytes: int, progress: Progress) -> Copied:
        seen, copied = hashlib.sha256(), 0
        with answering():
            found = obstore.get(self._store, name)
            its = found.meta
            if its["size"] > most_bytes:
                raise TooLargeError(name)
            pieces = iter(found.stream(_PIECE))
        with _room(), target.open("wb") as copy:
            while True:
                with answering():
                    piece = next(pieces, None)
                if piece is None:
                    break
                seen.update(piece)
                copy.write(piece)
                copied += len(piece)
                progress(copied / max(its["size"], copied), "copying the files")
        tag = Tag(its["size"], its["e_tag"], its["version"])
        return Copied(name, target, tag, seen.hexdigest(), self._store)


class TooLargeError(ValueError):
    """Files are larger than what may be copied."""


@contextmanager
def answering() -> Iterator[None]:
    """Raise ``unavailable`` for what a store raises, but that there is no such object."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise ProblemError("unavailable", "The bucket of the files does not answer.") from error


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProblemError("unavailable", "There is no room to copy the files.") from error
