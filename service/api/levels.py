"""What the answers about the levels of a group share: pages of JSON, or all levels as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import Path, Query, Request
from starlette.responses import Response

from service import openapi
from service.api import tabled
from service.caps import REQUEST
from service.context import owner_of, services
from service.fitting import Fitted
from service.problems import responses

Group = Annotated[
    str,
    Path(description="Name of a grouping factor, as the model has it.", examples=["county"]),
]
Limit = Annotated[
    int, Query(ge=1, le=REQUEST.page_levels, description="Most levels in a page of JSON.")
]

ANSWER: Final[dict[str, Any]] = {
    "content": openapi.tables(),
    "description": "A page of levels as JSON; all levels as CSV, Parquet or Arrow.",
}


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of an operation, with these problems beside those of all."""
    return {
        200: ANSWER,
        **responses(
            "model_not_found",
            "group_not_found",
            "not_acceptable",
            "invalid_request",
            *codes,
            "unavailable",
            "corrupt_artefact",
        ),
    }


async def answer(request: Request, model: str, write: Callable[[Fitted, str], bytes]) -> Response:
    """Answer with what ``write`` makes of a model, in the form that the client likes best."""
    parts, media = services(request), tabled.form_of(request)
    fitted = await parts.fitting.get(parts.models(owner_of(request)), model)
    return tabled.respond(await parts.compute.run(write, fitted, media), media)
