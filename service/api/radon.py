"""The homeowner's question: what is the radon in this house, and what is to be done?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import log
from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from engine import Problem
from service import openapi
from service.api import jobs, tabled
from service.api.examples import ASSESSMENTS, DECISIONS
from service.api.parameters import Cursor, Limit
from service.bodies import json_response, read_json
from service.caps import REQUEST
from service.catalog.paging import window
from service.context import owner_of, services
from service.problems import ProblemError, responses
from service.radon import telling
from service.radon.assessment import Measurement, Question
from service.radon.belief import Belief
from service.radon.decision import REMEDIATED, Costs
from service.radon.models import RadonModel, Ready, model_for, ready
from service.radon.places import (
    HOME,
    STATES,
    County,
    Places,
    UnknownPlaceError,
    places,
    state_of,
)
from service.radon.terms import REMEDIATION_COST, TEST_COST, Floor, Scope
from service.radon.units import EPA_ACTION, PER_PICOCURIE, Unit
from service.routing import Router
from service.schemas.radon import (
    AssessmentRequest,
    CountyPage,
    CountyRow,
    DecisionAnswer,
    DecisionRequest,
    RadonAssessment,
    Weighed,
)

router = Router(prefix="/v1/radon", tags=["radon"])

ALL: Final = "all"

_READING: Final = (
    "malformed_json",
    "body_too_large",
    "unsupported_media_type",
    "invalid_request",
)
# The first question fits its model, which may end as any fit may.
_FITTING: Final = (
    *("limit_passed", "unavailable", "corrupt_artefact", "still_fitting", "quota_exceeded"),
    *jobs.PROBLEMS,
)


@router.post(
    "/assessments",
    response_model=RadonAssessment,
    response_description="The answer for this house.",
    responses=responses(*_READING, *_FITTING),
    openapi_extra=openapi.body(AssessmentRequest, ASSESSMENTS),
    operation_id="assess_radon",
)
async def assess(request: Request) -> Response:
    """Tell a homeowner what is known of the radon in this house, and what to do about it.

    By the State Residential Radon Survey: a multilevel model of the county's own houses, its
    uranium and all other houses, which `model` of the answer names. A county without any house in
    the survey is answered through its uranium. With a `measurement`, the answer is of both.
    """
    parts, owner = services(request), owner_of(request)
    asked = await read_json(request, AssessmentRequest, parts.settings.max_json_bytes)
    question = _question(asked)
    county = _county(await parts.compute.run(places), asked)
    if asked.model == "minnesota" and county.state != HOME:
        raise _elsewhere()
    found = await ready(parts, owner, model_for(county, asked.model))
    (line,) = await parts.compute.run(found.lines, [county], asked.floor)
    return json_response(telling.assessment(county, asked.floor, line, question, asked.unit, found))


@router.post(
    "/decisions",
    response_model=DecisionAnswer,
    response_description="The cheapest of the three, with the expected losses of all.",
    responses=responses(*_READING),
    openapi_extra=openapi.body(DecisionRequest, DECISIONS),
    operation_id="decide_radon",
)
async def decide(request: Request) -> Response:
    """Weigh remediation, a test and doing nothing, for a level that is believed to be lognormal.

    Gelman and others, Bayesian Data Analysis (3rd edition), section 9.4. With a `measurement`, the
    belief is updated by it first.
    """
    parts = services(request)
    asked = await read_json(request, DecisionRequest, parts.settings.max_json_bytes)
    question, per = _question(asked), PER_PICOCURIE[asked.unit]
    if asked.offset >= asked.geometric_mean:
        detail = "The offset is not below the geometric mean."
        item = Problem("offset_too_large", detail, "The level would be negative.", ("offset",))
        raise ProblemError("invalid_request", detail, [item])
    screening = Belief(log(asked.geometric_mean / per), log(asked.geometric_sd), asked.offset / per)
    return json_response(telling.decision(screening, question, asked.unit))


@router.get(
    "/counties",
    response_model=CountyPage,
    responses={
        200: {
            "content": openapi.tables(),
            "description": "A page of counties as JSON; all counties as CSV, Parquet or Arrow.",
        },
        **responses("not_acceptable", "invalid_request", *_FITTING),
    },
    operation_id="radon_counties",
)
async def counties(
    request: Request,
    state: Annotated[
        str,
        Query(
            max_length=REQUEST.county_characters,
            description="A surveyed state, by two letters or its name; `all` for every one.",
        ),
    ] = HOME,
    floor: Annotated[Floor, Query(description="Lowest level of the houses.")] = "basement",
    unit: Annotated[Unit, Query(description="Of all levels.")] = "pCi/L",
    action_level: Annotated[
        float | None,
        Query(
            gt=0,
            le=REQUEST.radon_level,
            allow_inf_nan=False,
            description="In `unit`, above 2 pCi/L; 4 pCi/L by default.",
        ),
    ] = None,
    model: Annotated[
        Scope | None, Query(description="`national` for the model of all states in Minnesota too.")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Tell what is believed of a house in each county, by the survey alone: what a map shows.

    JSON comes in pages. CSV, Parquet and Arrow have all counties, in columns named by their place
    in the JSON: `exceedance.4`.
    """
    parts, owner, media = services(request), owner_of(request), tabled.form_of(request)
    question = Question(_costs(action_level, unit, place=("query", "action_level")))
    chosen = _of_state(await parts.compute.run(places), state, model)
    rows, following = window(cursor, limit, len(chosen))
    shown = chosen[rows] if media == tabled.JSON else chosen
    models = {each: await ready(parts, owner, each) for each in _models(shown, model)}

    def write() -> bytes:
        page = CountyPage(
            unit=unit,
            floor=floor,
            models=[telling.link(own) for own in models.values()],
            count=len(chosen),
            next=following,
            items=_rows(models, shown, model, floor, question, unit),
        )
        return tabled.write(page, media)

    return tabled.respond(await parts.compute.run(write), media)


