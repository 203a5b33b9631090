"""How long a client wants to wait for an answer (RFC 7240, ``Prefer``)."""

from __future__ import annotations

from msgspec import Struct
from starlette.requests import Request


class Preference(Struct, frozen=True):
    """What a client prefers, as far as it is honoured.

    Attributes:
        asynchronous: it wants a job at once rather than the answer later.
        seconds: how long the request waits before it is answered with a job.
        applied: the value of ``Preference-Applied``; empty when nothing was asked for.
    """

    asynchronous: bool
    seconds: float
    applied: str


def preference_of(request: Request, most: float) -> Preference:
    """Return what a request prefers; it waits ``most`` seconds at most, and by default.

    What cannot be read is passed over, as the RFC has it.
    """
    asked = _preferences(request)
    asynchronous = "respond-async" in asked
    applied = ["respond-async"] if asynchronous else []
    seconds = 0.0 if asynchronous else most
    wait = asked.get("wait", "")
    if wait.isascii() and wait.isdigit():
        seconds = min(float(wait[:9]), most)
        applied.append(f"wait={seconds:g}")
    return Preference(asynchronous, seconds, ", ".join(applied))


def _preferences(request: Request) -> dict[str, str]:
    """Return the preferences by name; of those named twice the first counts."""
    found: dict[str, str] = {}
    for header in request.headers.getlist("prefer"):
        for part in header.split(","):
            name, _, value = part.split(";")[0].partition("=")
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found
