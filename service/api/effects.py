"""The effects of the levels of a group."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from service import effects, tabular
from service.api import levels
from service.api.levels import Group, Limit
from service.api.parameters import Cursor, ModelId
from service.api.tabled import JSON
from service.fitting import Fitted
from service.routing import Router
from service.schemas.effects import EffectsPage

router = Router(prefix="/v1/models", tags=["models"])


@router.get(
    "/{model}/effects/{group:path}",
    response_model=EffectsPage,
    responses=levels.documented(),
    operation_id="effects",
)
async def read(
    request: Request, model: ModelId, group: Group, limit: Limit = 1000, cursor: Cursor = None
) -> Response:
    """Return the effects of each level of a group, by name, beside what its own rows say.

    JSON comes in pages. CSV, Parquet and Arrow have all levels, in columns named by their place in
    the JSON: `effects.(Intercept).estimate`.
    """

    def write(fitted: Fitted, media: str) -> bytes:
        found = fitted.group(group)
        if media == JSON:
            return effects.page(model, found, limit, cursor)
        return tabular.encode(effects.table(found), media)

    return await levels.answer(request, model, write)
