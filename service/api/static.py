"""Scripts of our own pages: names that change with their content, kept by browsers for ever."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.context import services
from service.plots.page import SCRIPT, script_name
from service.plots.pictures import bundle_name
from service.problems import ProblemError

router = APIRouter()

JAVASCRIPT: Final = "text/javascript; charset=utf-8"
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/static/{name}", include_in_schema=False)
async def script(request: Request, name: str) -> Response:
    """Return a script: Vega from the offline bundle, or what shows a plot with it."""
    if name == script_name():
        return Response(SCRIPT, 200, _FOR_EVER, JAVASCRIPT)
    if name != bundle_name():
        raise ProblemError("not_found")
    plain, squeezed = await services(request).pictures.bundle()
    headers = {**_FOR_EVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(squeezed, 200, {**headers, "Content-Encoding": "gzip"}, JAVASCRIPT)
    return Response(plain, 200, headers, JAVASCRIPT)
