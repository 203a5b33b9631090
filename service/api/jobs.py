"""Jobs: list, read, follow, cancel; and the answer to a request that became one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from service import catalog, openapi
from service.api.parameters import Cursor, Limit
from service.bodies import json_response
from service.context import owner_of, services
from service.middleware import HEAD
from service.preference import Preference, preference_of
from service.problems import ProblemError, responses
from service.routing import Router
from service.schemas.jobs import Job, JobList, State

router = Router(prefix="/v1/jobs", tags=["jobs"])

# How long a client does well to wait before it asks again, and to follow a stream again.
POLL_SECONDS: Final = 1
RETRY_MILLISECONDS: Final = 2000

JobId = Annotated[str, Path(description="Id of a job.")]

LINKS: Final = {
    operation: {"operationId": operation, "parameters": {"job": "$response.body#/id"}}
    for operation in ("read_job", "job_events", "cancel_job")
}

# What operations that may become a job answer then; their documents have these beside their own.
ACCEPTED: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "model": Job,
        "description": "It takes longer than the request waits: a job, to be found at `Location`.",
        "headers": openapi.headers("Location", "Retry-After", "Preference-Applied"),
        "links": LINKS,
    },
}
PROBLEMS: Final = ("job_cancelled", "too_many_jobs", "worker_died", "out_of_memory")

PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`respond-async` asks for a job at once, `wait=10` for one after 10 seconds "
    "(RFC 7240). Without it the request waits `wait_seconds` of `GET /v1/limits`, which is also "
    "the longest wait.",
    "schema": {"type": "string"},
    "examples": {"job": {"value": "respond-async"}, "wait": {"value": "wait=10"}},
}


def preferred(request: Request) -> Preference:
    """Return how long a request wants to wait for what takes long."""
    return preference_of(request, services(request).settings.wait_seconds)


def accepted(job: catalog.Job, preference: Preference) -> Response:
    """Answer a request that has become a job."""
    headers = {"Location": f"/v1/jobs/{job.id}", "Retry-After": str(POLL_SECONDS)}
    return json_response(Job.of_row(job), 202, headers | applied(preference))


def applied(preference: Preference) -> dict[str, str]:
    """Return the header that says which preferences were honoured."""
    return {"Preference-Applied": preference.applied} if preference.applied else {}


@router.get(
    "",
    response_model=JobList,
    responses={
        200: {"links": openapi.first_of_list("read_job", "job")},
        **responses("invalid_request", "unavailable"),
    },
    operation_id="list_jobs",
)
async def listed(
    request: Request,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[State | None, Query(description="Only jobs in this state.")] = None,
) -> Response:
    """List the jobs, newest first."""
    page = await services(request).jobs(owner_of(request)).page(limit, cursor, state)
    return json_response(JobList(items=[Job.of_row(row) for row in page.items], next=page.next))


@router.get(
    "/{job}",
    response_model=Job,
    responses={
        200: {"headers": openapi.headers("Retry-After"), "links": LINKS},
        **responses("job_not_found", "unavailable"),
    },
    operation_id="read_job",
)
async def read(request: Request, job: JobId) -> Response:
    """Tell how far a job is; `Retry-After` says when to ask again, until it is finished.

    A finished job stays for `job_retention_seconds` of `GET /v1/limits` and links to its result.
    """
    row = await services(request).jobs(owner_of(request)).get(job)
    headers = {} if row.finished else {"Retry-After": str(POLL_SECONDS)}
    return json_response(Job.of_row(row), 200, {"Cache-Control": "no-store", **headers})


@router.delete(
    "/{job}",
    response_model=Job,
    response_description="The job as it is now: cancelled, unless it was finished before.",
    responses=responses("job_not_found", "unavailable"),
    operation_id="cancel_job",
)
async def cancel(request: Request, job: JobId) -> Response:
    """Cancel a job: its worker process ends at once. A finished job stays what it is."""
    parts = services(request)
    row = await parts.jobs(owner_of(request)).cancel(job)
    parts.runner.cancel(job)
    return json_response(Job.of_row(row))


async def _followed(request: Request, job: JobId) -> catalog.Job:
    """Return the job to follow, before the stream of its events begins."""
    return await services(request).jobs(owner_of(request)).get(job)


@router.get(
    "/{job}/events",
    response_class=EventSourceResponse,
    response_description="Events, each with an `id`; the last has the name of how the job ended.",
    responses=responses("job_not_found", "unavailable"),
    operation_id="job_events",
)
async def events(
    request: Request,
    row: Annotated[catalog.Job, Depends(_followed)],
    last_event_id: Annotated[
        str, Header(description="`id` of the last event seen, to go on after it; none at first.")
    ] = "",
) -> AsyncIterator[ServerSentEvent]:
    """Follow a job by server-sent events, to its end.

    Every event is the whole job as `GET /v1/jobs/{job}` gives it, under the name of its state.
    Several changes within a moment are one event. The last event of a finished job is sent to
    whoever asks. When the service stops before, it sends the job once more, as it leaves it, and
    the stream can be taken up again.
    """
    if request.scope.get(HEAD):
        return
    parts, seen, ending = services(request), _version(last_event_id), False
    jobs = parts.jobs(owner_of(request))
    with parts.changes.watch(row.id) as watch:
        while not row.finished:
            if row.version > seen or ending:
                seen = row.version
                yield _event(row)
            if ending:
                return
            await watch.next(POLL_SECONDS)
            ending = parts.changes.closed  # asked before: the last event tells what came of it
            row = await _again(jobs, row)
    yield _event(row)


async def _again(jobs: catalog.Jobs, row: catalog.Job) -> catalog.Job:
    """Return a job as it is now; as it was, when the catalog does not answer just now."""
    try:
        return await jobs.get(row.id)
    except ProblemError as error:
        if error.kind.code != "unavailable":
            raise
        return row


def _event(row: catalog.Job) -> ServerSentEvent:
    return ServerSentEvent(
        data=Job.of_row(row), event=row.state, id=str(row.version), retry=RETRY_MILLISECONDS
    )


def _version(event: str) -> int:
    """Return the number of an event; whoever names none of ours gets them all."""
    return int(event) if event.isascii() and event.isdigit() and len(event) < 19 else 0
