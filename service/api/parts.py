"""Parts of datasets: rows that are appended."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from service import datasets, idempotency, openapi
from service.api.arriving import (
    KEEPING,
    READING,
    received,
    require_name,
)
from service.api.described import Ref, created
from service.api.uploads import (
    LINKS,
    UPLOAD,
    Missing,
    Name,
)
from service.context import owner_of, services
from service.idempotency import idempotent
from service.parts import append
from service.problems import responses
from service.routing import Router
from service.schemas.datasets import (
    DatasetDetail,
)

router = Router(prefix="/v1/datasets", tags=["datasets"])


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
            *READING, *KEEPING, "dataset_not_found", "only_sums", "name_taken", "unavailable"
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
    require_name(name)
    words = None if missing is None else tuple(missing)
    async with datasets.scratch() as directory:
        file = await received(request, directory)
        kept, new = await append(
            parts, owner, dataset, file.path, file.form, words, directory=directory, name=name
        )
    return created(kept, new)
