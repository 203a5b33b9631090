"""Pages for people: the API page, the kinds of problem."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Path, Request
from starlette.responses import HTMLResponse, Response

from service import pages
from service.bodies import json_response
from service.kinds import KINDS
from service.problems import ProblemError, responses
from service.routing import Router
from service.schemas.system import ProblemCatalogue, ProblemPage

router = Router(tags=["service"])

_CODE_CHARACTERS: Final = 100
_VARY: Final = {"Vary": "Accept"}


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
async def reference(request: Request) -> Response:
    """Return the API page, made from the OpenAPI document."""
    return HTMLResponse(pages.reference(request.app.openapi()))


@router.get(
    "/problems",
    response_model=ProblemCatalogue,
    responses={
        200: {
            "content": {"text/html": {"schema": {"type": "string"}}},
            "links": {
                "problem": {
                    "operationId": "problem",
                    "parameters": {"code": "$response.body#/items/0/code"},
                }
            },
        }
    },
    operation_id="problems",
)
async def problems(request: Request) -> Response:
    """Explain all kinds of problem; HTML for a browser."""
    if _for_a_browser(request):
        return HTMLResponse(pages.problems(KINDS.values()), headers=_VARY)
    items = [ProblemPage.of(kind) for kind in KINDS.values()]
    return json_response(ProblemCatalogue(items=items), headers=_VARY)


@router.get(
    "/problems/{code}",
    response_model=ProblemPage,
    responses={
        200: {"content": {"text/html": {"schema": {"type": "string"}}}},
        **responses("not_found", "invalid_request"),
    },
    operation_id="problem",
)
async def problem(
    request: Request,
    code: Annotated[str, Path(description="The `code` of a problem.", max_length=_CODE_CHARACTERS)],
) -> Response:
    """Explain a kind of problem: the page that its `type` names; HTML for a browser."""
    kind = KINDS.get(code)
    if kind is None:
        raise ProblemError("not_found", "There is no such kind of problem.")
    if _for_a_browser(request):
        return HTMLResponse(pages.problem(kind), headers=_VARY)
    return json_response(ProblemPage.of(kind), headers=_VARY)


def _for_a_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
