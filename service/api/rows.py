"""The rows of a dataset, page by page."""

from __future__ import annotations

import json
import re
from typing import Annotated, Final

import pyarrow as pa
from fastapi import Query, Request
from starlette.responses import Response

from service import datasets, openapi, summaries, tabular
from service.api.described import Ref
from service.api.parameters import Cursor
from service.caps import REQUEST
from service.catalog import Dataset
from service.catalog.paging import decode, encode, invalid_cursor
from service.context import owner_of, services
from service.negotiation import choose, etag_of, is_current
from service.problems import ProblemError, responses
from service.routing import Router
from service.schemas.datasets import (
    DatasetRows,
)

router = Router(prefix="/v1/datasets", tags=["datasets"])
JSON: Final = "application/json"

RowLimit = Annotated[int, Query(ge=1, le=REQUEST.page_rows, description="Most rows in the answer.")]


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


def _start(cursor: str | None) -> int:
    if cursor is None:
        return 0
    place, start = decode(cursor)
    if place != "row" or not re.fullmatch("[0-9]{1,15}", start):
        raise invalid_cursor()
    return int(start)


def _rows_json(row: Dataset, table: pa.Table, start: int, following: str | None) -> bytes:
    answer = {
        "dataset": row.id,
        "columns": table.column_names,
        "start": start,
        "items": table.to_pylist(),
        "next": following,
    }
    return json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
