"""Files below a directory: found and opened so that nothing outside it can be reached.

Every component of a path is opened by itself, from the directory before it, and never through a
symbolic link. What is open stays the file that it was, whatever happens to its name; so it is read
by its descriptor.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from msgspec import Struct

from engine import Progress
from service.shares import silent

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE: Final = 1 << 20
MOST_LOOKED_AT: Final = 100_000
"""Names of directories that are looked at for one pattern."""


class NotBelowError(ValueError):
    """A path that is not one of a regular file below the directory; the text says why."""


class Mark(Struct, frozen=True):
    """What tells that a file is as it was: size, times in nanoseconds, inode and device."""

    size: int
    modified: int
    changed: int
    inode: int
    device: int

    @classmethod
    def of(cls, descriptor: int) -> Mark:
        """Return the mark of an open file."""
        its = os.fstat(descriptor)
        return cls(its.st_size, its.st_mtime_ns, its.st_ctime_ns, its.st_ino, its.st_dev)


class Opened(Struct, frozen=True):
    """An open file: its path below the directory, its descriptor, its mark when it was opened."""

    name: str
    descriptor: int
    mark: Mark

    @property
    def path(self) -> Path:
        """A path that leads to this very file while it is open."""
        return Path(f"/proc/self/fd/{self.descriptor}")

    def now(self) -> Mark:
        """Return its mark just now."""
        return Mark.of(self.descriptor)

    def digest(self, progress: Progress = silent) -> str:
        """Return the SHA-256 of its content, read piece by piece."""
        found, place = hashlib.sha256(), 0
        while piece := os.pread(self.descriptor, _PIECE, place):
            found.update(piece)
            place += len(piece)
            progress(place / max(self.mark.size, place), "hashing the files")
        return found.hexdigest()


def parts_of(pattern: str) -> tuple[str, ...]:
    """Return the components of a pattern; ``*``, ``?`` and ``[ab]`` stand within one of them.

    Raises ``NotBelowError`` for what could leave the directory or match without bound.
    """
    parts = tuple(pattern.split("/"))
    if pattern.startswith("/"):
        raise NotBelowError("the path begins with '/': it is one below the root")
    if any(part in {"", ".", ".."} for part in parts):
        raise NotBelowError("the path has an empty component, '.' or '..'")
    if any("**" in part for part in parts):
        raise NotBelowError("'**' is not understood: name the directories")
    if not all(part.isprintable() for part in parts) or "\\" in pattern:
        raise NotBelowError("the path has control characters or a backslash")
    return parts


@contextmanager
def opened(root: Path, names: list[str]) -> Iterator[list[Opened]]:
    """Open regular files below a directory, by their paths.

    Raises ``NotBelowError``: a path could leave the directory; ``OSError``: no such file.
    """
    with ExitStack() as open_files:
        found = []
        for name in names:
            descriptor = _open(root, parts_of(name))
            open_files.callback(os.close, descriptor)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(name)
            found.append(Opened(name, descriptor, Mark.of(descriptor)))
        yield found


def matching(root: Path, pattern: str, most: int) -> list[str]:
    """Return the paths of the files below a directory that a pattern names, sorted.

    Names that begin with a point are matched by patterns that do. At most one more than ``most``
    are returned. Raises ``NotBelowError`` for the pattern, ``OSError`` when the directory is gone.
    """
    search = _Search(most)
    with _directory(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as top:
        search.under(top, parts_of(pattern), "")
    return sorted(search.found)


class _Search:
    """What a pattern names."""

    def __init__(self, most: int) -> None:
        self.found: list[str] = []
        self._most = most
        self._looked_at = 0

    def under(self, directory: int, parts: tuple[str, ...], before: str) -> None:
        """Add the files below an open directory that the rest of a pattern names."""
        for name in self._names(directory, parts[0]):
            if len(self.found) > self._most:
                return
            kind = _kind(directory, name)
            if len(parts) == 1 and stat.S_ISREG(kind):
                self.found.append(before + name)
            elif len(parts) > 1 and stat.S_ISDIR(kind):
                try:
                    inner = os.open(name, _DIRECTORY, dir_fd=directory)
                except OSError:  # it is gone, or a link by now
                    continue
                with _directory(inner) as descriptor:
                    self.under(descriptor, parts[1:], f"{before}{name}/")

    def _names(self, directory: int, part: str) -> list[str]:
        if not has_signs(part):
            return [part]
        found = []
        with os.scandir(directory) as entries:
            for entry in entries:
                self._looked_at += 1
                if self._looked_at > MOST_LOOKED_AT:
                    raise NotBelowError("the directories have too many files for a pattern")
                if stands_for(part, entry.name):
                    found.append(entry.name)
        return sorted(found)


def has_signs(part: str) -> bool:
    """Tell whether a component of a pattern may stand for several names."""
    return any(sign in part for sign in "*?[")


def stands_for(part: str, name: str) -> bool:
    """Tell whether a component of a pattern stands for a name; for a hidden one if it says so."""
    hidden = name.startswith(".") and not part.startswith(".")
    return fnmatchcase(name, part) and not hidden


def _kind(directory: int, name: str) -> int:
    """Return the mode of a name itself, 0 when there is none; links are not followed."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except OSError:
        return 0


def _open(root: Path, parts: tuple[str, ...]) -> int:
    with ExitStack() as passed:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        passed.callback(os.close, descriptor)
        for part in parts[:-1]:
            descriptor = os.open(part, _DIRECTORY, dir_fd=descriptor)
            passed.callback(os.close, descriptor)
        return os.open(parts[-1], _FILE, dir_fd=descriptor)


@contextmanager
def _directory(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
