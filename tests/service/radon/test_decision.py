from __future__ import annotations

from itertools import pairwise
from math import asin, cos, exp, log, pi, sin, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from service.radon import normal
from service.radon.belief import TEST_LOG_SD, Belief
from service.radon.decision import REMEDIATED, YEARS, Costs, decide

CENT = 0.01
LONG_TERM = TEST_LOG_SD["long-term"]

# Gelman et al., Bayesian Data Analysis, 3rd edition, 9.4: geometric sd 2.3, action level 4.
KNOWN = [
    (0.5, 2659.87, 707.32, 773.26, "nothing"),
    (1.0, 3112.21, 1414.63, 1424.46, "nothing"),
    (1.5, 3393.85, 2121.95, 1961.03, "measure"),
    (2.0, 3572.78, 2829.26, 2390.48, "measure"),
    (5.0, 3916.98, 7073.16, 3696.11, "measure"),
    (8.0, 3974.78, 11317.05, 4180.63, "remediate"),
]

# However long it takes: the machine may be busy.
without_deadline = settings(deadline=None)

beliefs = st.builds(
    lambda mean, sd, offset: Belief(log(mean), log(sd), offset),
    st.floats(0.15, 100.0),
    st.floats(1.05, 8.0),
    st.sampled_from([0.0, 0.1]),
)
costs = st.builds(Costs, st.floats(2.2, 50.0), st.floats(10.0, 20_000.0), st.floats(0.0, 500.0))


def of(geometric_mean: float, geometric_sd: float = 2.3) -> Belief:
    return Belief(log(geometric_mean), log(geometric_sd))


@pytest.mark.parametrize(("mean", "remediate", "nothing", "measure", "best"), KNOWN)
def test_losses_are_those_of_the_formulas_to_a_cent(
    mean: float, remediate: float, nothing: float, measure: float, best: str
) -> None:
    found = decide(of(mean), Costs())
    losses = (found.remediate, found.nothing, found.measure)
    assert losses == pytest.approx((remediate, nothing, measure), abs=CENT)
    assert found.recommendation == best
    assert found.value_of_test == pytest.approx(min(remediate, nothing) - measure, abs=2 * CENT)


def test_the_reading_above_which_to_act_and_its_probability() -> None:
    found = decide(of(2.0), Costs())
    assert found.remediate_if_above == pytest.approx(4.0669, abs=5e-5)
    assert found.probability_remediate == pytest.approx(0.2026, abs=5e-5)


@pytest.mark.parametrize(
    ("action", "low", "high"), [(4.0, 1.042, 6.306), (5.0, 1.352, 8.019), (8.0, 2.271, 12.857)]
)
def test_a_test_pays_between_two_geometric_means(action: float, low: float, high: float) -> None:
    def best(mean: float) -> str:
        return decide(of(mean), Costs(action)).recommendation

    assert [best(low - 5e-4), best(low + 5e-4)] == ["nothing", "measure"]
    assert [best(high - 5e-4), best(high + 5e-4)] == ["measure", "remediate"]


@pytest.mark.parametrize(("reading", "mean"), [(3.0, 2.9449), (4.0, 3.8752), (5.0, 4.7948)])
def test_a_long_term_test_updates_the_belief(reading: float, mean: float) -> None:
    found = of(2.0).updated(reading, LONG_TERM)
    assert found.geometric_mean == pytest.approx(mean, abs=5e-5)
    assert found.geometric_sd == pytest.approx(1.195, abs=5e-4)


def measured(belief: Belief, weighed: Costs) -> float:
    """The loss of measuring by integration over the readings, as its definition has it."""
    spread = sqrt(belief.log_sd**2 + LONG_TERM**2)
    d = weighed.per_unit

    def loss(z: float) -> float:
        reading = exp(belief.log_mean + spread * z) - belief.offset
        given_reading = belief.updated(reading, LONG_TERM)
        found = decide(given_reading, weighed)
        return float(min(found.remediate, found.nothing) * stats.norm.pdf(z))

    turning = decide(belief, weighed).remediate_if_above
    kink = (belief.log_of(turning) - belief.log_mean) / spread
    cuts = sorted({-9.0, min(max(kink, -9.0), 9.0), 9.0})
    parts = (
        integrate.quad(loss, low, high, epsabs=1e-7, epsrel=1e-11, limit=200)[0]
        for low, high in pairwise(cuts)
    )
    return weighed.test + d * belief.mean / YEARS + sum(parts)


@pytest.mark.parametrize("belief", [of(0.5), of(2.0), of(8.0, 1.3), Belief(1.2, 0.76, 0.1)])
@pytest.mark.parametrize("action", [2.5, 4.0, 8.0])
def test_the_closed_form_is_the_integral_over_all_readings(belief: Belief, action: float) -> None:
    weighed = Costs(action)
    assert decide(belief, weighed).measure == pytest.approx(
        measured(belief, weighed), abs=1e-3, rel=1e-8
    )


@without_deadline
@given(beliefs, costs)
def test_information_is_never_worth_less_than_nothing(belief: Belief, weighed: Costs) -> None:
    found = decide(belief, weighed)
    without = min(found.remediate, found.nothing)
    assert found.value_of_information >= 0.0
    gross = without - (found.measure - weighed.test - found.nothing / YEARS)
    assert gross >= -1e-9 * without
    assert found.value_of_information == pytest.approx(gross, rel=1e-6, abs=1e-9 * without)


