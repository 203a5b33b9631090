"""The effects of the levels of a group."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from service import effects, openapi, tabular
from service.api.parameters import Cursor, ModelId
from service.caps import REQUEST
from service.context import owner_of, services
from service.negotiation import choose
from service.problems import responses
from service.schemas.effects import EffectsPage

router = APIRouter(prefix="/v1/models", tags=["models"])

JSON: Final = "application/json"

Group = Annotated[
    str,
    Path(description="Name of a grouping factor, as the model has it.", examples=["county"]),
]
Limit = Annotated[
    int, Query(ge=1, le=REQUEST.page_levels, description="Most levels in a page of JSON.")
]


@router.get(
    "/{model}/effects/{group:path}",
    response_model=EffectsPage,
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
            "unavailable",
            "corrupt_artefact",
        ),
    },
    operation_id="effects",
)
async def read(
    request: Request, model: ModelId, group: Group, limit: Limit = 1000, cursor: Cursor = None
) -> Response:
    """Return the effects of each level of a group, by name, beside what its own rows say.

    JSON comes in pages. CSV, Parquet and Arrow have all levels, in columns named by their place in
    the JSON: `effects.(Intercept).estimate`.
    """
    parts = services(request)
    media = choose(request, (JSON, *tabular.MEDIA_TYPES))
    fitted = await parts.fitting.get(parts.models(owner_of(request)), model)

    def write() -> bytes:
        found = fitted.group(group)
        if media == JSON:
            return effects.page(model, found, limit, cursor)
        return tabular.encode(effects.table(found), media)

    content = await parts.compute.run(write)
    return Response(content, 200, {"Vary": "Accept"}, media)
