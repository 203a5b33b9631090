"""One house: what the survey says of it, what a test of its own adds, what to do."""

from __future__ import annotations

from msgspec import Struct, field

from service.radon.belief import TEST_LOG_SD, Belief
from service.radon.decision import Costs, Decision, decide
from service.radon.terms import Kind

DETECTABLE = 0.1
"""A reading of less counts as this, in pCi/L: the survey's own are to one decimal."""


class Measurement(Struct, frozen=True):
    """A reading in this house, in pCi/L."""

    value: float
    kind: Kind


class Question(Struct, frozen=True):
    """What a homeowner brings.

    Attributes:
        costs: what the decision weighs.
        measurement: a test of this house, if there was one.
        living_area_ratio: the year's average where one lives over what a screening test on the
            lowest level reads.
    """

    costs: Costs = field(default_factory=Costs)
    measurement: Measurement | None = None
    living_area_ratio: float = 1.0


class Assessment(Struct, frozen=True):
    """What is believed of the level where one lives, before and after the test, and the decision.

    Attributes:
        prior: by the survey alone.
        belief: with the measurement; ``prior`` where there is none.
        decision: by ``belief``.
    """

    prior: Belief
    belief: Belief
    decision: Decision


def assess(screening: Belief, question: Question) -> Assessment:
    """Assess a house of which ``screening`` is what a screening test is expected to read.

    A short-term test is such a screening test, so its reading is converted by the ratio too; a
    long-term test stands where one lives.
    """
    prior = belief = screening.scaled(question.living_area_ratio)
    test = question.measurement
    if test is not None:
        reading = max(test.value, DETECTABLE)
        if test.kind == "short-term":
            reading *= question.living_area_ratio
        belief = prior.updated(reading, TEST_LOG_SD[test.kind])
    return Assessment(prior, belief, decide(belief, question.costs))
