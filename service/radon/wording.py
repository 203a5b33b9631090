"""What is said to a homeowner in words."""

from __future__ import annotations

from typing import Final

from service.radon.assessment import Assessment, Question
from service.radon.decision import REMEDIATED, YEARS
from service.radon.places import STATES, County
from service.radon.terms import Floor, Recommendation
from service.radon.units import PER_PICOCURIE, Unit

EPA_TEST: Final = "EPA advises that every home be tested, whatever its county."
EPA_FIX: Final = (
    "EPA advises to fix a home at 4 pCi/L (148 Bq/m3) or more, and to consider it from 2."
)
WHO: Final = "WHO's reference level is 100 Bq/m3 (2.7 pCi/L)."
ADVICE: Final = (EPA_TEST, EPA_FIX, WHO)


def house(title: str, floor: Floor) -> str:
    """Name the houses that an assessment is of."""
    return f"Of homes in {title}, {'with' if floor == 'basement' else 'without'} a basement"


def summary(subject: str, found: Assessment, question: Question, unit: Unit) -> str:
    """Return the answer in one sentence; ``subject`` begins it where no test was made."""
    scale, belief = PER_PICOCURIE[unit], found.belief
    action = f"{question.costs.action_level * scale:.3g} {unit}"
    chance = in_a_hundred(belief.exceedance(question.costs.action_level))
    median = f"{number(belief.median * scale)} {unit}"
    if question.measurement is None:
        said = (
            f"{subject}, half have more than {median} of radon and {chance} have more than {action}"
        )
    else:
        lower, upper = (number(end * scale) for end in belief.interval(0.95))
        said = (
            f"With your {question.measurement.kind} test the level is about {median}, between "
            f"{lower} and {upper} in 95 of 100 such cases, and more than {action} in {chance}"
        )
    return f"{said}: {_verdict(found, unit)}."


def _verdict(found: Assessment, unit: Unit) -> str:
    decision = found.decision
    if decision.recommendation == "measure":
        turning = number(decision.remediate_if_above * PER_PICOCURIE[unit])
        return f"make a long-term test, and remediate if it reads more than {turning} {unit}"
    if decision.recommendation == "remediate":
        return "remediate; a further test would cost more than it is worth"
    return "by cost alone neither a test nor remediation pays, but EPA advises to test every home"


def advice(recommendation: Recommendation) -> list[str]:
    """Return what authorities advise; first what speaks against doing nothing."""
    if recommendation == "nothing":
        return ["Nothing is the cheapest only by these costs. " + EPA_TEST, *ADVICE[1:]]
    return list(ADVICE)


def assumptions(question: Question, unit: Unit) -> list[str]:
    """Return what any decision takes for granted."""
    costs, remediated = question.costs, REMEDIATED * PER_PICOCURIE[unit]
    return [
        _RATIO.format(ratio=question.living_area_ratio),
        _COSTS.format(costs=costs, level=f"{remediated:g} {unit}", years=YEARS),
        _PROPORTION,
    ]


def of_the_survey(*particular: str) -> list[str]:
    """Return what an answer by the survey takes for granted besides."""
    return [_READINGS, _SPREAD, *particular]


def spread_of(county: County, log_sd: float) -> str:
    """Tell that houses differ as they do in their state."""
    return (
        f"Houses are taken to differ as they do in {STATES[county.state]}: log(radon + 0.1) by a "
        f"standard deviation of {log_sd:.2f} within counties."
    )


_RATIO: Final = (
    "Where one lives, the year's average is {ratio:g} times what a screening test on the lowest "
    "level reads (living_area_ratio); often it is less."
)
_COSTS: Final = (
    "Remediation costs {costs.remediation:g} dollars and brings the level down to {level}; a "
    "long-term test costs {costs.test:g} dollars and takes one of {years:g} years."
)
_PROPORTION: Final = (
    "Radon harms in proportion to its level, so that who knew the level would remediate above the "
    "action level."
)
_READINGS: Final = (
    "The survey's readings are short-term winter tests on the lowest level, of 1987 to 1989: "
    "mostly higher than a year's average."
)
_SPREAD: Final = (
    "The spread is that of single readings: differences between houses and the error of a "
    "short-term test together."
)


def number(value: float) -> str:
    """Return a level as one reads it: one decimal below ten, none above."""
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def in_a_hundred(probability: float) -> str:
    """Return a probability as a count of a hundred."""
    count = round(100.0 * probability)
    if count == 0:
        return "fewer than 1 in 100"
    return f"{count} in 100" if count < 100 else "more than 99 in 100"
