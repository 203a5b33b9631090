"""Metrics for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.context import services
from service.observing import CONTENT_TYPE
from service.observing.scrape import scraped

router = APIRouter(tags=["service"])


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "The metrics, in the text format of Prometheus.",
        }
    },
    operation_id="metrics",
)
async def metrics(request: Request) -> Response:
    """Tell counts and times of this process, and the queue of jobs.

    With an admin port set they are told there and nowhere else.
    """
    parts = services(request)
    content = await scraped(parts.instruments, parts.queue, parts.workers)
    return Response(content, media_type=CONTENT_TYPE)
