"""Models: fit or find, validate, list, read, delete."""

from __future__ import annotations

from functools import partial
from typing import Final

from fastapi import Request
from starlette.responses import Response

from engine import display
from service import answers, idempotency, openapi
from service.api import jobs
from service.api.examples import FITS, VALIDATIONS
from service.api.parameters import Cursor, Limit, ModelId
from service.bodies import json_response, read_json
from service.catalog import Job
from service.context import owner_of, services
from service.data import data_of
from service.desk import Obtained
from service.direct import DirectRoute
from service.fits import KIND as FIT
from service.fits import FitWork
from service.fitting import Found
from service.idempotency import idempotent
from service.negotiation import choose, etag_of, is_current
from service.orders import Order, specify
from service.problems import responses
from service.rates import charge
from service.routing import Router
from service.schemas.fits import (
    FitRequest,
    FittedModel,
    ModelList,
    Validation,
)
from service.validation import examined, specified_or_not

router = Router(prefix="/v1/models", tags=["models"], route_class=DirectRoute)

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
LINKS: Final = {
    operation: {"operationId": operation, "parameters": {"model": "$response.body#/id"}}
    for operation in (
        *("read_model", "fixed_effects", "anova", "contrasts", "marginal_means"),
        *("random_effects_tests", "variance_parameters", "effects", "predict", "diagnostics"),
        *("diagnostics_rows", "list_plots", "pooling", "simulate", "delete_model"),
    )
}

FORMS: Final = (JSON, "text/plain")

_CACHE_STATUS: Final = {
    "made": "partialpool; fwd=miss; stored",
    "shared": "partialpool; fwd=miss; collapsed",
    "found": "partialpool; hit",
}

_READING: Final = (
    "files_changed",
    "malformed_json",
    "dataset_not_found",
    "body_too_large",
    "unsupported_media_type",
    "invalid_request",
    "unavailable",
)
_FITTING: Final = ("invalid_formula", "invalid_model", "unusable_data", "limit_passed")


@router.post(
    "",
    status_code=201,
    response_model=FittedModel,
    response_description="Newly fitted; `Location` says where it stays.",
    responses={
        200: {
            "model": FittedModel,
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "Already known: the same data, an equal model, the same engine.",
            "headers": openapi.headers("ETag", "Location", "Cache-Status"),
            "links": LINKS,
        },
        201: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "headers": openapi.headers("ETag", "Location", "Cache-Status", "Server-Timing"),
            "links": LINKS,
        },
        **jobs.ACCEPTED,
        **responses(
            *(*_READING, *_FITTING, *jobs.PROBLEMS, "not_acceptable"),
            *("quota_exceeded", *idempotency.PROBLEMS),
        ),
    },
    openapi_extra={
        **openapi.body(FitRequest, FITS),
        "parameters": [jobs.PREFER, idempotency.PARAMETER],
    },
    operation_id="fit",
)
@idempotent
async def fit(request: Request) -> Response:
    """Fit a model, or find the fit.

    The id follows from the content of the data, the canonical form of the model and the version of
    the engine, so a request that means the same is answered from what is stored: other spacing or
    another order of terms is the same model. Its coefficients have the names and the order that R
    gives them for the formula of whoever asked first, which the answer shows. With
    `Accept: text/plain` the answer is the table that R's `display` prints. A fit that takes longer
    than the request waits becomes a job.
    """
    parts, owner, preference = services(request), owner_of(request), jobs.preferred(request)
    media = choose(request, FORMS)
    asked = await read_json(request, FitRequest, parts.settings.max_json_bytes)
    specified = specify(asked)
    data = await data_of(asked, parts.datasets(owner), parts)
    order = Order.of(specified, data.id, data.hash)
    held = parts.fitting.held(parts.models(owner), order.id)
    if held is not None:  # the most frequent answer, without a look into the catalog
        obtained: Obtained[Found] | Job = Obtained(Found(held), "found")
        parts.instruments.result(FIT, "found")
    else:
        work = await FitWork.of(parts, owner, order, data)
        obtained = await parts.desk.obtain(
            parts.jobs(owner), work, preference, partial(charge, request)
        )
    if isinstance(obtained, Job):
        return jobs.accepted(obtained, preference)
    found = obtained.value
    status = 201 if obtained.how == "made" else 200
    headers = _headers(obtained) | jobs.applied(preference)
    if media != JSON:
        content = display(found.fitted.fit).encode()
        return Response(content, status, headers | {"ETag": etag_of(content)}, TEXT)
    return Response(found.fitted.body, status, headers, JSON)


