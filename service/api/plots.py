"""Plots of a model: those there are, and each as Vega-Lite, SVG, PNG or a page."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import Path, Query, Request
from msgspec import structs
from starlette.responses import Response

from engine import EngineError
from service import openapi, prices
from service.api import jobs
from service.api.parameters import ModelId
from service.bodies import json_response
from service.catalog import Job
from service.context import owner_of, services
from service.handlers import of_options
from service.inquiring import InquiryWork
from service.negotiation import choose, is_current
from service.plots.listing import plots_of
from service.plots.page import CSP
from service.plots.profiles import chosen
from service.plotting import (
    MEDIA,
    PlotWork,
    dataset_of,
    has_rows,
    plot_of,
    require_rows,
    require_taken,
)
from service.problems import responses
from service.rates import charge
from service.routing import Router
from service.schemas.plots import PlotFormat, PlotList, PlotQuery

router = Router(prefix="/v1/models", tags=["plots"])

_READING: Final = ("model_not_found", "unavailable", "corrupt_artefact")
_FORMS: Final[dict[str, PlotFormat]] = {media.split(";")[0]: form for form, media in MEDIA.items()}

PlotName = Annotated[
    str, Path(description="Name of a plot, as the list has it.", examples=["caterpillar"])
]

_PICTURES: Final[dict[str, Any]] = {
    "application/json": {"schema": {"type": "object", "description": "Vega-Lite."}},
    "image/svg+xml": {"schema": {"type": "string"}},
    "image/png": {"schema": {"type": "string", "format": "binary"}},
    "text/html": {"schema": {"type": "string"}},
}


@router.get(
    "/{model}/plots",
    response_model=PlotList,
    responses=responses(*_READING),
    operation_id="list_plots",
)
async def listed(request: Request, model: ModelId) -> Response:
    """List the plots that a model has, with what they may be asked for.

    What a model lacks (groups, rows that are kept, a response that can be inverted) it has no plot
    of.
    """
    parts, owner = services(request), owner_of(request)
    fitted = await parts.fitting.get(parts.models(owner), model)
    rows = has_rows(await dataset_of(parts, owner, fitted))
    answer = await parts.compute.run(plots_of, model, fitted.fit, rows=rows)
    return json_response(answer)


@router.get(
    "/{model}/plots/{plot}",
    response_class=Response,
    responses={
        200: {
            "content": _PICTURES,
            "description": "The plot: Vega-Lite with its data, a picture, or a page.",
            "headers": openapi.headers("ETag"),
        },
        304: {"description": "The client has it: `If-None-Match` names its `ETag`."},
        **jobs.ACCEPTED,
        **responses(
            *_READING,
            "plot_not_found",
            "not_acceptable",
            "rows_not_kept",
            "only_sums",
            "files_changed",
            "invalid_request",
            "unusable_data",
            "limit_passed",
            "still_fitting",
            "too_many_plots",
            *jobs.PROBLEMS,
        ),
    },
    openapi_extra={"parameters": [jobs.PREFER]},
    operation_id="plot",
)
async def read(
    request: Request, model: ModelId, plot: PlotName, asked: Annotated[PlotQuery, Query()]
) -> Response:
    """Draw a plot: Vega-Lite by default, SVG, PNG or a page by `Accept` or `format`.

    The same model and parameters give the same bytes, and one `ETag`. A plot with more points than
    the limits allow shows a selection or counts them in cells, and its subtitle says so. Profile
    curves that take longer than the request waits become a job.
    """
    parts, owner = services(request), owner_of(request)
    form: PlotFormat = asked.format or _FORMS[choose(request, list(_FORMS))]
    fitted = await parts.fitting.get(parts.models(owner), model)
    own = plot_of(fitted, plot)
    require_taken(own, asked)
    dataset = await dataset_of(parts, owner, fitted)
    require_rows(own, dataset)
    work = PlotWork(parts, owner, fitted, own, asked, form, dataset)
    headers = {"ETag": work.tag, "Vary": "Accept", "Cache-Control": "private, no-cache"}
    if is_current(request, work.tag):
        return Response(None, 304, headers)
    if own.name == "profile":
        found = await _profiled(request, work)
        if isinstance(found, Response):
            return found
        work = found
    if form in {"svg", "png"}:
        await charge(request, prices.PICTURE)
    content = await work.content()
    if form == "html":
        headers["Content-Security-Policy"] = CSP
    return Response(content, 200, headers, MEDIA[form])


async def _profiled(request: Request, work: PlotWork) -> PlotWork | Response:
    """Return the work with its curves computed, or the answer with their job."""
    parts, preference = work.parts, jobs.preferred(request)
    try:
        query = chosen(work.fitted.fit, work.asked)
    except EngineError as error:
        raise of_options(error, lambda path: ("query", *path)) from error
    inquiry = InquiryWork(parts, work.owner, work.fitted, "profiles", query)
    pay = partial(charge, request)
    found = await parts.desk.obtain(parts.jobs(work.owner), inquiry, preference, pay)
    if isinstance(found, Job):
        return jobs.accepted(found, preference)
    return structs.replace(work, found=found.value)
