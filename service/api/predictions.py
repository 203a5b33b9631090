"""Predictions for new rows."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from engine import Fit, Problem
from service import openapi, predicting, tabular
from service.api.examples import PREDICTIONS
from service.api.parameters import ModelId
from service.context import Services, owner_of, services
from service.predicting import Options
from service.problems import ProblemError, responses
from service.schemas.base import media_type, read_json, unsupported
from service.schemas.predictions import (
    Level,
    NewLevels,
    PredictionColumns,
    PredictionItems,
    PredictionRequest,
    Thresholds,
)
from service.upload import columns_of

router = APIRouter(prefix="/v1/models", tags=["models"])

JSON: Final = "application/json"

# A few rows take less time than handing them to a thread.
FEW_ROWS: Final = 50


@router.post(
    "/{model}/predictions",
    response_model=PredictionItems | PredictionColumns,
    response_description="A prediction for each row, in the form that the rows came in.",
    responses={
        200: {"content": openapi.tables()},
        **responses(
            "malformed_json",
            "model_not_found",
            "body_too_large",
            "unsupported_media_type",
            "invalid_request",
            "invalid_table",
            "invalid_model",
            "unusable_data",
            "limit_passed",
            "unavailable",
            "corrupt_artefact",
        ),
    },
    openapi_extra=openapi.body(PredictionRequest, PREDICTIONS, openapi.tables()),
    operation_id="predict",
)
async def predict(
    request: Request,
    model: ModelId,
    level: Annotated[Level | None, Query(description="For a table: as `level` in JSON.")] = None,
    thresholds: Annotated[
        Thresholds | None, Query(description="For a table: as `thresholds` in JSON; repeat it.")
    ] = None,
    new_levels: Annotated[
        NewLevels | None, Query(description="For a table: as `new_levels` in JSON.")
    ] = None,
) -> Response:
    """Predict new rows: the group line, a new observation, and the outcome on its own scale.

    Rows carry exactly the columns that the model needs. A CSV, Parquet or Arrow body is answered in
    the same form, in columns named by their place in the JSON (`interval.lower`); its options are
    query parameters.
    """
    parts = services(request)
    fitted = await parts.fitting.get(parts.models(owner_of(request)), model)
    media = media_type(request)
    if media == JSON:
        _refuse_query(level, thresholds, new_levels)
        asked = await read_json(request, PredictionRequest, parts.settings.max_json_bytes)
        content = await _answer_json(parts, model, fitted.fit, asked)
        return Response(content, 200, None, JSON)
    if media not in tabular.MEDIA_TYPES:
        raise unsupported(JSON, *tabular.MEDIA_TYPES)
    options = Options(level or 0.95, tuple(thresholds or ()), new_levels or "population")
    columns = await columns_of(request, parts)
    answer = await parts.compute.run(_answer_table, fitted.fit, columns, options, media)
    return Response(answer, 200, None, media)


async def _answer_json(parts: Services, model: str, fit: Fit, asked: PredictionRequest) -> bytes:
    options = Options(asked.level, tuple(asked.thresholds), asked.new_levels)
    if (asked.rows is None) == (asked.columns is None):
        raise _either_or()
    if asked.rows is not None:
        _require_few(len(asked.rows), parts, "rows")
        if len(asked.rows) <= FEW_ROWS:
            return predicting.answer_rows(model, fit, asked.rows, options)
        return await parts.compute.run(predicting.answer_rows, model, fit, asked.rows, options)
    columns = asked.columns or {}
    _require_few(max(map(len, columns.values()), default=0), parts, "columns")
    return await parts.compute.run(predicting.answer_columns, model, fit, columns, options)


def _answer_table(fit: Fit, columns: predicting.Columns, options: Options, media: str) -> bytes:
    return tabular.encode(predicting.answer_table(fit, columns, options), media)


def _refuse_query(*options: object) -> None:
    for name, given in zip(("level", "thresholds", "new_levels"), options, strict=True):
        if given is not None:
            detail = f"With a JSON body, {name} stands in the body."
            item = Problem("misplaced", detail, "Move it there.", ("query", name))
            raise ProblemError("invalid_request", detail, [item])


def _require_few(count: int, parts: Services, name: str) -> None:
    most = parts.settings.max_prediction_rows
    if count > most:
        detail = f"One request predicts at most {most} rows."
        item = Problem("too_many_rows", detail, "Send them in several requests.", (name,))
        raise ProblemError("limit_passed", detail, [item])


def _either_or() -> ProblemError:
    detail = "Give either 'rows' or 'columns'."
    hint = "'rows' is an array of objects; 'columns' an object of arrays."
    return ProblemError("invalid_request", detail, [Problem("either_or", detail, hint, ("rows",))])
