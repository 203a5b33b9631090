"""Health, readiness, limits."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from service.bodies import json_response
from service.caps import published
from service.context import owner_of, services
from service.problems import responses
from service.routing import Router
from service.schemas.system import Health, Kept, Limits, Quota, Readiness, UsageReport

router = Router(tags=["service"])
health_router = Router(tags=["service"])


@health_router.get("/healthz", response_model=Health, operation_id="health")
async def health() -> Response:
    """Tell that the process is alive; asks nothing of anything else."""
    return json_response(Health(status="ok"))


@health_router.get(
    "/readyz",
    response_model=Readiness,
    responses=responses("unavailable"),
    operation_id="readiness",
)
async def readiness(request: Request) -> Response:
    """Ask the catalog, the store of files, and who does long work and draws whether they answer.

    When one does not within a second, the answer is a 503 whose `detail` tells of each part, and
    whose `errors` of those that are lost.
    """
    return json_response(Readiness(status="ready", checks=await services(request).checks.ask()))


@router.get(
    "/v1/usage",
    response_model=UsageReport,
    responses=responses("unavailable"),
    operation_id="usage",
)
async def usage(request: Request) -> Response:
    """Tell how much is kept for the one who asks, and how much may be.

    What counts are the files of datasets and of models, of which a `DELETE` frees its own.
    """
    parts = services(request)
    used, most = await parts.ledger(owner_of(request)).usage(), parts.quotas
    return json_response(
        UsageReport(
            datasets=Kept(count=used.datasets, bytes=used.dataset_bytes),
            models=Kept(count=used.models, bytes=used.model_bytes),
            bytes=used.bytes,
            quotas=Quota(
                bytes=most.bytes or None, datasets=most.datasets or None, models=most.models or None
            ),
        )
    )


@router.get("/v1/limits", response_model=Limits, operation_id="limits")
async def limits(request: Request) -> Response:
    """Return the caps that requests are held to."""
    settings = services(request).settings
    return json_response(Limits.model_validate(published(settings)))
