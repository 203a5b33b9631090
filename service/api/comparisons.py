"""Comparisons of models by their likelihoods."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from engine import EngineError, Problem
from service import comparing, openapi, prices
from service.api import tabled
from service.bodies import read_json
from service.context import Services, owner_of, services
from service.fitting import Fitted
from service.handlers import of_options
from service.problems import ProblemError, responses
from service.rates import charge
from service.routing import Router
from service.schemas.comparisons import Comparison, ComparisonRequest

router = Router(prefix="/v1/comparisons", tags=["inference"])


# Ids follow from what is fitted, so that an example of a request would name none that is there.
@router.post(
    "",
    response_model=Comparison,
    response_description="The models, fewest parameters first.",
    responses={
        200: {"content": openapi.tables()},
        **responses(
            "malformed_json",
            "model_not_found",
            "not_acceptable",
            "body_too_large",
            "unsupported_media_type",
            "invalid_request",
            "unavailable",
            "corrupt_artefact",
        ),
    },
    openapi_extra=openapi.body(ComparisonRequest, {}),
    operation_id="compare",
)
async def compare(request: Request) -> Response:
    """Compare models by AIC, BIC and likelihood-ratio tests, as lme4's `anova` does.

    Models fitted by REML whose fixed effects differ are fitted again by ML for it, and the answer
    names them. Nothing is stored. Models of other rows, or of another response, are refused, and
    so are tests of models that are not nested.
    """
    parts, owner, media = services(request), owner_of(request), tabled.form_of(request)
    asked = await read_json(request, ComparisonRequest, parts.settings.max_json_bytes)
    found = [await _model(parts, owner, i, name) for i, name in enumerate(asked.models)]
    fits = [fitted.fit for fitted in found]
    await charge(request, prices.reading(sum(fit.n_rows for fit in fits)))

    def write() -> bytes:
        try:
            answer = comparing.comparison_of(asked.models, fits, asked.test)
        except EngineError as error:
            raise of_options(error, lambda path: path) from error
        return tabled.write(answer, media)

    return tabled.respond(await parts.compute.run(write), media)


async def _model(parts: Services, owner: str, place: int, name: str) -> Fitted:
    try:
        return await parts.fitting.get(parts.models(owner), name)
    except ProblemError as error:
        if error.kind.code != "model_not_found":
            raise
        detail, hint = "There is no model of this id.", "List them: GET /v1/models."
        item = Problem(error.kind.code, detail, hint, ("models", place))
        raise ProblemError(error.kind.code, detail, [item]) from error
