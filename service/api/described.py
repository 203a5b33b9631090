"""Datasets as answers tell them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path as PathParameter
from starlette.responses import Response

from service import registering, summaries
from service.bodies import json_response
from service.catalog import Dataset
from service.parts import parts_of, previous
from service.schemas.bounds import REF_CHARACTERS
from service.schemas.datasets import (
    DatasetColumn,
    DatasetDetail,
    DatasetPart,
    Sums,
)

Ref = Annotated[
    str,
    PathParameter(
        description="Id or name of a dataset.",
        max_length=REF_CHARACTERS,
        examples=["minnesota-radon"],
    ),
]


def created(kept: Dataset, new: bool) -> Response:
    """Answer with a dataset that was made, or was there already."""
    headers = {"Location": f"/v1/datasets/{kept.id}"}
    return json_response(detail_of(kept), 201 if new else 200, headers)


def summary_of(row: Dataset) -> dict[str, Any]:
    """Return a dataset as a list tells it."""
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


def detail_of(row: Dataset) -> DatasetDetail:
    """Return a dataset as it is told by itself."""
    columns = [DatasetColumn(**column) for column in row.columns]
    summary = summaries.is_summary(row)
    files = registering.files_of(row)
    own = [] if summary or files else parts_of(row)
    return DatasetDetail(
        **summary_of(row),
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
