"""Complete, no and partial pooling of the levels of a group."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from service import pooling, tabular
from service.api import levels
from service.api.levels import Group, Limit
from service.api.parameters import Cursor, ModelId
from service.api.tabled import JSON
from service.fitting import Fitted
from service.routing import Router
from service.schemas.pooling import PoolingPage

router = Router(prefix="/v1/models", tags=["models"])


@router.get(
    "/{model}/pooling/{group:path}",
    response_model=PoolingPage,
    responses=levels.documented("not_comparable"),
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

    def write(fitted: Fitted, media: str) -> bytes:
        fitted.require_group(group)
        found = pooling.compared(fitted.fit, group)
        if media == JSON:
            return pooling.page(model, found, limit, cursor)
        return tabular.encode(pooling.table(found), media)

    return await levels.answer(request, model, write)
