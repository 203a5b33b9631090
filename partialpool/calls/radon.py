"""The homeowner's question: what the survey says of a house, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from partialpool.calls.asking import ask, get_frame, path_of, posting, read
from partialpool.session import AnySession
from partialpool.steps import Steps

if TYPE_CHECKING:
    import pandas as pd

    from service.schemas.radon import (
        AssessmentRequest,
        DecisionAnswer,
        DecisionRequest,
        Measurement,
        RadonAssessment,
    )

Floor = Literal["basement", "first"]
Unit = Literal["pCi/L", "Bq/m3"]
Scope = Literal["minnesota", "national"]

# The schemas are loaded with the first question: who asks none does without.


def assess_radon(
    session: AnySession,
    house: str | int | AssessmentRequest,
    floor: Floor | None = None,
    *,
    state: str | None = None,
    measurement: Measurement | Mapping[str, Any] | None = None,
    action_level: float | None = None,
    remediation_cost: float | None = None,
    test_cost: float | None = None,
    living_area_ratio: float | None = None,
    unit: Unit | None = None,
    model: Scope | None = None,
) -> Steps[RadonAssessment]:
    """Tell what is known of the radon in a house, and what to do about it.

    What is left out is as the service has it by default.

    Args:
        house: its county, by name or by FIPS code; or a whole ``AssessmentRequest``, and nothing
            else.
        floor: the lowest level of the house.
        state: of a county given by name, by two letters or by its name; Minnesota by default.
        measurement: a test of this house: ``{"value": 3.1, "kind": "short-term"}``, or
            ``"long-term"``.
        action_level: from which on who knew the level would remediate.
        remediation_cost: in dollars.
        test_cost: of a long-term test, in dollars.
        living_area_ratio: the year's average where one lives over what a screening test reads.
        unit: of all levels, asked and answered.
        model: ``national`` asks the model of all states in Minnesota too.

    Raises:
        ProblemError: no such county was surveyed; it says which are like it.
    """
    from service.schemas.radon import AssessmentRequest, RadonAssessment

    if isinstance(house, AssessmentRequest):
        asked = house
    else:
        where = {"fips": house} if isinstance(house, int) else {"county": house}
        asked = AssessmentRequest.model_validate(
            _given(
                **where,
                floor=floor,
                state=state,
                measurement=measurement,
                action_level=action_level,
                remediation_cost=remediation_cost,
                test_cost=test_cost,
                living_area_ratio=living_area_ratio,
                unit=unit,
                model=model,
            )
        )
    request = posting(path_of("radon", "assessments"), asked)
    return read((yield from ask(session, request)), RadonAssessment)


def decide_radon(
    session: AnySession,
    geometric_mean: float | DecisionRequest,
    geometric_sd: float | None = None,
    *,
    offset: float | None = None,
    measurement: Measurement | Mapping[str, Any] | None = None,
    action_level: float | None = None,
    remediation_cost: float | None = None,
    test_cost: float | None = None,
    living_area_ratio: float | None = None,
    unit: Unit | None = None,
) -> Steps[DecisionAnswer]:
    """Weigh remediation, a test and doing nothing, for a level that is believed to be lognormal.

    Args:
        geometric_mean: of the level (plus ``offset``); or a whole ``DecisionRequest``, and nothing
            else.
        geometric_sd: of the level (plus ``offset``).
        offset: what is added to a level to make it lognormal; 0 by default.
        measurement: a test of this house, by which the belief is updated first.
        action_level: as of ``assess_radon``, like those that follow.
        remediation_cost: in dollars.
        test_cost: of a long-term test, in dollars.
        living_area_ratio: the year's average where one lives over what a screening test reads.
        unit: of all levels, asked and answered.
    """
    from service.schemas.radon import DecisionAnswer, DecisionRequest

    if isinstance(geometric_mean, DecisionRequest):
        asked = geometric_mean
    else:
        asked = DecisionRequest.model_validate(
            _given(
                geometric_mean=geometric_mean,
                geometric_sd=geometric_sd,
                offset=offset,
                measurement=measurement,
                action_level=action_level,
                remediation_cost=remediation_cost,
                test_cost=test_cost,
                living_area_ratio=living_area_ratio,
                unit=unit,
            )
        )
    request = posting(path_of("radon", "decisions"), asked)
    return read((yield from ask(session, request)), DecisionAnswer)


def radon_counties(
    session: AnySession,
    state: str | None = None,
    *,
    floor: Floor | None = None,
    unit: Unit | None = None,
    action_level: float | None = None,
    model: Scope | None = None,
) -> Steps[pd.DataFrame]:
    """Return what is believed of a house in each county of a state, by the survey alone.

    Args:
        state: by two letters or by its name, or ``all``; Minnesota by default.
        floor: lowest level of the houses; the basement by default.
        unit: of all levels.
        action_level: from which on who knew the level would remediate.
        model: ``national`` asks the model of all states in Minnesota too.

    Returns a row for each county: ``median``, ``lower`` and ``upper`` of a house, ``exceedance.4``
    for each threshold, ``recommendation``.
    """
    query = _given(state=state, floor=floor, unit=unit, action_level=action_level, model=model)
    return (yield from get_frame(session, path_of("radon", "counties"), query))


def _given(**options: object) -> dict[str, object]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}
