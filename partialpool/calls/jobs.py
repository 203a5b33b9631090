"""Jobs: what takes long, waited for, followed and cancelled."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

import httpx

from partialpool.bars import Report
from partialpool.calls.asking import PAGE, Page, ask, get, path_of, read
from partialpool.errors import JobCancelledError, ProblemError, UnexpectedAnswerError
from partialpool.retrying import asked
from partialpool.session import AnySession, D, J, M, Session
from partialpool.steps import Pause, Request, Steps
from service.schemas.fits import FittedModel
from service.schemas.jobs import Job, JobList

SOON: Final = 0.05
LATER: Final = 1.0
WAIT: Final = "wait=1"
"""How long a request waits before it becomes a job, whose progress can be shown."""
ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})


def job(session: Session[M, D, J], name: str) -> Steps[J]:
    """Return a job by its id."""
    return session.job((yield from get(session, path_of("jobs", name), Job)))


def jobs(session: Session[M, D, J], cursor: str | None) -> Steps[Page[J]]:
    """Go through the jobs, newest first; further pages are fetched on the way."""
    found = yield from get(session, path_of("jobs"), JobList, {"limit": PAGE, "cursor": cursor})
    return Page([session.job(item) for item in found.items], found.next)


def refresh(session: Session[M, D, J], info: Job) -> Steps[J]:
    """Return the job as it is now."""
    return (yield from job(session, info.id))


def wait(session: Session[M, D, J], info: Job, *, timeout: float | None = None) -> Steps[J]:
    """Wait for the end of the job and return it; whoever interrupts the wait cancels the job.

    Args:
        timeout: most seconds to wait. After that the job goes on, and may be waited for again.

    Raises:
        ProblemError: the job failed.
        JobCancelledError: it has been cancelled.
        TimeoutError: it takes longer than ``timeout``.
    """
    return session.job((yield from ended(session, info, timeout)))


def cancel(session: Session[M, D, J], info: Job) -> Steps[J]:
    """Cancel the job: its process ends at once. A finished job stays what it is."""
    return session.job((yield from cancelled(session, info)))


def model(session: Session[M, D, J], info: Job) -> Steps[M]:
    """Wait for a fit and return the model; raises ``ValueError`` if the job is no fit."""
    if info.kind != "fit":
        raise ValueError(f"the job {info.id} is no fit: {info.title}")
    done = yield from ended(session, info)
    return session.model((yield from get(session, _href(done), FittedModel)))


def settled(session: AnySession, request: Request) -> Steps[httpx.Response]:
    """Send a request that may become a job, wait for that, and return the answer."""
    answer = yield from ask(session, replace(request, headers={"Prefer": WAIT, **request.headers}))
    if answer.status_code != 202:
        return answer
    done = yield from ended(session, read(answer, Job))
    accept = {name: value for name, value in request.headers.items() if name == "Accept"}
    return (yield from ask(session, Request("GET", _href(done), headers=accept)))


def ended(session: AnySession, info: Job, timeout: float | None = None) -> Steps[Job]:
    """Wait for the end of a job; cancel it when the wait is interrupted."""
    request = Request("GET", path_of("jobs", info.id))
    end, pause = None if timeout is None else time.monotonic() + timeout, SOON
    try:
        while info.state not in ENDED:
            session.progress(Report(info.title, info.progress, info.message))
            if end is not None and time.monotonic() + pause > end:
                raise TimeoutError(f"the job {info.id} has not ended after {timeout} s; it goes on")
            yield Pause(pause)
            pause = min(pause * 1.5, LATER)
            answer = yield from asked(request, session.retries.patient())
            info = read(answer, Job)
    except BaseException as error:
        if not isinstance(error, Exception | GeneratorExit):  # Ctrl-C, or a cancelled task
            yield from cancelled(session, info)
        raise
    finally:
        session.progress(Report(info.title, info.progress, finished=True))
    return _succeeded(info)


def cancelled(session: AnySession, info: Job) -> Steps[Job]:
    """Cancel a job and return it as it is then."""
    return read((yield from ask(session, Request("DELETE", path_of("jobs", info.id)))), Job)


def _succeeded(info: Job) -> Job:
    if info.state == "succeeded":
        return info
    if info.error is not None:
        raise ProblemError(info.error)
    raise JobCancelledError(f"the job {info.id} has been cancelled: {info.title}")


def _href(info: Job) -> str:
    if info.result is None:
        raise UnexpectedAnswerError(f"the job {info.id} has succeeded and has no result")
    return info.result.href