@without_deadline
@given(beliefs, costs)
def test_the_recommendation_is_the_least_loss(belief: Belief, weighed: Costs) -> None:
    found = decide(belief, weighed)
    losses = {
        "remediate": found.remediate, "nothing": found.nothing, "measure": found.measure
    }  # fmt: skip
    assert losses[found.recommendation] == min(losses.values())


@without_deadline
@given(beliefs, costs, st.floats(1.01, 10.0))
def test_a_higher_action_level_never_remediates_more(
    belief: Belief, weighed: Costs, factor: float
) -> None:
    higher = Costs(weighed.action_level * factor, weighed.remediation, weighed.test)
    before, after = decide(belief, weighed), decide(belief, higher)
    assert after.remediate_if_above >= before.remediate_if_above
    assert after.probability_remediate <= before.probability_remediate
    if after.remediate < after.nothing:
        assert before.remediate < before.nothing


@without_deadline
@given(beliefs, costs, st.floats(1.01, 5.0))
def test_more_radon_never_costs_less_and_never_remediates_less(
    belief: Belief, weighed: Costs, factor: float
) -> None:
    more = Belief(belief.log_mean + log(factor), belief.log_sd, belief.offset)
    before, after = decide(belief, weighed), decide(more, weighed)
    tolerance = 1e-9 * after.nothing
    assert after.nothing >= before.nothing
    assert after.remediate >= before.remediate - tolerance
    assert after.measure >= before.measure - tolerance
    assert after.probability_remediate >= before.probability_remediate
    assert more.median >= belief.median
    assert more.exceedance(weighed.action_level) >= belief.exceedance(weighed.action_level)
    if before.remediate < before.nothing:
        assert after.remediate <= after.nothing


@without_deadline
@given(beliefs, st.floats(0.1, 1000.0), st.sampled_from(list(TEST_LOG_SD.values())))
def test_a_test_narrows_and_moves_towards_its_reading(
    belief: Belief, reading: float, log_sd: float
) -> None:
    after = belief.updated(reading, log_sd)
    assert after.log_sd < min(belief.log_sd, log_sd)
    low, high = sorted((belief.log_mean, belief.log_of(reading)))
    assert low - 1e-12 <= after.log_mean <= high + 1e-12
    assert after.geometric_sd <= belief.geometric_sd


@without_deadline
@given(beliefs, st.floats(0.01, 100.0))
def test_a_unit_changes_nothing(belief: Belief, factor: float) -> None:
    other = belief.scaled(factor)
    assert other.mean == pytest.approx(belief.mean * factor, rel=1e-9, abs=1e-12)
    assert other.interval(0.95) == pytest.approx(
        [factor * end for end in belief.interval(0.95)], rel=1e-9, abs=1e-12
    )
    assert other.exceedance(4.0 * factor) == pytest.approx(belief.exceedance(4.0), abs=1e-12)


@pytest.mark.parametrize("sd", [1.0 + 1e-12, 1.0001])
@pytest.mark.parametrize("mean", [0.01, 3.9, 4.1, 1e5])
def test_who_is_certain_remediates_above_the_action_level(mean: float, sd: float) -> None:
    found = decide(of(mean, sd), Costs())
    assert found.recommendation == ("remediate" if mean > 4.0 else "nothing")
    assert found.nothing == pytest.approx(1000.0 * mean, rel=1e-4)
    assert found.remediate == pytest.approx(2000.0 + 1000.0 * min(mean, REMEDIATED), rel=1e-4)
    assert (found.remediate_if_above < 4.0) is (mean > 4.0)


@without_deadline
@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(-0.999, 0.999))
def test_the_distribution_of_two_is_its_integral(h: float, k: float, rho: float) -> None:
    def rate(angle: float) -> float:  # Plackett 1954: the derivative in the correlation
        form = h * h - 2.0 * h * k * sin(angle) + k * k
        return exp(-0.5 * form / cos(angle) ** 2) / (2.0 * pi)

    more, _ = integrate.quad(rate, 0.0, asin(rho), epsabs=1e-13, epsrel=1e-12, limit=200)
    whole = normal.below(h) * normal.below(k) + more
    assert normal.both_below(h, k, rho) == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.5, 0.99])
@pytest.mark.parametrize(("h", "k"), [(0.0, 0.0), (0.0, 1.3), (0.0, -1.3), (-0.7, 0.0), (2.0, 0.0)])
def test_the_distribution_of_two_holds_on_the_axes(h: float, k: float, rho: float) -> None:
    near = normal.both_below(h + 1e-9, k + 1e-9, rho)
    assert normal.both_below(h, k, rho) == pytest.approx(near, abs=1e-8)
    assert normal.both_below(h, k, rho) == pytest.approx(normal.both_below(k, h, rho), abs=1e-15)


def test_a_level_is_never_reported_below_zero() -> None:
    low = Belief(log(0.12), log(3.0), 0.1)
    assert low.interval(0.95)[0] == 0.0
    assert low.median > 0.0
    assert low.exceedance(0.0) < 1.0
    assert Belief(0.0, 1.0).exceedance(0.0) == 1.0
