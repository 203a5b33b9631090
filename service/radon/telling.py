"""From what is found to what is answered: in the unit of the request, with words beside numbers."""

from __future__ import annotations

from math import exp, isfinite
from typing import Any

from service.radon import normal, wording
from service.radon.assessment import Assessment, Question, assess
from service.radon.belief import Belief
from service.radon.decision import Decision
from service.radon.models import Line, Ready
from service.radon.places import OFFSET, County, Readings
from service.radon.terms import Floor
from service.radon.units import PER_PICOCURIE, REFERENCE_LEVELS, Unit
from service.schemas.radon import (
    Basis,
    CountyEvidence,
    CountyPlace,
    CountyRow,
    DecisionAnswer,
    ExpectedLoss,
    ModelLink,
    RadonAssessment,
    RadonDecision,
    RadonDistribution,
    RadonExceedance,
    RadonInterval,
    RawReadings,
    ReferenceLevel,
    TypicalLevel,
)

_INTERVALS = (0.5, 0.95)


def assessment(
    county: County,
    floor: Floor,
    line: Line,
    question: Question,
    unit: Unit,
    ready: Ready,
) -> RadonAssessment:
    """Return the answer for one house."""
    found = assess(line.belief, question)
    subject = wording.house(county.title, floor)
    said = [_of_the_basis(county, line)]
    if ready.spread:
        said.append(wording.spread_of(county, ready.spread[county.state]))
    assumed = wording.of_the_survey(*said) + wording.assumptions(question, unit)
    return RadonAssessment(
        **_told(subject, found, question, unit),
        assumptions=assumed,
        county=CountyPlace(
            fips=county.fips,
            name=county.name,
            state=county.state,
            title=county.title,
            log_uranium=county.log_uranium,
        ),
        floor=floor,
        basis=basis(county, line),
        evidence=_evidence(county, floor, line, question, unit),
        decision=RadonDecision(**_decision(found.decision, unit)),
        model=link(ready),
    )


def decision(screening: Belief, question: Question, unit: Unit) -> DecisionAnswer:
    """Return the decision for a level that is believed, in pCi/L."""
    found = assess(screening, question)
    subject = "Of such homes"
    return DecisionAnswer(
        **_decision(found.decision, unit),
        **_told(subject, found, question, unit),
        assumptions=wording.assumptions(question, unit),
    )


def row(county: County, line: Line, question: Question, unit: Unit) -> CountyRow:
    """Return what is believed of a house in a county."""
    found, scale = assess(line.belief, question), PER_PICOCURIE[unit]
    typical = _typical(line, question, scale)
    lower, upper = (end * scale for end in found.belief.interval(0.95))
    return CountyRow(
        fips=county.fips,
        county=county.name,
        state=county.state,
        title=county.title,
        basis=basis(county, line),
        n=line.n,
        log_uranium=county.log_uranium,
        own_weight=line.weight,
        raw_mean=_times(county.houses.mean, scale),
        raw_geometric_mean=_times(county.houses.geometric_mean, scale),
        median=found.belief.median * scale,
        median_lower=typical.lower,
        median_upper=typical.upper,
        mean=found.belief.mean * scale,
        geometric_sd=found.belief.geometric_sd,
        lower=lower,
        upper=upper,
        exceedance={
            f"{_tidy(level * scale):g}": found.belief.exceedance(level)
            for level in _thresholds(question)
        },
        recommendation=found.decision.recommendation,
    )


def link(ready: Ready) -> ModelLink:
    """Return where the model that answers is to be found."""
    return ModelLink(
        id=ready.fitted.row.id,
        href=f"/v1/models/{ready.fitted.row.id}",
        scope=ready.model.scope,
        dataset=ready.model.dataset,
        formula=ready.model.formula,
    )


def basis(county: County, line: Line) -> Basis:
    """Return what speaks for a county."""
    if line.n > 0:
        return "county"
    return "uranium" if county.log_uranium is not None else "state"


