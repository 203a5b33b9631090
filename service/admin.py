"""What operators ask, on a port of its own: metrics, liveness, readiness."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from service import handlers
from service.api import metrics, system
from service.middleware import LastResort, RequestId, SecurityHeaders
from service.settings import Settings


def admin_app(app: FastAPI) -> FastAPI:
    """Return the application of the admin port, which looks into the running ``app``."""
    admin = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for layer in (LastResort, SecurityHeaders, RequestId):
        admin.add_middleware(layer)
    admin.state = app.state
    handlers.register(admin)
    admin.include_router(metrics.router)
    admin.include_router(system.health_router)
    return admin


class AdminServer(uvicorn.Server):
    """Listens beside the service, in the same loop, and leaves signals to it."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        assert settings.admin_port is not None  # noqa: S101  there is no admin server without one
        config = uvicorn.Config(
            admin_app(app),
            host=settings.admin_host,
            port=settings.admin_port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        config.load()
        super().__init__(config)
        self.lifespan = config.lifespan_class(config)

    @property
    def url(self) -> str:
        """Where it listens."""
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://{self.config.host}:{port}"
