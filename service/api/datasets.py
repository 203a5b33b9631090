"""Datasets: upload, preview, list, read, rows, delete."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import pyarrow as pa
from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from engine import Problem
from service import datasets, idempotency, openapi, registering, summaries, tabular
from service.api.examples import MERGES
from service.api.parameters import Cursor, Limit
from service.api.uploads import (
    ACCEPTED,
    LINKS,
    UPLOAD,
    UPLOAD_OR_SUMMARY,
    Missing,
    Name,
    Text,
)
from service.caps import REQUEST
from service.catalog import Dataset
from service.catalog.datasets import NAME_PATTERN
from service.catalog.paging import decode, encode, invalid_cursor
from service.context import owner_of, services
from service.handlers import of_intake
from service.idempotency import idempotent
from service.intake import Reading, UnknownFormError
from service.intake.receiving import Received, receive, receive_plain
from service.negotiation import choose, etag_of, is_current
from service.parts import append, parts_of, previous
from service.problems import ProblemError, responses
from service.schemas.base import json_response, media_type, read_json
from service.schemas.datasets import (
    DatasetColumn,
    DatasetDetail,
    DatasetList,
    DatasetPart,
    DatasetPreview,
    DatasetRows,
    DatasetSummary,
    MergeRequest,
    Sums,
)

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

JSON: Final = "application/json"
T = TypeVar("T")

_READING: Final = (
    "malformed_json",
    "body_too_large",
    "unsupported_media_type",
    "invalid_request",
    "invalid_table",
    "limit_passed",
)

_KEEPING: Final = ("quota_exceeded", *idempotency.PROBLEMS)

Ref = Annotated[
    str,
    PathParameter(
        description="Id or name of a dataset.", max_length=100, examples=["minnesota-radon"]
    ),
]
RowLimit = Annotated[int, Query(ge=1, le=REQUEST.page_rows, description="Most rows in the answer.")]


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
        **responses(
            *(*_READING, *_KEEPING, "invalid_summary", "name_taken", "unavailable"),
            *("files_changed", "out_of_memory", "worker_died"),
        ),
    },
    openapi_extra={**UPLOAD_OR_SUMMARY, "parameters": [idempotency.PARAMETER]},
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
    "2024/*.parquet"}}` names Parquet files below a root that the operator allows. They are read
    once and not copied; a fit scans them. Their content is part of the id: when they change, the
    dataset answers `files_changed` until they are registered again, as another dataset.

    Or keep a summary: the sums that one model needs of rows that stay where they are, in the format
    `partialpool-summary/1` as JSON or Arrow. It can be fitted by `POST /v1/models`, and added to
    others by `POST /v1/datasets/merge`.
    """
    parts, owner = services(request), owner_of(request)
    _check_name(name)
    if (media := media_type(request)) in summaries.MEDIA_TYPES:
        async with datasets.scratch() as directory:
            path = directory / "given"
            await _arrive(request, receive_plain(request.stream(), _encoding(request), path))
            return _created(*await summaries.keep(parts, owner, path, media, name))
    async with datasets.scratch() as directory:
        file = await _receive(request, directory)
        if (asked := await registering.asked(file)) is not None:
            return _created(*await registering.register(parts, owner, asked, name))
        kept, new = await datasets.keep(
            parts,
            owner,
            file.path,
            file.form,
            _reading(missing, text),
            directory=directory,
            name=name,
        )
    return _created(kept, new)


@router.post(
    "/{dataset}/parts",
    status_code=201,
    response_model=DatasetDetail,
    response_description="A new dataset, of all rows; `Location` says where it stays.",
    responses={
        200: {
            "model": DatasetDetail,
            "description": "The same part was appended to it before: the same id.",
            "headers": openapi.headers("Location"),
            "links": LINKS,
        },
        201: {"headers": openapi.headers("Location"), "links": LINKS},
        **responses(
            *_READING, *_KEEPING, "dataset_not_found", "only_sums", "name_taken", "unavailable"
        ),
    },
    openapi_extra={**UPLOAD, "parameters": [idempotency.PARAMETER]},
    operation_id="append_part",
)
@idempotent
async def append_part(
    request: Request, dataset: Ref, name: Name = None, missing: Missing = None
) -> Response:
    """Append rows to a dataset: a new dataset of both; the one appended to stays as it is.

    The body is the file, as of an upload, with the same columns; columns of text stay text. Only
    its rows are read. A model of the new dataset whose formula was fitted to the one before reads
    only the new rows too: their sums are added to those of the fit. What depends on all rows, as
    the constants of `scale(x)` do, makes it read all of them, and the model's `provenance` says so.
    Name the dataset by its id where a request may be sent twice: then the answer is the same.
    """
    parts, owner = services(request), owner_of(request)
    _check_name(name)
    words = None if missing is None else tuple(missing)
    async with datasets.scratch() as directory:
        file = await _receive(request, directory)
        kept, new = await append(
            parts, owner, dataset, file.path, file.form, words, directory=directory, name=name
        )
    return _created(kept, new)