def _told(subject: str, found: Assessment, question: Question, unit: Unit) -> dict[str, Any]:
    return {
        "summary": wording.summary(subject, found, question, unit),
        "unit": unit,
        "distribution": _distribution(found.belief, question, unit),
        "before_measurement": (
            None if question.measurement is None else _distribution(found.prior, question, unit)
        ),
        "reference_levels": [
            ReferenceLevel(
                level=_tidy(each.level * PER_PICOCURIE[unit]), name=each.name, advice=each.advice
            )
            for each in REFERENCE_LEVELS
        ],
        "advice": wording.advice(found.decision.recommendation),
    }


def _distribution(belief: Belief, question: Question, unit: Unit) -> RadonDistribution:
    scale = PER_PICOCURIE[unit]
    intervals = {level: belief.interval(level) for level in _INTERVALS}
    return RadonDistribution(
        median=belief.median * scale,
        mean=belief.mean * scale,
        geometric_mean=belief.geometric_mean * scale,
        geometric_sd=belief.geometric_sd,
        offset=belief.offset * scale,
        intervals=[
            RadonInterval(level=level, lower=lower * scale, upper=upper * scale)
            for level, (lower, upper) in intervals.items()
        ],
        exceedance=[
            RadonExceedance(
                threshold=_tidy(level * scale),
                probability=belief.exceedance(level),
                meaning="; ".join(meanings),
            )
            for level, meanings in _thresholds(question).items()
        ],
    )


def _thresholds(question: Question) -> dict[float, list[str]]:
    """The levels that are asked for, lowest first, each with whose they are."""
    found: dict[float, list[str]] = {each.level: [each.name] for each in REFERENCE_LEVELS}
    action = question.costs.action_level
    same = next((level for level in found if abs(level - action) <= 1e-9 * level), action)
    found.setdefault(same, []).append("your action level")
    return dict(sorted(found.items()))


def _decision(found: Decision, unit: Unit) -> dict[str, Any]:
    turning = found.remediate_if_above * PER_PICOCURIE[unit]
    return {
        "recommendation": found.recommendation,
        "expected_loss": ExpectedLoss(
            remediate=found.remediate, nothing=found.nothing, measure=found.measure
        ),
        "value_of_test": found.value_of_test,
        "value_of_information": found.value_of_information,
        "remediate_if_above": turning if isfinite(turning) else None,
        "probability_remediate": found.probability_remediate,
    }


def _evidence(
    county: County, floor: Floor, line: Line, question: Question, unit: Unit
) -> CountyEvidence:
    scale = PER_PICOCURIE[unit]
    here = county.basements if floor == "basement" else county.upper
    return CountyEvidence(
        n=line.n,
        own_weight=line.weight,
        borrowed_weight=1.0 - line.weight,
        typical=_typical(line, question, scale),
        raw=_raw(county.houses, scale),
        raw_this_floor=_raw(here, scale),
    )


def _typical(line: Line, question: Question, scale: float) -> TypicalLevel:
    factor = question.living_area_ratio * scale
    reach = normal.quantile(0.975) * line.std_error
    median, lower, upper = (
        max(exp(line.belief.log_mean + side) - OFFSET, 0.0) * factor
        for side in (0.0, -reach, reach)
    )
    return TypicalLevel(median=median, lower=lower, upper=upper)


def _raw(found: Readings, scale: float) -> RawReadings:
    return RawReadings(
        n=found.n,
        mean=_times(found.mean, scale),
        geometric_mean=_times(found.geometric_mean, scale),
    )


def _of_the_basis(county: County, line: Line) -> str:
    match basis(county, line):
        case "county":
            return (
                f"The survey has {line.n} homes of this county; what is particular to it comes to "
                f"{100.0 * line.weight:.0f} % from them, the rest is borrowed from all others."
            )
        case "uranium":
            return (
                "The survey has no home of this county: its uranium and the other counties speak "
                "for it."
            )
    return "The survey has neither a home nor the uranium of this county: its state speaks for it."


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _tidy(value: float) -> float:
    """A threshold without the rounding of its unit: 99.9 for 2.7 times 37."""
    return float(f"{value:.12g}")
