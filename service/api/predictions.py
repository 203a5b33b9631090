"""Predictions for new rows."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from engine import Predictive, Problem
from service import openapi, predicting, prices, tabular
from service.api.examples import PREDICTIONS
from service.bodies import media_type, parse, read_body, unsupported
from service.context import Services, owner_of, services
from service.direct import DirectRoute
from service.handlers import invalid_request
from service.predicting import Columns, Options
from service.problems import ProblemError, responses
from service.rates import charge
from service.routing import Router
from service.schemas.predictions import (
    PredictionColumns,
    PredictionItems,
    PredictionOptions,
    PredictionRequest,
)
from service.upload import columns_of

router = Router(prefix="/v1/models", tags=["models"], route_class=DirectRoute)

JSON: Final = "application/json"

# A few rows take less time than handing them to a thread.
FEW_ROWS: Final = 50


# One house is asked for often, so that the path and the options are read here and not by FastAPI,
# which takes a third as long over them as the prediction takes.
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
    openapi_extra={
        **openapi.body(PredictionRequest, PREDICTIONS, openapi.tables()),
        "parameters": [openapi.MODEL_ID, *openapi.query(PredictionOptions)],
    },
    operation_id="predict",
)
async def predict(request: Request) -> Response:
    """Predict new rows: the group line, a new observation, and the outcome on its own scale.

    Rows carry exactly the columns that the model needs: the predictors, the offset, the groups of
    the random effects that are counted. A CSV, Parquet or Arrow body is answered in the same form,
    in columns named by their place in the JSON (`interval.lower`); its options are query
    parameters.
    """
    parts, model = services(request), request.path_params["model"]
    fitted = await parts.fitting.get(parts.models(owner_of(request)), model)
    media = media_type(request)
    if media == JSON:
        if request.scope["query_string"]:
            raise _misplaced()
        asked = parse(await read_body(request, parts.settings.max_json_bytes), PredictionRequest)
        await charge(request, prices.predictions(_count(asked)))
        content = await _answer_json(parts, model, fitted.predictive, asked)
        return Response(content, 200, None, JSON)
    if media not in tabular.MEDIA_TYPES:
        raise unsupported(JSON, *tabular.MEDIA_TYPES)
    options = _options(request)
    columns = await columns_of(request, parts)
    await charge(request, prices.predictions(max(map(len, columns.values()), default=0)))
    answer = await parts.compute.run(_answer_table, fitted.predictive, columns, options, media)
    return Response(answer, 200, None, media)


async def _answer_json(
    parts: Services, name: str, model: Predictive, asked: PredictionRequest
) -> bytes:
    options = predicting.options_of(asked)
    if (asked.rows is None) == (asked.columns is None):
        raise _either_or()
    if asked.rows is not None:
        _require_few(len(asked.rows), parts, "rows")
        if len(asked.rows) <= FEW_ROWS and isinstance(asked.random_effects, str):
            return predicting.answer_rows(name, model, asked.rows, options)
        return await parts.compute.run(predicting.answer_rows, name, model, asked.rows, options)
    columns = asked.columns or {}
    _require_few(_count(asked), parts, "columns")
    return await parts.compute.run(predicting.answer_columns, name, model, columns, options)


def _count(asked: PredictionRequest) -> int:
    """Return how many rows are asked for."""
    if asked.rows is not None:
        return len(asked.rows)
    return max(map(len, (asked.columns or {}).values()), default=0)


def _answer_table(model: Predictive, columns: Columns, options: Options, media: str) -> bytes:
    return tabular.encode(predicting.answer_table(model, columns, options), media)


def _options(request: Request) -> Options:
    """Return the options of a table, which are query parameters."""
    given: dict[str, object] = dict(request.query_params)
    if "thresholds" in given:
        given["thresholds"] = request.query_params.getlist("thresholds")
    terms = request.query_params.getlist("random_effects")
    if terms not in ([], ["all"], ["none"]):
        given["random_effects"] = terms
    try:
        found = PredictionOptions.model_validate(given)
    except ValidationError as error:
        details = [{**each, "loc": ("query", *each["loc"])} for each in error.errors()]
        raise invalid_request(details) from None
    return predicting.options_of(found)


def _misplaced() -> ProblemError:
    detail = "With a JSON body, the options stand in the body."
    return ProblemError(
        "invalid_request", detail, [Problem("misplaced", detail, "Move them there.", ("query",))]
    )


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
