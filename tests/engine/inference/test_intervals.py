"""Intervals of variance parameters: one table for profiles, the bootstrap and Wald."""

from __future__ import annotations

import math

import numpy as np
import pytest

import engine
from engine import Fit, Intervals, SpecError
from tests.reference.likelihood import table

SLOPES = "Reaction ~ Days + (Days | Subject)"
METHODS = ["profile", "bootstrap", "wald"]


def slopes(method: str = "REML") -> Fit:
    return engine.fit(SLOPES, table("sleepstudy"), method=method)


def ends(found: Intervals) -> list[tuple[float | None, float | None]]:
    return [(own.lower, own.upper) for own in found.items]


@pytest.mark.parametrize("method", METHODS)
def test_there_is_a_row_for_every_variance_parameter(method: str) -> None:
    fit = slopes()
    found = engine.variance_intervals(fit, method, n_sim=50)
    names = [own.parameter.name for own in found.items]
    assert names == [own.name for own in engine.parameters(fit) if own.kind != "fixed"]
    assert names[:2] == ["sd_(Intercept)|Subject", "cor_Days.(Intercept)|Subject"]
    deviations = np.sqrt(fit.random[0].covariance.diagonal())
    assert found.items[0].estimate == pytest.approx(deviations[0])
    assert found.items[2].estimate == pytest.approx(deviations[1])
    assert found.items[3].estimate == pytest.approx(fit.sigma)
    assert (found.method, found.level) == (method, 0.95)


def test_wald_intervals_are_of_the_hessian_on_the_scales_of_nlme() -> None:
    # From R: optimHess of lme4:::devfun2 in log sd, atanh of the correlation, and log sigma.
    expected = [
        (15.01708, 37.65813),
        (-0.5055797, 0.6167690),
        (3.805467, 8.588222),
        (22.80046, 28.72491),
    ]
    found = ends(engine.variance_intervals(slopes("ML"), "wald"))
    np.testing.assert_allclose(np.array(found, dtype=float), expected, rtol=2e-6)


def test_wald_intervals_of_nested_factors_are_those_of_nlme() -> None:
    # intervals(lme(yield ~ nitro + Variety, random = ~ 1 | Block/Variety)), by REML.
    expected = [(5.676437, 19.19217), (6.771036, 31.67477), (10.63653, 15.56512)]
    fit = engine.fit("yield ~ nitro + Variety + (1 | Block/Variety)", table("Oats"))
    found = ends(engine.variance_intervals(fit, "wald"))
    np.testing.assert_allclose(np.array(found, dtype=float), expected, rtol=2e-5)


def test_least_squares_has_an_interval_of_sigma() -> None:
    fit = engine.fit("Reaction ~ Days", table("sleepstudy"))
    (own,) = engine.variance_intervals(fit, "wald").items
    ratio = math.exp(1.959963984540054 / math.sqrt(2 * 178))
    assert (own.lower, own.upper) == pytest.approx((fit.sigma / ratio, fit.sigma * ratio))


@pytest.mark.parametrize("method", METHODS)
def test_variances_are_the_squares_and_correlations_stay(method: str) -> None:
    plain, squared = (
        engine.variance_intervals(slopes(), method, scale=scale, n_sim=50).items
        for scale in ("sd", "variance")
    )
    names = [own.parameter.name for own in squared]
    assert names == [
        *("var_(Intercept)|Subject", "cor_Days.(Intercept)|Subject", "var_Days|Subject"),
        "sigma^2",
    ]
    for one, other in zip(plain, squared, strict=True):
        power = 1 if one.parameter.kind == "correlation" else 2
        for name in ("estimate", "lower", "upper"):
            assert getattr(other, name) == pytest.approx(getattr(one, name) ** power)


def test_a_variance_estimated_at_zero_is_told_plainly() -> None:
    fit = engine.fit("Yield ~ 1 + (1 | Batch)", table("Dyestuff2"))
    profiled, drawn, wald = (
        engine.variance_intervals(fit, method, n_sim=100).items[0] for method in METHODS
    )
    for own in (profiled, drawn):
        assert (own.estimate, own.lower, own.lower_at_limit) == (0.0, 0.0, True)
        assert own.upper is not None
        assert own.upper > 0.5
    assert (wald.lower, wald.upper) == (None, None)
    assert wald.reason is not None
    assert "limit" in wald.reason


@pytest.mark.parametrize("method", METHODS)
def test_a_correlation_with_an_effect_that_does_not_vary_has_no_estimate(method: str) -> None:
    rows = table("sleepstudy")
    rows["Reaction"] = rows.groupby("Subject")["Reaction"].transform("mean") + np.tile(
        [1.0, -1], 90
    )
    fit = engine.fit(SLOPES, rows)
    own = engine.variance_intervals(fit, method, n_sim=20).items[1]
    assert own.parameter.kind == "correlation"
    assert own.estimate is None
    assert own.reason is not None
    if method == "profile":
        assert (own.lower, own.upper) == (-1.0, 1.0)


def test_only_the_bootstrap_has_replicates() -> None:
    fit = slopes()
    drawn = engine.variance_intervals(fit, "bootstrap", n_sim=30, seed=4).bootstrap
    assert drawn is not None
    assert (drawn.n_sim, drawn.seed, drawn.n_failed) == (30, 4, 0)
    assert engine.variance_intervals(fit, "wald").bootstrap is None


@pytest.mark.parametrize(
    ("method", "scale", "where"), [("boot", "sd", "method"), ("wald", "sdcor", "scale")]
)
def test_an_option_that_is_none_is_refused(method: str, scale: str, where: str) -> None:
    with pytest.raises(SpecError) as caught:
        engine.variance_intervals(slopes(), method, scale=scale)
    assert caught.value.problems[0].path == (where,)