@router.post(
    "/merge",
    status_code=201,
    response_model=DatasetDetail,
    response_description="A new dataset, the sums of all rows; `Location` says where it stays.",
    responses={
        200: {
            "model": DatasetDetail,
            "description": "They were added before: the same id.",
            "headers": openapi.headers("Location"),
            "links": LINKS,
        },
        201: {"headers": openapi.headers("Location"), "links": LINKS},
        **responses(
            "malformed_json",
            "body_too_large",
            "unsupported_media_type",
            "dataset_not_found",
            "invalid_request",
            "invalid_summary",
            "limit_passed",
            "name_taken",
            "unavailable",
            "corrupt_artefact",
            *_KEEPING,
        ),
    },
    openapi_extra={
        **openapi.body(MergeRequest, MERGES),
        "parameters": [idempotency.PARAMETER],
    },
    operation_id="merge_datasets",
)
@idempotent
async def merge(request: Request, name: Name = None) -> Response:
    """Add summaries of different rows: the dataset that one summary of all rows would be.

    They are made for the same formula at several places, or at one place of rows that came later.
    The id does not depend on the order. A model fitted to it has the estimates and standard errors
    of all rows together.
    """
    parts, owner = services(request), owner_of(request)
    _check_name(name)
    asked = await read_json(request, MergeRequest, parts.settings.max_json_bytes)
    return _created(*await summaries.merged(parts, owner, asked.datasets, name))


@router.post(
    "/preview",
    response_model=DatasetPreview,
    response_description="The columns, their kinds, and the first rows.",
    responses=responses(*_READING),
    openapi_extra=UPLOAD,
    operation_id="preview",
)
async def preview(request: Request, missing: Missing = None, text: Text = None) -> Response:
    """Tell what an upload would become; nothing is stored. Takes what the upload takes."""
    parts = services(request)
    async with datasets.scratch() as directory:
        file = await _receive(request, directory)
        table = await datasets.read(
            parts, file.path, file.form, _reading(missing, text), directory=directory
        )
    columns = [DatasetColumn(**datasets.column_row(column)) for column in table.columns]
    head = table.head.to_pylist()
    return json_response(DatasetPreview(id=table.id, n_rows=table.rows, columns=columns, head=head))


