"""What a call does, step by step, without saying how: requests to send and pauses to make.

A call is a generator. It yields a ``Request`` and is sent the answer, or yields a ``Pause``; what
goes wrong meanwhile is thrown into it, a broken connection as much as Ctrl-C. Its return value is
the value of the call. ``run`` and ``run_async`` take the steps, one by blocking, one by awaiting:
all that there is to know of a call is written once.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import anyio
import httpx

T = TypeVar("T")

PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request: bytes, or a file that is read while it is sent.

    Attributes:
        content: the bytes, or where they are.
        media_type: what they are.
        told: called with how many bytes have been sent, again and again.
    """

    content: bytes | Path
    media_type: str
    told: Callable[[int], None] = field(default=lambda _: None)

    @property
    def size(self) -> int:
        """Number of bytes."""
        if isinstance(self.content, bytes):
            return len(self.content)
        return self.content.stat().st_size


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send.

    Attributes:
        method: the HTTP method.
        path: below the address of the service, escaped.
        query: names and values.
        headers: beside those that all requests have.
        body: what is sent.
        pure: whether a POST computes and keeps nothing, so that it may be sent again.
        patience: seconds that the answer may take; None for the client's own.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    pure: bool = False
    patience: float | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does the same as sending it once."""
        return self.method != "POST" or self.pure or "Idempotency-Key" in self.headers


@dataclass(frozen=True, slots=True)
class Pause:
    """A time to wait, in seconds."""

    seconds: float


Steps: TypeAlias = Generator[Request | Pause, httpx.Response | None, T]


def sent(request: Request) -> Steps[httpx.Response]:
    """Send a request and return its answer, whatever that is; raises ``httpx.TransportError``."""
    answer = yield request
    assert answer is not None  # noqa: S101 - a request is sent its answer
    return answer


def run(steps: Steps[T], http: httpx.Client) -> T:
    """Take all steps, and return the value of the call."""
    try:
        step = next(steps)
        while True:
            try:
                answer = _take(step, http)
            except BaseException as error:  # noqa: BLE001 - the call knows what to do about it
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value


async def run_async(steps: Steps[T], http: httpx.AsyncClient) -> T:
    """Take all steps, and return the value of the call.

    What a call does once its task is cancelled, it is given the time for.
    """
    interrupted = False
    try:
        step = next(steps)
        while True:
            try:
                with anyio.CancelScope(shield=interrupted):
                    answer = await _take_async(step, http)
            except BaseException as error:  # noqa: BLE001 - the call knows what to do about it
                interrupted = interrupted or not isinstance(error, Exception)
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value


def _take(step: Request | Pause, http: httpx.Client) -> httpx.Response | None:
    if isinstance(step, Pause):
        time.sleep(step.seconds)
        return None
    content = None if step.body is None else _pieces(step.body)
    return http.send(_built(step, http, content))


async def _take_async(step: Request | Pause, http: httpx.AsyncClient) -> httpx.Response | None:
    if isinstance(step, Pause):
        await anyio.sleep(step.seconds)
        return None
    content = None if step.body is None else _pieces_async(step.body)
    return await http.send(_built(step, http, content))


def _built(
    step: Request,
    http: httpx.Client | httpx.AsyncClient,
    content: Iterator[bytes] | AsyncIterator[bytes] | None,
) -> httpx.Request:
    headers = dict(step.headers)
    if step.body is not None:
        headers |= {"Content-Type": step.body.media_type, "Content-Length": str(step.body.size)}
    timeout = http.timeout.as_dict()
    if step.patience is not None and timeout["read"] is not None:
        timeout["read"] = max(step.patience, timeout["read"])
    return http.build_request(
        step.method,
        step.path,
        params=httpx.QueryParams(step.query) if step.query else None,
        headers=headers,
        content=content,
        timeout=httpx.Timeout(**timeout),
    )


def _pieces(body: Body) -> Iterator[bytes]:
    done = 0
    for piece in _cut(body.content):
        yield piece
        body.told(done := done + len(piece))


async def _pieces_async(body: Body) -> AsyncIterator[bytes]:
    done, pieces = 0, _cut(body.content)
    while piece := await anyio.to_thread.run_sync(next, pieces, b""):
        yield piece
        body.told(done := done + len(piece))


def _cut(content: bytes | Path) -> Iterator[bytes]:
    """Yield the bytes piece by piece, of a file never more of them at a time."""
    if isinstance(content, bytes):
        for start in range(0, len(content), PIECE_BYTES):
            yield content[start : start + PIECE_BYTES]
        return
    with content.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
