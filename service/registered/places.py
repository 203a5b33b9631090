"""Registered files where they are: open, or copied, for as long as they are those registered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from engine import Progress
from service.buckets import SCHEME, Bucket, Copied, Tag, TooLargeError
from service.intake.rooted import Mark, matching, opened
from service.problems import ProblemError
from service.registered.reference import File, Reference
from service.shares import silent


class Held(Protocol):
    """A file that can be read at ``path``; ``mark`` is the one that it had when it was opened."""

    @property
    def name(self) -> str:
        """Path below the root."""

    @property
    def path(self) -> Path:
        """Where it is read."""

    @property
    def mark(self) -> Mark | Tag:
        """What tells that it is as it was."""

    def now(self) -> Mark | Tag:
        """Return its mark just now."""

    def digest(self, progress: Progress = silent) -> str:
        """Return the SHA-256 of its content."""


def names_below(place: str, pattern: str, most: int) -> list[str]:
    """Return the files below a directory or prefix that a pattern names, one more than ``most``.

    Raises ``NotBelowError``; ``OSError`` when the directory is gone; ``unavailable``.
    """
    if place.startswith(SCHEME):
        return Bucket(place).matching(pattern, most)
    return matching(Path(place), pattern, most)


@contextmanager
def held(
    place: str, names: Sequence[str], most_bytes: int, progress: Progress = silent
) -> Iterator[Sequence[Held]]:
    """Open files below a directory, or copy those below a prefix.

    Raises ``NotBelowError``, ``OSError`` when one is not there, ``TooLargeError``, ``unavailable``.
    """
    if place.startswith(SCHEME):
        with Bucket(place).opened(list(names), most_bytes, progress) as copies:
            yield copies
    else:
        with opened(Path(place), list(names)) as files:
            yield files


@contextmanager
def unchanged(reference: Reference, files: Sequence[File]) -> Iterator[Sequence[Held]]:
    """Give registered files that are what was registered, at the beginning and at the end.

    Raises ``files_changed``, also when a reader has failed of a file that is another by now.
    """
    try:
        names, most = [file.name for file in files], sum(file.mark.size for file in files)
        with held(reference.place, names, most) as found:
            for file, own in zip(files, found, strict=True):
                if not _is(own, file):
                    raise changed(file.name)
            try:
                yield found
            finally:
                require_same(found)
    except (OSError, TooLargeError) as error:
        raise ProblemError("files_changed", "A registered file is gone, or another.") from error


def require_same(found: Sequence[Held]) -> None:
    """Raise ``files_changed`` for a file that was written to since it was opened."""
    for own in found:
        if own.now() != own.mark:
            raise changed(own.name)


def changed(name: str) -> ProblemError:
    """Return the problem of a file that is not what was registered."""
    return ProblemError("files_changed", f"{name} has changed since it was registered.")


def _is(own: Held, file: File) -> bool:
    """Tell whether a file is the one registered; the hash of a copy is known anyway."""
    known = isinstance(own, Copied)
    return (own.mark == file.mark and not known) or own.digest() == file.digest
