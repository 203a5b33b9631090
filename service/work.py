"""Work that may take long, whatever it is: what whoever has it done needs to know."""

from __future__ import annotations

import time
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from engine import Progress
from service.catalog import Job

T_co = TypeVar("T_co", covariant=True)


class Label(Struct, frozen=True):
    """What identifies a piece of work.

    Attributes:
        key: SHA-256 of all that its result depends on.
        kind: which work it is.
        title: what it is, in words.
        href: path of the result, once it is there.
        large: it belongs in a worker process from the start.
        price: what it costs who asks for it, in units of work.
    """

    key: str
    kind: str
    title: str
    href: str
    large: bool = False
    price: float = 0.0


class Stowed(Struct, frozen=True):
    """What makes the work again in another process: JSON, and the key of a file if it needs one."""

    request: dict[str, Any]
    blob: str | None = None


class Work(Protocol[T_co]):
    """One piece of work, of one owner."""

    @property
    def label(self) -> Label:
        """What identifies it."""

    async def find(self) -> T_co | None:
        """Return the result if it is kept already."""

    async def attempt(self) -> T_co:
        """Do it in a thread, for a short time: raises ``Outlasted`` when that is not enough."""

    async def made(self, job: Job) -> T_co | None:
        """Return what a job of it that has succeeded has made, if it is still kept."""

    async def stow(self) -> Stowed:
        """Put away what a job needs to do it, in this process or another."""


class Outlasted(Exception):  # noqa: N818  it is no error: the work goes elsewhere
    """A thread has worked as long as it may."""


def until(seconds: float) -> Progress:
    """Return what ends a computation with ``Outlasted`` after so many seconds from now."""
    end = time.monotonic() + seconds

    def check(done: float, _: str, /) -> None:
        if done < 1.0 and time.monotonic() > end:
            raise Outlasted

    return check
