"""Complete, no and partial pooling of the levels of a group."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from service import openapi, pooling, tabular
from service.api.effects import Group, Limit
from service.api.parameters import Cursor, ModelId
from service.context import owner_of, services
from service.negotiation import choose
from service.problems import responses
from service.schemas.pooling import PoolingPage

router = APIRouter(prefix="/v1/models", tags=["models"])

JSON: Final = "application/json"


@router.get(
    "/{model}/pooling/{group:path}",
    response_model=PoolingPage,
    responses={
        200: {
            "content": openapi.tables(),
            "description": "A page of levels as JSON; all levels as CSV, Parquet or Arrow.",
        },
        **responses(
            "model_not_found",
            "group_not_found",
            "not_acceptable",
            "invalid_request",
            "not_comparable",
            "unavailable",
            "corrupt_artefact",
        ),
    },
    operation_id="pooling",
)
async def read(
    request: Request, model: ModelId, group: Group, limit: Limit = 1000, cursor: Cursor = None
) -> Response:
    """Compare complete pooling, no pooling and partial pooling, level by level.

    For a model with one grouping factor and intercepts that vary by it. Compared is the line of
    each level where the predictors that vary within levels are zero; predictors of the level itself
    have the level's own value. JSON comes in pages; CSV, Parquet and Arrow have all levels, in
    columns named by their place in the JSON: `no_pooling.estimate`.
    """
    parts = services(request)
    media = choose(request, (JSON, *tabular.MEDIA_TYPES))
    fitted = await parts.fitting.get(parts.models(owner_of(request)), model)
    fitted.require_group(group)

    def write() -> bytes:
        found = pooling.compared(fitted.fit, group)
        if media == JSON:
            return pooling.page(model, found, limit, cursor)
        return tabular.encode(pooling.table(found), media)

    content = await parts.compute.run(write)
    return Response(content, 200, {"Vary": "Accept"}, media)
