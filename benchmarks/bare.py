"""Bare FastAPI endpoints with the bodies of the service: what the framework alone costs.

    python -m benchmarks.bare --answers FILE --port N

FILE is the JSON object {"fit": answer, "predict": answer}. /plain/fit and /plain/predict read the
JSON body and write the answer with the standard library; /typed/fit and /typed/predict do so by the
service's own pydantic models, as FastAPI's documentation has it. Uvicorn runs as in the service.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from service.schemas.fits import FitRequest, FittedModel
from service.schemas.predictions import PredictionItems, PredictionRequest


def create_app(answers: dict[str, object]) -> FastAPI:
    """Return an application whose every answer is known beforehand."""
    app = FastAPI()
    fitted = FittedModel.model_validate(answers["fit"])
    predicted = PredictionItems.model_validate(answers["predict"])

    @app.get("/healthz")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/plain/{name}")
    async def plain(name: str, request: Request) -> JSONResponse:
        await request.json()
        return JSONResponse(answers[name])

    @app.post("/typed/fit")
    async def typed_fit(asked: FitRequest) -> FittedModel:  # noqa: ARG001  read for its cost
        return fitted

    @app.post("/typed/predict")
    async def typed_predict(asked: PredictionRequest) -> PredictionItems:  # noqa: ARG001
        return predicted

    return app


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    app = create_app(json.loads(options.answers.read_text("utf-8")))
    uvicorn.run(
        app,
        port=options.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
