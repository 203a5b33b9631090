"""Sending a request until it is answered: how often, how long, and when to give up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Final

import httpx

from partialpool.errors import PartialpoolError, UnreachableError, problem_of
from partialpool.steps import Pause, Request, Steps, sent

# Refused before anything was done: any request may be sent again.
REFUSED: Final = frozenset({429, 503})
# Of proxies, and of a request with the same key that is still under way.
LOST: Final = frozenset({502, 504})
BUSY: Final = "idempotency_in_progress"

LONGEST_PAUSE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How a request is tried again.

    Sent again is what was refused for the moment (429 and 503, after what ``Retry-After`` says),
    and what was lost on the way when sending it twice does no harm.

    Attributes:
        attempts: most times that a request is sent.
        seconds: most time for all of them; a service that asks to wait longer is not waited for.
        first_pause: seconds before the second attempt, when the service does not say; it
            doubles up to ten seconds.
    """

    attempts: int = 6
    seconds: float = 60.0
    first_pause: float = 0.2

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after an attempt (from 1), spread so that many do not meet."""
        spread: float = random.uniform(0.75, 1.25)  # noqa: S311 - guards nothing
        return min(self.first_pause * 2.0 ** (attempt - 1), LONGEST_PAUSE) * spread

    def patient(self) -> Retries:
        """Return more of it, for what is under way while a service starts again."""
        return replace(self, attempts=2 * self.attempts, seconds=5.0 * self.seconds)


def asked(
    request: Request, retries: Retries, clock: Callable[[], float] = time.monotonic
) -> Steps[httpx.Response]:
    """Send a request until it is answered, and return the answer.

    Raises:
        ProblemError: the service refused it.
        UnreachableError: it does not answer.
    """
    end = clock() + retries.seconds
    for attempt in count(1):
        pause = retries.pause(attempt)
        failure: PartialpoolError
        try:
            answer = yield from sent(request)
        except httpx.TransportError as error:
            failure, again = _unreachable(request, error), _harmless(request, error)
        else:
            if answer.status_code < 400:
                return answer
            said = retry_after(answer)
            failure, again = problem_of(answer, said), _passes(request, answer)
            pause = pause if said is None else said
        if not again or attempt >= retries.attempts or clock() + pause > end:
            raise failure
        yield Pause(pause)
    raise AssertionError  # pragma: no cover - there is no end to counting


def retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks to wait, given as a number or as a date."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def _passes(request: Request, answer: httpx.Response) -> bool:
    """Whether the same request may succeed later."""
    if answer.status_code in REFUSED:
        return True
    if answer.status_code in LOST:
        return request.repeatable
    return answer.status_code == 409 and problem_of(answer).code == BUSY


def _harmless(request: Request, error: httpx.TransportError) -> bool:
    """Whether a request that was lost can be sent again: what was not sent at all always can."""
    if isinstance(error, httpx.UnsupportedProtocol):
        return False
    never_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    return isinstance(error, never_sent) or request.repeatable


def _unreachable(request: Request, error: httpx.TransportError) -> UnreachableError:
    where = f"{error.request.url.scheme}://{error.request.url.netloc.decode()}"
    why = str(error) or type(error).__name__
    found = UnreachableError(
        f"{request.method} {request.path}: no answer from {where} ({why})\n"
        "  hint: is the service running there? The address is the argument `url`, or the "
        "environment variable PARTIALPOOL_URL."
    )
    found.__cause__ = error
    return found
