"""Pages for people: the API page, the kinds of problem."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from service import pages
from service.bodies import json_response
from service.kinds import KINDS
from service.problems import ProblemError, responses
from service.schemas.system import ProblemPage

router = APIRouter(tags=["service"])


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
async def reference(request: Request) -> Response:
    """Return the API page, made from the OpenAPI document."""
    return HTMLResponse(pages.reference(request.app.openapi()))


@router.get(
    "/problems/{code}",
    response_model=ProblemPage,
    responses={200: {"content": {"text/html": {}}}, **responses("not_found")},
    operation_id="problem",
)
async def problem(request: Request, code: str) -> Response:
    """Explain a kind of problem: the page that its `type` names; HTML for a browser."""
    kind = KINDS.get(code)
    if kind is None:
        raise ProblemError("not_found", "There is no such kind of problem.")
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(pages.problem(kind), headers={"Vary": "Accept"})
    page = ProblemPage(
        code=kind.code,
        status=kind.status,
        title=kind.title,
        meaning=kind.meaning,
        mend=kind.mend,
        retryable=kind.retryable,
    )
    return json_response(page, headers={"Vary": "Accept"})
