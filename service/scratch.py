"""Directories for files on their way, which are gone when their process is, however it ends."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

SCRATCH: Final = "partialpool-"
"""What the names of such directories begin with."""

LOCK: Final = "held"
"""A file in the directory of a process, which the process has locked for as long as it lives."""


@contextmanager
def holding() -> Iterator[Path]:
    """Let the temporary files of this process, and of those that it starts, be in one directory.

    What lives on is told from what was killed by a lock: the system takes it from a process that
    ends, and no other process can be taken for it, as with a number.
    """
    before, said = tempfile.tempdir, os.environ.get("TMPDIR")
    directory = Path(tempfile.mkdtemp(prefix=SCRATCH))
    lock = _lock(directory)
    move_to(directory)
    try:
        yield directory
    finally:
        tempfile.tempdir = before
        os.environ.pop("TMPDIR")
        if said is not None:
            os.environ["TMPDIR"] = said
        remove(directory)
        os.close(lock)


def move_to(directory: Path) -> None:
    """Make temporary files in this directory from now on."""
    os.environ["TMPDIR"] = tempfile.tempdir = str(directory)


def remove(directory: Path) -> None:
    """Remove a directory, as far as can be."""
    shutil.rmtree(directory, ignore_errors=True)


def clear(seconds: float | None = None) -> int:
    """Remove what was left by processes of this machine that are gone; return how many.

    Of directories that no process has locked, those go that nothing has been written to for so many
    ``seconds``; none when it is ``None``.
    """
    cleared = 0
    for path in _directories():
        with suppress(OSError):
            if _gone(path) if (path / LOCK).exists() else _older(path, seconds):
                shutil.rmtree(path)
                cleared += 1
    return cleared


def _directories() -> Iterator[Path]:
    here = Path(tempfile.gettempdir())
    if (here / LOCK).exists():  # our own: those of other processes are beside it
        yield from here.glob(f"{SCRATCH}*")
        here = here.parent
    yield from here.glob(f"{SCRATCH}*")


def _older(path: Path, seconds: float | None) -> bool:
    if seconds is None or not path.is_dir():
        return False
    inside: Iterable[Path] = path.iterdir()
    newest = max(each.stat().st_mtime for each in (path, *inside))
    return newest < time.time() - seconds


def _lock(directory: Path) -> int:
    """Make the lock of a directory; it has its name only once it is locked."""
    made = directory / "new"
    descriptor = os.open(made, os.O_RDWR | os.O_CREAT, 0o600)
    if _taken(descriptor):
        made.rename(directory / LOCK)
    return descriptor


def _gone(directory: Path) -> bool:
    """Tell whether the process has ended that locked a directory."""
    descriptor = os.open(directory / LOCK, os.O_RDWR)
    try:
        return _taken(descriptor)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Take a lock, unless another process has it; where there are no locks, take none."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
