"""New responses of a fitted model."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from starlette.responses import Response

from engine import Problem
from service import openapi, prices, simulating, tabular
from service.api.examples import SIMULATIONS
from service.api.parameters import ModelId
from service.bodies import read_json
from service.context import Services, owner_of, services
from service.data import rows_of
from service.fitting import Fitted
from service.negotiation import choose
from service.problems import ProblemError, responses
from service.rates import charge
from service.routing import Router
from service.schemas.simulations import SimulationRequest, Simulations

router = Router(prefix="/v1/models", tags=["models"])

JSON: Final = "application/json"


@router.post(
    "/{model}/simulations",
    response_model=Simulations,
    response_description="The draws: by row as JSON; as CSV, Parquet or Arrow a line for each row "
    "and draw.",
    responses={
        200: {"content": openapi.tables()},
        **responses(
            "malformed_json",
            "model_not_found",
            "not_acceptable",
            "rows_not_kept",
            "only_sums",
            "files_changed",
            "body_too_large",
            "unsupported_media_type",
            "invalid_request",
            "invalid_model",
            "unusable_data",
            "limit_passed",
            "unavailable",
            "corrupt_artefact",
        ),
    },
    openapi_extra=openapi.body(SimulationRequest, SIMULATIONS),
    operation_id="simulate",
)
async def simulate(request: Request, model: ModelId) -> Response:
    """Draw new responses from a model, for new rows or for those it was fitted to.

    As lme4's `simulate`, and with the uncertainty of the parameters if asked for. The same request
    has the same answer. Rows times draws are at most `max_simulated_values` of `/v1/limits`; more
    come in several requests, by `first`.
    """
    parts, owner = services(request), owner_of(request)
    media = choose(request, (JSON, *tabular.MEDIA_TYPES))
    fitted = await parts.fitting.get(parts.models(owner), model)
    asked = await read_json(request, SimulationRequest, parts.settings.max_json_bytes)
    await charge(request, prices.simulations(_require_few(fitted, asked, parts)))
    rows = None
    if asked.rows is None:
        rows = await rows_of(fitted, parts.datasets(owner), parts)

    def write() -> bytes:
        if rows is None:
            simulator = simulating.of_rows(fitted.predictive, asked.rows or [], asked)
        else:
            simulator = simulating.of_fit(fitted.fit, rows, asked)
        if media == JSON:
            return simulating.answer(model, simulator, asked)
        return tabular.encode(simulating.table(simulator, asked), media)

    return Response(await parts.compute.run(write), 200, {"Vary": "Accept"}, media)


def _require_few(fitted: Fitted, asked: SimulationRequest, parts: Services) -> int:
    """Return how many values are asked for."""
    count = fitted.fit.n_rows if asked.rows is None else len(asked.rows)
    most = parts.settings.max_simulated_values
    if count * asked.n_sim <= most:
        return count * asked.n_sim
    detail = f"One request draws at most {most} values; {count} rows times n_sim are more."
    hint = "Ask for fewer draws a time, and go on by 'first'; or send the rows that matter."
    item = Problem("too_many_values", detail, hint, ("n_sim",))
    raise ProblemError("limit_passed", detail, [item])
