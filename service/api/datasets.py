"""Datasets: upload, preview, list, read, delete."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from starlette.responses import Response

from service import datasets, idempotency, openapi, registering, summaries
from service.api import jobs
from service.api.arriving import (
    KEEPING,
    READING,
    arrive,
    encoding,
    reading_of,
    received,
    require_name,
)
from service.api.described import Ref, created, detail_of, summary_of
from service.api.parameters import Cursor, Limit
from service.api.uploads import (
    LINKS,
    UPLOAD,
    UPLOAD_OR_SUMMARY,
    Missing,
    Name,
    Text,
)
from service.bodies import json_response, media_type
from service.catalog import Job
from service.context import owner_of, services
from service.idempotency import idempotent
from service.intake.receiving import receive_plain
from service.negotiation import etag_of, is_current
from service.problems import responses
from service.routing import Router
from service.schemas.datasets import (
    DatasetColumn,
    DatasetDetail,
    DatasetList,
    DatasetPreview,
    DatasetSummary,
)

router = Router(prefix="/v1/datasets", tags=["datasets"])
JSON: Final = "application/json"


@router.post(
    "",
    status_code=201,
    response_model=DatasetDetail,
    response_description="A new dataset; `Location` says where it stays.",
    responses={
        200: {
            "model": DatasetDetail,
            "description": "The same content was there already: the same id.",
            "headers": openapi.headers("Location"),
            "links": LINKS,
        },
        201: {"headers": openapi.headers("Location"), "links": LINKS},
        **jobs.ACCEPTED,
        **responses(
            *(*READING, *KEEPING, "invalid_summary", "name_taken", "unavailable"),
            *("files_changed", *jobs.PROBLEMS),
        ),
    },
    openapi_extra={
        **UPLOAD_OR_SUMMARY,
        "parameters": [jobs.PREFER, idempotency.PARAMETER],
    },
    operation_id="upload",
)
@idempotent
async def upload(
    request: Request, name: Name = None, missing: Missing = None, text: Text = None
) -> Response:
    """Keep a table. The body is the file, or a form with a part `file`; gzip is understood.

    Columns get their kind from all of their cells: `number`, `integer`, `boolean` or `text`. Keys
    such as `007` stay text. The id follows from the typed content, so the same table in another
    form of file is the same dataset.

    Or register files that are here already: `{"reference": {"root": "survey", "path":
    "2024/*.parquet"}}` names files below a root that the operator allows, a directory or a prefix
    of a bucket: Parquet, CSV, TSV or Arrow. They are read once and not kept; a fit reads them.
    Their content is part of the id: when they change, the dataset answers `files_changed` until
    they are registered again, as another dataset. Where reading them takes longer than the request
    waits, it becomes a job, whose `result` is the dataset; `Prefer` is about these alone.

    Or keep a summary: the sums that one model needs of rows that stay where they are, in the format
    `partialpool-summary/1` as JSON or Arrow. It can be fitted by `POST /v1/models`, and added to
    others by `POST /v1/datasets/merge`.
    """
    parts, owner = services(request), owner_of(request)
    require_name(name)
    if (media := media_type(request)) in summaries.MEDIA_TYPES:
        async with datasets.scratch() as directory:
            path = directory / "given"
            await arrive(request, receive_plain(request.stream(), encoding(request), path))
            return created(*await summaries.keep(parts, owner, path, media, name))
    reading = reading_of(missing, text)
    async with datasets.scratch() as directory:
        file = await received(request, directory)
        if (asked := await registering.asked(file)) is None:
            return created(
                *await datasets.keep(
                    parts,
                    owner,
                    file.path,
                    file.form,
                    reading,
                    directory=directory,
                    name=name,
                )
            )
    return await _registered(
        request, registering.Registration.of(parts, owner, asked, name, reading)
    )


async def _registered(request: Request, work: registering.Registration) -> Response:
    """Answer with the dataset of registered files, or the job that will have it."""
    parts, preference = services(request), jobs.preferred(request)
    obtained = await parts.desk.obtain(parts.jobs(work.owner), work, preference)
    if isinstance(obtained, Job):
        return jobs.accepted(obtained, preference)
    kept, new = obtained.value
    answer = created(kept, new and obtained.how == "made")
    answer.headers.update(jobs.applied(preference))
    return answer


@router.post(
    "/preview",
    response_model=DatasetPreview,
    response_description="The columns, their kinds, and the first rows.",
    responses=responses(*READING),
    openapi_extra=UPLOAD,
    operation_id="preview",
)
async def preview(request: Request, missing: Missing = None, text: Text = None) -> Response:
    """Tell what an upload would become; nothing is stored. Takes what the upload takes."""
    parts = services(request)
    async with datasets.scratch() as directory:
        file = await received(request, directory)
        table = await datasets.read(
            parts, file.path, file.form, reading_of(missing, text), directory=directory
        )
    columns = [DatasetColumn(**datasets.column_row(column)) for column in table.columns]
    head = table.head.to_pylist()
    return json_response(DatasetPreview(id=table.id, n_rows=table.rows, columns=columns, head=head))


@router.get(
    "",
    response_model=DatasetList,
    responses={
        200: {"links": openapi.first_of_list("read_dataset", "dataset")},
        **responses("invalid_request", "unavailable"),
    },
    operation_id="list_datasets",
)
async def listed(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List the datasets, newest first: one's own, and those that are public."""
    page = await services(request).datasets(owner_of(request)).page(limit, cursor)
    items = [DatasetSummary(**summary_of(row)) for row in page.items]
    return json_response(DatasetList(items=items, next=page.next))


@router.get(
    "/{dataset}",
    response_model=DatasetDetail,
    responses={
        200: {"headers": openapi.headers("ETag"), "links": LINKS},
        304: {"description": "The client has it: `If-None-Match` names its `ETag`."},
        **responses("dataset_not_found", "invalid_request", "unavailable"),
    },
    operation_id="read_dataset",
)
async def read(request: Request, dataset: Ref) -> Response:
    """Return what is in a dataset: its columns, their kinds, ranges and missing cells."""
    row = await services(request).datasets(owner_of(request)).get(dataset)
    content = detail_of(row).model_dump_json().encode()
    headers = {"ETag": etag_of(content), "Cache-Control": "private, no-cache"}
    if is_current(request, headers["ETag"]):
        return Response(None, 304, headers)
    return Response(content, 200, headers, JSON)


@router.delete(
    "/{dataset}",
    status_code=204,
    response_description="Deleted, with all that was stored of it; models fitted to it stay.",
    responses=responses("dataset_not_found", "read_only", "invalid_request", "unavailable"),
    operation_id="delete_dataset",
)
async def delete(request: Request, dataset: Ref) -> Response:
    """Delete a dataset. Uploading the same content again gives it the same id."""
    await datasets.forget(services(request), owner_of(request), dataset)
    return Response(None, 204)