@router.get(
    "",
    response_model=DatasetList,
    responses=responses("invalid_request", "unavailable"),
    operation_id="list_datasets",
)
async def listed(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List the datasets, newest first: one's own, and those that are public."""
    page = await services(request).datasets(owner_of(request)).page(limit, cursor)
    items = [DatasetSummary(**_summary(row)) for row in page.items]
    return json_response(DatasetList(items=items, next=page.next))


@router.get(
    "/{dataset}",
    response_model=DatasetDetail,
    responses={
        200: {"headers": openapi.headers("ETag")},
        304: {"description": "The client has it: `If-None-Match` names its `ETag`."},
        **responses("dataset_not_found", "invalid_request", "unavailable"),
    },
    operation_id="read_dataset",
)
async def read(request: Request, dataset: Ref) -> Response:
    """Return what is in a dataset: its columns, their kinds, ranges and missing cells."""
    row = await services(request).datasets(owner_of(request)).get(dataset)
    content = _detail(row).model_dump_json().encode()
    headers = {"ETag": etag_of(content), "Cache-Control": "private, no-cache"}
    if is_current(request, headers["ETag"]):
        return Response(None, 304, headers)
    return Response(content, 200, headers, JSON)


@router.get(
    "/{dataset}/rows",
    response_model=DatasetRows,
    responses={
        200: {
            "content": openapi.tables(),
            "description": "A page of rows; for CSV, Parquet and Arrow the next is in `Link`.",
            "headers": openapi.headers("ETag", "Link"),
        },
        304: {"description": "The client has them: `If-None-Match` names their `ETag`."},
        **responses(
            "dataset_not_found",
            "only_sums",
            "files_changed",
            "not_acceptable",
            "invalid_request",
            "unavailable",
            "corrupt_artefact",
        ),
    },
    operation_id="dataset_rows",
)
async def rows(
    request: Request, dataset: Ref, limit: RowLimit = 100, cursor: Cursor = None
) -> Response:
    """Return rows of a dataset, page by page, in the order of the file they came in.

    A page of a wide table may be shorter than `limit`: it has at most a million cells.
    """
    parts = services(request)
    media = choose(request, (JSON, *tabular.MEDIA_TYPES))
    row = await parts.datasets(owner_of(request)).get(dataset)
    if summaries.is_summary(row):
        raise ProblemError("only_sums", "The dataset is a summary: it has sums, and no rows.")
    start = _start(cursor)
    count = max(1, min(limit, REQUEST.page_cells // len(row.columns)))
    following = encode("row", str(start + count)) if start + count < row.n_rows else None
    headers = {
        "ETag": etag_of(f"{row.content_hash} {start} {count} {media}".encode()),
        "Vary": "Accept",
        "Cache-Control": "private, no-cache",
    }
    if following:
        link = f"/v1/datasets/{row.id}/rows?limit={limit}&cursor={following}"
        headers["Link"] = f'<{link}>; rel="next"'
    if is_current(request, headers["ETag"]):
        return Response(None, 304, headers)
    table = await datasets.rows(parts, row, start, count)
    if media == JSON:
        content = await parts.compute.run(_rows_json, row, table, start, following)
    else:
        content = await parts.compute.run(tabular.encode, table, media)
    return Response(content, 200, headers, media)


_PUBLISHING: Final[dict[int | str, dict[str, Any]]] = responses(
    "dataset_not_found", "read_only", "invalid_request", "unavailable"
)


@router.put(
    "/{dataset}/public",
    response_model=DatasetDetail,
    response_description="The dataset, which every owner may read from now on.",
    responses=_PUBLISHING,
    operation_id="publish_dataset",
)
async def publish(request: Request, dataset: Ref) -> Response:
    """Let every owner read a dataset and fit models to it; the models are theirs.

    Only its owner can change or delete it. An own dataset comes before a public one of its name.
    """
    row = await services(request).datasets(owner_of(request)).publish(dataset, public=True)
    return json_response(_detail(row))


@router.delete(
    "/{dataset}/public",
    response_model=DatasetDetail,
    response_description="The dataset, which only its owner may read.",
    responses=_PUBLISHING,
    operation_id="withdraw_dataset",
)
async def withdraw(request: Request, dataset: Ref) -> Response:
    """Let only its owner read a dataset; models that others have fitted to it stay."""
    row = await services(request).datasets(owner_of(request)).publish(dataset, public=False)
    return json_response(_detail(row))


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


async def _receive(request: Request, directory: Path) -> Received:
    kind, path = request.headers.get("content-type", ""), directory / "given"
    return await _arrive(request, receive(request.stream(), kind, _encoding(request), path))


def _encoding(request: Request) -> str:
    return request.headers.get("content-encoding", "")


async def _arrive(request: Request, receiving: Awaitable[T]) -> T:
    """Wait for a body; tell what would be understood when it is not."""
    try:
        return await receiving
    except UnknownFormError as error:
        problem = of_intake(error)
        more = () if request.url.path.endswith("/preview") else summaries.MEDIA_TYPES
        problem.headers = {"Accept-Post": ", ".join((*ACCEPTED, *more)), "Accept-Encoding": "gzip"}
        raise problem from error
    except ClientDisconnect as error:
        raise ProblemError("bad_request", "The body ended before it was complete.") from error


def _created(kept: Dataset, new: bool) -> Response:
    headers = {"Location": f"/v1/datasets/{kept.id}"}
    return json_response(_detail(kept), 201 if new else 200, headers)


def _check_name(name: str | None) -> None:
    if name is not None and not re.fullmatch(NAME_PATTERN, name):
        detail = "The name is not one that a dataset may have."
        hint = "Letters, digits, '.', '_' and '-', up to 100, not starting with 'ds_'."
        item = Problem("invalid_name", detail, hint, ("query", "name"))
        raise ProblemError("invalid_request", detail, [item])


def _reading(missing: list[str] | None, text: list[str] | None) -> Reading:
    return Reading(tuple(text or ()), None if missing is None else tuple(missing))


def _start(cursor: str | None) -> int:
    if cursor is None:
        return 0
    place, start = decode(cursor)
    if place != "row" or not re.fullmatch("[0-9]{1,15}", start):
        raise invalid_cursor()
    return int(start)


def _summary(row: Dataset) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "kind": "summary" if summaries.is_summary(row) else "table",
        "n_rows": row.n_rows,
        "n_columns": len(row.columns),
        "size_bytes": row.size_bytes,
        "public": row.public,
        "created_at": row.created_at,
    }


def _detail(row: Dataset) -> DatasetDetail:
    columns = [DatasetColumn(**column) for column in row.columns]
    summary = summaries.is_summary(row)
    files = registering.files_of(row)
    own = [] if summary or files else parts_of(row)
    return DatasetDetail(
        **_summary(row),
        content_hash=row.content_hash,
        columns=columns,
        parts=[
            DatasetPart(
                content_hash=part["hash"], n_rows=part["n_rows"], size_bytes=part["size_bytes"]
            )
            for part in own
        ],
        previous=None if summary or files else previous(row),
        reference=files,
        summary=Sums(**row.report["summary"]) if summary else None,
    )


def _rows_json(row: Dataset, table: pa.Table, start: int, following: str | None) -> bytes:
    answer = {
        "dataset": row.id,
        "columns": table.column_names,
        "start": start,
        "items": table.to_pylist(),
        "next": following,
    }
    return json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
