"""Datasets that every owner may read."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from service.api.described import Ref, detail_of
from service.bodies import json_response
from service.context import owner_of, services
from service.problems import responses
from service.routing import Router
from service.schemas.datasets import (
    DatasetDetail,
)

router = Router(prefix="/v1/datasets", tags=["datasets"])

_PUBLISHING: Final[dict[int | str, dict[str, Any]]] = responses(
    "dataset_not_found", "read_only", "invalid_request", "unavailable"
)


@router.put(
    "/{dataset}/public",
    response_model=DatasetDetail,
    response_description="The dataset, which every owner may read from now on.",
    responses=_PUBLISHING,
    operation_id="publish_dataset",
)
async def publish(request: Request, dataset: Ref) -> Response:
    """Let every owner read a dataset and fit models to it; the models are theirs.

    Only its owner can change or delete it. An own dataset comes before a public one of its name.
    """
    row = await services(request).datasets(owner_of(request)).publish(dataset, public=True)
    return json_response(detail_of(row))


@router.delete(
    "/{dataset}/public",
    response_model=DatasetDetail,
    response_description="The dataset, which only its owner may read.",
    responses=_PUBLISHING,
    operation_id="withdraw_dataset",
)
async def withdraw(request: Request, dataset: Ref) -> Response:
    """Let only its owner read a dataset; models that others have fitted to it stay."""
    row = await services(request).datasets(owner_of(request)).publish(dataset, public=False)
    return json_response(detail_of(row))
