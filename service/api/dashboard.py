"""The dashboard's page and files."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from service import pages
from service.context import services
from service.dashboard import CSP, Asset, assets, edition, front
from service.negotiation import choose, is_current
from service.problems import ProblemError

router = APIRouter()

VEGA_SECONDS: Final = 2.0
"""After which Vega is put together: while the visitor reads, but not while the page is drawn."""

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_FORMS: Final = ("text/html", "text/plain", "application/json")


@router.get("/", include_in_schema=False)
async def page(request: Request) -> Response:
    """Return the dashboard, or where to begin for who reads text or JSON."""
    form = choose(request, _FORMS)
    if form != "text/html":
        content, media = pages.beginning(str(request.base_url), form)
        return Response(content, 200, {"Vary": "Accept"}, media)
    await services(request).pictures.prepare(VEGA_SECONDS)
    answer = _sent(request, front(), "no-cache", "Accept, Accept-Encoding")
    answer.headers["Content-Security-Policy"] = CSP
    return answer


@router.get("/dashboard/{name}/{path:path}", include_in_schema=False)
async def file(request: Request, name: str, path: str) -> Response:
    """Return a file of the dashboard.

    While replicas of two editions run, one may be asked for the other's files: it gives its own,
    which browsers then do not keep under that name.
    """
    asset = assets().get(path)
    if asset is None:
        raise ProblemError("not_found")
    return _sent(request, asset, _FOR_EVER if name == edition() else "no-store", "Accept-Encoding")


def _sent(request: Request, asset: Asset, caching: str, vary: str) -> Response:
    squeezed = "gzip" in request.headers.get("accept-encoding", "")
    tag = f'{asset.etag[:-1]}-gzip"' if squeezed else asset.etag
    headers = {"Cache-Control": caching, "ETag": tag, "Vary": vary}
    if is_current(request, tag):
        return Response(None, 304, headers)
    if squeezed:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.squeezed if squeezed else asset.plain, 200, headers, asset.media)