def _rows(
    models: dict[RadonModel, Ready],
    shown: Sequence[County],
    scope: Scope | None,
    floor: Floor,
    question: Question,
    unit: Unit,
) -> list[CountyRow]:
    """What is believed of each county; neighbours that share a model are asked at once."""
    found = []
    for model, group in groupby(shown, lambda county: model_for(county, scope)):
        own = list(group)
        said = models[model].lines(own, floor)
        found += [
            telling.row(county, line, question, unit)
            for county, line in zip(own, said, strict=True)
        ]
    return found


def _models(shown: Sequence[County], scope: Scope | None) -> list[RadonModel]:
    return list(dict.fromkeys(model_for(county, scope) for county in shown))


def _of_state(known: Places, state: str, scope: Scope | None) -> list[County]:
    try:
        chosen = list(known.by_fips.values()) if state.lower() == ALL else known.of_state(state)
    except UnknownPlaceError as error:
        raise _unknown(error, "query") from error
    if scope == "minnesota" and any(county.state != HOME for county in chosen):
        raise _elsewhere("query")
    return chosen


def _county(known: Places, asked: AssessmentRequest) -> County:
    """The county that is asked for; raises ``invalid_request``."""
    if (asked.county is None) == (asked.fips is None):
        detail = "Give either 'county' or 'fips'."
        item = Problem("either_or", detail, "'fips' is the code of the county.", ("county",))
        raise ProblemError("invalid_request", detail, [item])
    try:
        if asked.fips is None:
            return known.named(asked.county or "", HOME if asked.state is None else asked.state)
        found = known.coded(asked.fips)
        if asked.state is not None and state_of(asked.state) != found.state:
            detail = "The county with this code is in another state."
            hint = f"It is in {STATES[found.state]}; 'fips' needs no 'state'."
            raise UnknownPlaceError("state", detail, hint)
    except UnknownPlaceError as error:
        raise _unknown(error) from error
    return found


def _question(asked: Weighed) -> Question:
    per, test = PER_PICOCURIE[asked.unit], asked.measurement
    costs = _costs(asked.action_level, asked.unit, asked.remediation_cost, asked.test_cost)
    measurement = None if test is None else Measurement(test.value / per, test.kind)
    return Question(costs, measurement, asked.living_area_ratio)


def _costs(
    action_level: float | None,
    unit: Unit,
    remediation: float = REMEDIATION_COST,
    test: float = TEST_COST,
    *,
    place: tuple[str, ...] = ("action_level",),
) -> Costs:
    per = PER_PICOCURIE[unit]
    level = EPA_ACTION.level if action_level is None else action_level / per
    if level <= REMEDIATED:
        detail = f"The action level is not above {REMEDIATED * per:g} {unit}."
        hint = "Remediation brings the level down to that, so that it gains nothing below."
        item = Problem("action_level_too_low", detail, hint, place)
        raise ProblemError("invalid_request", detail, [item])
    return Costs(level, remediation, test)


def _unknown(error: UnknownPlaceError, *place: str) -> ProblemError:
    item = Problem(f"unknown_{error.part}", error.detail, error.hint, (*place, error.part))
    return ProblemError("invalid_request", error.detail, [item])


def _elsewhere(*place: str) -> ProblemError:
    detail = "The model of Minnesota knows no other state."
    item = Problem("other_state", detail, "Leave 'model' out, or say national.", (*place, "model"))
    return ProblemError("invalid_request", detail, [item])
