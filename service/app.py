"""The application: wiring only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.middleware import Middleware

from engine import __version__
from service import bundled, handlers, openapi
from service.api import (
    comparisons,
    dashboard,
    datasets,
    diagnostics,
    effects,
    inference,
    jobs,
    merging,
    metrics,
    models,
    pages,
    parts,
    plots,
    pooling,
    predictions,
    public,
    radon,
    rows,
    simulations,
    static,
    system,
)
from service.assembly import assembled
from service.catalog import Database
from service.compute import Compute
from service.cross_origin import cors
from service.direct import routes_of
from service.gate import Authentication, Gate
from service.limiting import RateLimits
from service.local import LocalNames
from service.middleware import (
    BodyLimit,
    HeadAsGet,
    LastResort,
    Observe,
    RequestId,
    SecurityHeaders,
    logged,
    measured,
)
from service.observing import Instruments
from service.patience import patiently
from service.places import Places
from service.schemas.comparisons import ComparisonRequest
from service.schemas.datasets import MergeRequest, ReferenceDocument, TableDocument
from service.schemas.fits import FitRequest
from service.schemas.inference import ContrastsRequest
from service.schemas.predictions import PredictionRequest
from service.schemas.problems import Problem
from service.schemas.radon import AssessmentRequest, DecisionRequest
from service.schemas.simulations import SimulationRequest
from service.settings import Settings
from service.sweeping import Sweeper
from service.workers import Workers

# Tried in this order: what is asked most stands first.
ROUTERS: Final = (
    predictions.router,
    models.router,
    radon.router,
    effects.router,
    inference.router,
    comparisons.router,
    pooling.router,
    diagnostics.router,
    plots.router,
    simulations.router,
    jobs.router,
    datasets.router,
    parts.router,
    merging.router,
    rows.router,
    public.router,
    system.health_router,
    system.router,
    pages.router,
    dashboard.router,
    static.router,
)

# Models that stand in the OpenAPI document without being a FastAPI parameter or answer.
RAW_MODELS: Final[tuple[type[BaseModel], ...]] = (
    Problem,
    TableDocument,
    ReferenceDocument,
    MergeRequest,
    FitRequest,
    PredictionRequest,
    SimulationRequest,
    ContrastsRequest,
    ComparisonRequest,
    AssessmentRequest,
    DecisionRequest,
)

TAGS: Final = [
    {
        "name": "datasets",
        "description": "Upload tables, see what was read, page through their rows.",
    },
    {
        "name": "models",
        "description": "Fit models, read them, and ask them for predictions.",
    },
    {
        "name": "inference",
        "description": "Tests, intervals, contrasts, marginal means and comparisons of models.",
    },
    {
        "name": "radon",
        "description": "The homeowner's question: how much radon, and what to do about it.",
    },
    {
        "name": "plots",
        "description": "Plots of a model: Vega-Lite, SVG, PNG or a page.",
    },
    {
        "name": "jobs",
        "description": "Long work: how far it is, its events, cancelling it, its result.",
    },
    {"name": "service", "description": "The service itself: health, limits, errors."},
]

DESCRIPTION: Final = (
    "Multilevel (linear mixed) models over HTTP. Upload a table, fit a model written in lme4's "
    "formula language, read its effects, ask it for predictions.\n\n"
    "Every error is `application/problem+json` (RFC 9457) and points to what is wrong. "
    "Every answer carries `X-Request-ID`."
)


def places_of(settings: Settings) -> Places:
    """Return where long work is done, as the settings say."""
    if settings.compute:
        from service.cluster.client import Cluster  # not imported where there is no cluster

        return Cluster(settings)
    return Workers(settings.worker_processes, settings.worker_memory_bytes, settings.worker_threads)


def create_app(
    settings: Settings | None = None,
    *,
    local: bool = False,
    places: Callable[[Settings], Places] = places_of,
) -> FastAPI:
    """Return the application; it opens its catalog and store when it starts.

    With ``local`` it answers to names of this machine only. ``places`` makes where long work is
    done, each time it starts.
    """
    settings, instruments = settings or Settings(), Instruments()
    app = Application(
        title="partialpool",
        version=__version__,
        summary="Linear mixed models over HTTP.",
        description=DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        middleware=_middleware(settings, instruments, local),
        telemetry={
            "tracing": settings.traces_url is not None,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
        },
    )
    app.state.instruments = instruments
    app.state.settings = settings
    app.state.places = places
    handlers.register(app)
    own = ROUTERS if settings.admin_port is not None else (*ROUTERS, metrics.router)
    app.router.routes.extend(routes_of(own))
    return app


class Application(FastAPI):
    """FastAPI with our own OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made once."""
        if self.openapi_schema is None:
            answered = {model for router in ROUTERS for model in getattr(router, "answers", ())}
            self.openapi_schema = openapi.build(self, RAW_MODELS, answered)
        return self.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    database = Database(
        settings.catalog, sync=settings.sync_files, timed=app.state.instruments.store
    )
    compute = Compute(settings.fit_threads)
    workers: Places = app.state.places(settings)
    wait = partial(patiently, seconds=settings.start_seconds, wanted=lambda: not _ending(app))
    try:
        await wait(database.migrate)
        await workers.start()
        parts = app.state.services = assembled(
            settings, database, compute, workers, app.state.instruments
        )
        await wait(parts.blobs.check_creating)
        if settings.bundled_data:
            await wait(partial(bundled.load, parts))
        parts.runner.start()
        sweeper = Sweeper(parts, parts.leases)
        sweeper.start()
        yield
        await sweeper.close()
        await parts.stop()
    finally:
        await workers.close()
        compute.close()
        await database.close()


def _ending(app: FastAPI) -> bool:
    """Tell whether a signal to stop came, whose server says so, before the service was ready."""
    return bool(getattr(app.state, "ending", False))


def _middleware(settings: Settings, instruments: Instruments, local: bool) -> list[Middleware]:
    """Return the layers around the routes, outermost first."""
    told = [measured(instruments), *([logged()] if settings.access_log else [])]
    return [
        Middleware(RequestId),
        Middleware(Observe, told=told),
        Middleware(SecurityHeaders, hsts_seconds=settings.hsts_seconds),
        *([cors(settings.cors_origins)] if settings.cors_origins else []),
        Middleware(LastResort),
        *([Middleware(LocalNames)] if local else []),
        *([Middleware(Authentication)] if settings.keys_needed else []),
        *([Middleware(RateLimits)] if settings.limited else []),
        *([Middleware(Gate)] if settings.keys_needed else []),
        Middleware(BodyLimit, limit=settings.max_body_bytes),
        Middleware(HeadAsGet),
    ]
