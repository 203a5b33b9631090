"""Remediate, measure or do nothing: the losses that each has to be expected to bring.

Gelman et al., Bayesian Data Analysis, 3rd edition, section 9.4, the book's form of Lin, Gelman,
Price, Krantz 1999, Statistical Science 14(3), 305-337. A level R costs D a unit over the years that
the house is lived in; remediation costs C and brings R down to ``REMEDIATED`` where it is above;
D = C / (action level - REMEDIATED), so that who is certain of R remediates above the action level.

    remediate  C + D E min(R, REMEDIATED)
    nothing    D E R
    measure    the test + D E R / YEARS + E_y min(remediate given y, nothing given y)

Given a reading y, to remediate is worth D E[(R - REMEDIATED)+ | y] - C, which grows with y: there
is one reading from which on it pays. What is expected beyond it has a closed form, with the normal
distribution of two numbers for R and y together.
"""

from __future__ import annotations

from math import exp, inf, log, sqrt
from typing import Final

from msgspec import Struct

from service.radon import normal
from service.radon.belief import TEST_LOG_SD, Belief
from service.radon.terms import REMEDIATION_COST, TEST_COST, Recommendation
from service.radon.units import EPA_ACTION

REMEDIATED: Final = 2.0
"""The level after remediation, in pCi/L."""
YEARS: Final = 30.0
"""How long the house is lived in; the test takes one of these years."""

_STEPS: Final = 200


class Costs(Struct, frozen=True):
    """What the decision weighs.

    Attributes:
        action_level: in pCi/L, above ``REMEDIATED``.
        remediation: cost of remediation.
        test: cost of a long-term test.
    """

    action_level: float = EPA_ACTION.level
    remediation: float = REMEDIATION_COST
    test: float = TEST_COST

    @property
    def per_unit(self) -> float:
        """D: what 1 pCi/L costs over all years."""
        return self.remediation / (self.action_level - REMEDIATED)


class Decision(Struct, frozen=True):
    """The best of three, and what it rests on.

    Attributes:
        recommendation: the least loss.
        remediate, nothing, measure: expected losses, in the currency of the costs.
        value_of_information: what a test would save if it were free and took no time; never
            negative.
        value_of_test: what it saves as it is; negative where it costs more than it is worth.
        remediate_if_above: the reading of a long-term test from which on remediation pays; infinite
            where it would have to be larger than any number.
        probability_remediate: that a test will read more than that.
    """

    recommendation: Recommendation
    remediate: float
    nothing: float
    measure: float
    value_of_information: float
    value_of_test: float
    remediate_if_above: float
    probability_remediate: float


def decide(belief: Belief, costs: Costs) -> Decision:
    """Weigh the three; ``belief`` is of the level in pCi/L."""
    d, excess = costs.per_unit, _expected_excess(belief.log_mean, belief.log_sd, belief)
    nothing = d * belief.mean
    remediate = costs.remediation + nothing - d * excess
    turning, log_sd = _turning_reading(belief, costs), TEST_LOG_SD["long-term"]
    beyond, probability = _beyond(belief, turning, log_sd)
    saved = max(d * beyond - costs.remediation * probability, 0.0)
    measure = costs.test + nothing / YEARS + nothing - saved
    without = min(remediate, nothing)
    recommendation: Recommendation
    recommendation = "remediate" if remediate < nothing else "nothing"
    return Decision(
        recommendation="measure" if measure < without else recommendation,
        remediate=remediate,
        nothing=nothing,
        measure=measure,
        value_of_information=max(without - nothing + saved, 0.0),
        value_of_test=without - measure,
        remediate_if_above=max(_exp(turning) - belief.offset, 0.0),
        probability_remediate=probability,
    )


def _expected_excess(log_mean: float, log_sd: float, belief: Belief) -> float:
    """E (R - REMEDIATED)+ where log(R + offset) has this mean and sd."""
    strike = belief.log_of(REMEDIATED)
    z = (log_mean - strike) / log_sd
    above = exp(log_mean + 0.5 * log_sd**2) * normal.below(z + log_sd)
    return max(above - exp(strike) * normal.below(z), 0.0)


def _turning_reading(belief: Belief, costs: Costs) -> float:
    """The logarithm (of reading + offset) from which on remediation pays.

    First the posterior mean where the expected excess over REMEDIATED is what remediation costs, by
    bisection between bounds that hold whatever the variance; then the reading that leads there.
    """
    prior, test = belief.log_sd**2, TEST_LOG_SD["long-term"] ** 2
    variance = prior * test / (prior + test)
    wanted = costs.action_level - REMEDIATED
    low = log(wanted) - 0.5 * variance
    high = belief.log_of(costs.action_level) - 0.5 * variance
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if _expected_excess(middle, sqrt(variance), belief) < wanted:
            low = middle
        else:
            high = middle
    return high + (high - belief.log_mean) * test / prior


def _exp(power: float) -> float:
    try:
        return exp(power)
    except OverflowError:
        return inf


def _beyond(belief: Belief, turning: float, log_sd: float) -> tuple[float, float]:
    """E[(R - REMEDIATED)+; y > turning], and the probability that y is."""
    spread = sqrt(belief.log_sd**2 + log_sd**2)
    rho = belief.log_sd / spread
    strike = belief.log_of(REMEDIATED)
    level, reading = (
        (belief.log_mean - strike) / belief.log_sd,
        (belief.log_mean - turning) / spread,
    )
    # Under weights R + offset, the mean of its logarithm is larger by its variance.
    weighted = normal.both_below(level + belief.log_sd, reading + rho * belief.log_sd, rho)
    above = exp(belief.log_mean + 0.5 * belief.log_sd**2) * weighted
    return above - exp(strike) * normal.both_below(level, reading, rho), normal.below(reading)