@router.post(
    "/validate",
    response_model=Validation,
    response_description="What is wrong, or the dimensions of the model.",
    responses=responses(*_READING, "invalid_table", "limit_passed"),
    openapi_extra=openapi.body(FitRequest, VALIDATIONS),
    operation_id="validate",
)
async def validate(request: Request) -> Response:
    """Tell every problem of a model for its data, or its dimensions; nothing is fitted."""
    parts = services(request)
    asked = await read_json(request, FitRequest, parts.settings.max_json_bytes)
    data = await data_of(asked, parts.datasets(owner_of(request)), parts)
    specified = specified_or_not(asked)
    if isinstance(specified, Validation):
        return json_response(specified)
    source = await data.read(specified.spec.columns)
    answer = await parts.compute.run(examined, specified, source)
    return json_response(answer)


@router.get(
    "",
    response_model=ModelList,
    responses={
        200: {"links": openapi.first_of_list("read_model", "model")},
        **responses("invalid_request", "unavailable"),
    },
    operation_id="list_models",
)
async def listed(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List the models, newest first."""
    page = await services(request).models(owner_of(request)).page(limit, cursor)
    items = [answers.listed(row) for row in page.items]
    return json_response(ModelList(items=items, next=page.next))


@router.get(
    "/{model}",
    response_model=FittedModel,
    responses={
        200: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "The model; as `text/plain` the table that R's `display` prints.",
            "headers": openapi.headers("ETag"),
            "links": LINKS,
        },
        304: {"description": "The client has it: `If-None-Match` names its `ETag`."},
        **responses("model_not_found", "not_acceptable", "unavailable", "corrupt_artefact"),
    },
    openapi_extra={"parameters": [openapi.MODEL_ID]},
    operation_id="read_model",
)
async def read(request: Request) -> Response:
    """Return a fitted model. It never changes, and stays when its dataset is deleted."""
    parts, model = services(request), request.path_params["model"]
    fitted = await parts.fitting.get(parts.models(owner_of(request)), model)
    content, etag, media = fitted.body, fitted.etag, JSON
    if choose(request, FORMS) != JSON:
        content, media = display(fitted.fit).encode(), TEXT
        etag = etag_of(content)
    headers = {"ETag": etag, "Vary": "Accept", "Cache-Control": "private, no-cache"}
    if is_current(request, etag):
        return Response(None, 304, headers)
    return Response(content, 200, headers, media)


@router.delete(
    "/{model}",
    status_code=204,
    response_description="Deleted, with all that was stored of it.",
    responses=responses("model_not_found", "unavailable"),
    operation_id="delete_model",
)
async def delete(request: Request, model: ModelId) -> Response:
    """Delete a model. Fitting it again gives it the same id."""
    parts, owner = services(request), owner_of(request)
    await parts.fitting.delete(parts.models(owner), model)
    return Response(None, 204)


def _headers(obtained: Obtained[Found]) -> dict[str, str]:
    found = obtained.value
    headers = {
        "ETag": found.fitted.etag,
        "Location": f"/v1/models/{found.fitted.row.id}",
        "Vary": "Accept",
        "Cache-Status": _CACHE_STATUS[obtained.how],
    }
    if obtained.how == "made":
        timings = found.timings or {"fit": found.fitted.row.summary["elapsed_ms"]}
        headers["Server-Timing"] = ", ".join(
            f"{name};dur={took:.3f}" for name, took in timings.items()
        )
    return headers
