"""Health, readiness, limits."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from engine import CAPS
from service.context import services
from service.problems import responses
from service.schemas.base import json_response
from service.schemas.predictions import MAX_THRESHOLDS
from service.schemas.simulations import MAX_DRAWS
from service.schemas.system import Health, Limits, Readiness

router = APIRouter(tags=["service"])


@router.get("/healthz", response_model=Health, operation_id="health")
async def health() -> Response:
    """Tell that the process is alive; asks nothing of anything else."""
    return json_response(Health(status="ok"))


@router.get(
    "/readyz",
    response_model=Readiness,
    responses=responses("unavailable"),
    operation_id="readiness",
)
async def readiness(request: Request) -> Response:
    """Ask the catalog and the store of files whether they answer; 503 when one does not."""
    parts = services(request)
    # Both are waited for: one that fails must not leave the other's connection half way.
    checks = (parts.database.check(), parts.blobs.check())
    for outcome in await asyncio.gather(*checks, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
    return json_response(Readiness(status="ready", checks={"catalog": "ok", "blobs": "ok"}))


@router.get("/v1/limits", response_model=Limits, operation_id="limits")
async def limits(request: Request) -> Response:
    """Return the caps that requests are held to."""
    settings = services(request).settings
    return json_response(
        Limits(
            max_body_bytes=settings.max_body_bytes,
            max_json_bytes=settings.max_json_bytes,
            max_rows=settings.max_rows,
            max_decoded_bytes=settings.max_decoded_bytes,
            max_document_bytes=settings.max_document_bytes,
            max_columns=settings.max_columns,
            max_inline_rows=settings.max_inline_rows,
            max_prediction_rows=settings.max_prediction_rows,
            max_simulated_values=settings.max_simulated_values,
            max_simulations=MAX_DRAWS,
            max_thresholds=MAX_THRESHOLDS,
            max_formula_characters=CAPS.characters,
            max_formula_nesting=CAPS.nesting,
            max_terms=CAPS.terms,
            max_random_terms=CAPS.random_terms,
            max_model_columns=CAPS.columns,
            wait_seconds=settings.wait_seconds,
        )
    )
