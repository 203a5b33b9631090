"""A disk without room left, told as what it is: it passes when somebody makes room."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from service.problems import ProblemError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def no_room(error: OSError) -> ProblemError | None:
    """Return the problem that an error of the disk is, if it is that there is no room."""
    if error.errno not in _FULL:
        return None
    return ProblemError("unavailable", "The disk of the service has no room left.")


@contextmanager
def room() -> Iterator[None]:
    """Raise ``unavailable`` for a disk that is full."""
    try:
        yield
    except OSError as error:
        problem = no_room(error)
        if problem is None:
            raise
        raise problem from error
