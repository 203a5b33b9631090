"""Summaries that are added up."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from service import idempotency, openapi, summaries
from service.api.arriving import (
    KEEPING,
    require_name,
)
from service.api.described import created
from service.api.examples import MERGES
from service.api.uploads import (
    LINKS,
    Name,
)
from service.bodies import read_json
from service.context import owner_of, services
from service.idempotency import idempotent
from service.problems import responses
from service.routing import Router
from service.schemas.datasets import (
    DatasetDetail,
    MergeRequest,
)

router = Router(prefix="/v1/datasets", tags=["datasets"])


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
            *KEEPING,
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
    require_name(name)
    asked = await read_json(request, MergeRequest, parts.settings.max_json_bytes)
    return created(*await summaries.merged(parts, owner, asked.datasets, name))
