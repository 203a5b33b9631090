"""What a fitted model says of its fixed effects: tables, tests, contrasts, means."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Path, Query, Request
from starlette.responses import Response

from engine import EngineError, Fit
from engine import Problem as Item
from service import comparing, inference, intervals, openapi
from service.api import jobs, tabled
from service.api.examples import CONTRASTS
from service.api.parameters import ModelId
from service.bodies import read_json
from service.catalog import Job
from service.context import owner_of, services
from service.desk import Obtained
from service.handlers import of_options
from service.inquiring import InquiryWork
from service.problems import ProblemError, responses
from service.rates import charge
from service.routing import Router
from service.schemas.base import Options
from service.schemas.comparisons import RandomTerms
from service.schemas.inference import (
    Anova,
    AnovaQuery,
    Contrasts,
    ContrastsRequest,
    FixedEffects,
    FixedEffectsQuery,
    MarginalMeans,
    MeansQuery,
)
from service.schemas.intervals import FixedIntervals, VarianceParameters, VarianceQuery
from service.tables import Tabled
from service.work import until

router = Router(prefix="/v1/models", tags=["inference"])

_READING: Final = (
    "model_not_found",
    "not_acceptable",
    "invalid_request",
    "unavailable",
    "corrupt_artefact",
)

_LONG: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": openapi.tables()},
    **jobs.ACCEPTED,
    **responses("limit_passed", *_READING, *jobs.PROBLEMS),
}

Factors = Annotated[
    str,
    Path(
        description="A factor of the fixed effects, or several as `a:b`; a name with a colon in "
        "back-quotes.",
        examples=["floor"],
    ),
]


Place = Callable[[tuple[str | int, ...]], tuple[str | int, ...]]


@router.get(
    "/{model}/fixed-effects",
    response_model=FixedEffects,
    responses=_LONG,
    openapi_extra={"parameters": [jobs.PREFER]},
    operation_id="fixed_effects",
)
async def fixed_effects(
    request: Request, model: ModelId, asked: Annotated[FixedEffectsQuery, Query()]
) -> Response:
    """Return the fixed effects with the degrees of freedom and the intervals asked for.

    Profiles and the bootstrap fit the model many times; when they take longer than the request
    waits they become a job, and the same request finds them once that has succeeded.
    """
    other: FixedIntervals | None = None
    if asked.interval != "wald":
        found = await _inquired(request, model, "fixed-effects", asked)
        if isinstance(found, Response):
            return found
        other = FixedIntervals.model_validate(found.value)

    def make(fit: Fit) -> FixedEffects:
        return inference.effects_of(fit, asked, other)

    return await _answer(request, model, make, _in_query)


@router.get(
    "/{model}/variance-parameters",
    response_model=VarianceParameters,
    responses=_LONG,
    openapi_extra={"parameters": [jobs.PREFER]},
    operation_id="variance_parameters",
)
async def variance_parameters(
    request: Request, model: ModelId, asked: Annotated[VarianceQuery, Query()]
) -> Response:
    """Return standard deviations and correlations of the random effects, and sigma, with intervals.

    As lme4's `confint` has them: an interval ends at 0, or at -1 or 1, where the data do not speak
    against it, and says so. Profiles and the bootstrap fit the model many times; when they take
    longer than the request waits they become a job, and the same request finds them once that has
    succeeded.
    """
    if asked.interval == "wald":
        progress = until(services(request).settings.wait_seconds)
        return await _answer(
            request,
            model,
            lambda fit: intervals.variance_parameters(fit, asked, progress),
            _in_query,
        )
    found = await _inquired(request, model, "variance-parameters", asked)
    if isinstance(found, Response):
        return found
    table = VarianceParameters.model_validate(found.value)
    return await _answer(request, model, lambda _: table, _in_query)


@router.get(
    "/{model}/anova",
    response_model=Anova,
    responses={200: {"content": openapi.tables()}, **responses("bad_request", *_READING)},
    operation_id="anova",
)
async def anova(
    request: Request, model: ModelId, asked: Annotated[AnovaQuery, Query()]
) -> Response:
    """Test every term of the fixed effects by an F test, as lmerTest's `anova` does.

    A term all of whose columns are aliased has no row.
    """
    return await _answer(request, model, lambda fit: inference.terms_of(fit, asked), _in_query)


@router.post(
    "/{model}/contrasts",
    response_model=Contrasts,
    responses={
        200: {"content": openapi.tables()},
        **responses("malformed_json", "body_too_large", "unsupported_media_type", *_READING),
    },
    openapi_extra=openapi.body(ContrastsRequest, CONTRASTS),
    operation_id="contrasts",
)
async def contrasts(request: Request, model: ModelId) -> Response:
    """Estimate linear functions of the fixed effects, each with its test and its interval.

    With `joint` all are tested at once too; contrasts may then follow from each other as long as
    every `rhs` is 0. As CSV, Parquet or Arrow the answer has the contrasts alone.
    """
    tabled.form_of(request)
    limit = services(request).settings.max_json_bytes
    asked = await read_json(request, ContrastsRequest, limit)
    return await _answer(request, model, lambda fit: inference.contrasts_of(fit, asked), _in_body)


@router.get(
    "/{model}/marginal-means/{factors:path}",
    response_model=MarginalMeans,
    responses={
        200: {"content": openapi.tables()},
        **responses("factor_not_found", "limit_passed", *_READING),
    },
    operation_id="marginal_means",
)
async def marginal_means(
    request: Request, model: ModelId, factors: Factors, asked: Annotated[MeansQuery, Query()]
) -> Response:
    """Return the estimated marginal means of a factor or of combinations, as emmeans does.

    Each is the average over the levels of all other factors, every cell counted once, with numeric
    columns at their means or where `at` says. As CSV, Parquet or Arrow the answer has the means,
    or with `pairs=true` the pairs.
    """
    names = _factors(factors)

    def make(fit: Fit) -> MarginalMeans:
        return inference.means_of(fit, names, inference.held_at(asked.at), asked)

    return await _answer(request, model, make, partial(_in_path_or_query, asked.at))


@router.get(
    "/{model}/random-effects-tests",
    response_model=RandomTerms,
    responses={200: {"content": openapi.tables()}, **responses(*_READING)},
    operation_id="random_effects_tests",
)
async def random_effects_tests(
    request: Request, model: ModelId, _: Annotated[Options, Query()]
) -> Response:
    """Test every random term by fitting the model without it, as lmerTest's `ranova` does.

    A term with slopes is reduced by each of them in turn, one without is removed. All are fitted by
    the criterion of the model; where a variance is tested against zero the p value of the
    chi-bar-square mixture stands beside the naive one.
    """
    return await _answer(request, model, comparing.random_terms_of, _in_query)


async def _inquired(
    request: Request, model: str, name: str, asked: Options
) -> Obtained[Any] | Response:
    """Return the JSON that answers a long question about a model, or the answer with its job."""
    tabled.form_of(request)
    parts, owner, preference = services(request), owner_of(request), jobs.preferred(request)
    fitted = await parts.fitting.get(parts.models(owner), model)
    work = InquiryWork(parts, owner, fitted, name, asked)
    pay = partial(charge, request)
    found = await parts.desk.obtain(parts.jobs(owner), work, preference, pay)
    return jobs.accepted(found, preference) if isinstance(found, Job) else found


async def _answer(
    request: Request, model: str, make: Callable[[Fit], Tabled], place: Place
) -> Response:
    """Answer with what ``make`` makes of a fit, in the form that the client likes best."""
    parts, media = services(request), tabled.form_of(request)
    fitted = await parts.fitting.get(parts.models(owner_of(request)), model)

    def write() -> bytes:
        try:
            answer = make(fitted.fit)
        except EngineError as error:
            raise _refusal(of_options(error, place)) from error
        return tabled.write(answer, media)

    return tabled.respond(await parts.compute.run(write), media)


def _refusal(problem: ProblemError) -> ProblemError:
    """Return the problem; one about a part of the path alone says that nothing is there."""
    if problem.items and all(item.code == "unknown_factor" for item in problem.items):
        return ProblemError("factor_not_found", problem.detail, problem.items)
    return problem


def _factors(text: str) -> list[str]:
    """Return the names in ``a:b``; those in back-quotes may hold colons."""
    if not re.fullmatch(r"(`[^`]+`|[^`:]+)(:(`[^`]+`|[^`:]+))*", text):
        detail = "The factors are not names with a colon between them."
        hint = "Write a, or a:b; a name with a colon stands in back-quotes."
        item = Item("bad_factors", detail, hint, ("path", "factors"))
        raise ProblemError("invalid_request", detail, [item])
    return [quoted or plain for quoted, plain in re.findall(r"`([^`]+)`|([^`:]+)", text)]


def _in_query(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    return ("query", *path)


def _in_body(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    return ("contrasts",) if path == ("L",) else path


def _in_path_or_query(held: Sequence[str], path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    match path:
        case ("factors", *_):
            return ("path", "factors")
        case ("at", str(column)):
            given = [i for i, text in enumerate(held) if text.rpartition(":")[0] == column]
            return ("query", "at", *given)
    return ("query", *path)
