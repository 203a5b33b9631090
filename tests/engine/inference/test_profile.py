"""Profiles are those of lme4's confint(profile(fit)), and keep to what the parameters can be."""

import math
from functools import cache

import numpy as np
import pytest
from scipy import optimize

import engine
from engine import Fit, Profile, SpecError
from tests.reference.likelihood import ProfileRecord, described, likelihoods, table

NEAR = 1e-5
"""How far an end may be from lme4's, in standard errors (lme4 interpolates between points)."""

SLOPES = "Reaction ~ Days + (Days | Subject)"
FLOOR = "log_radon ~ floor + (1 | county)"


@cache
def fitted(formula: str, data: str, method: str = "REML") -> Fit:
    return engine.fit(formula, table(data), method=method)


def profiled(fit: Fit, *names: str, level: float = 0.95, points: int = 0) -> tuple[Profile, ...]:
    return engine.profile(fit, names=names or None, level=level, points=points)


@pytest.mark.parametrize("known", likelihoods().profiles, ids=described)
def test_intervals_are_those_of_confint(known: ProfileRecord) -> None:
    found = profiled(fitted(known["formula"], known["data"], known["method"]))
    assert [own.parameter.name for own in found] == known["names"]
    for own, lower, upper in zip(found, known["lower"], known["upper"], strict=True):
        if upper is None:
            continue  # lme4 loses its way along sigma where a variance is zero
        error = (own.upper - own.lower) / 3.92
        assert own.lower == pytest.approx(lower, abs=NEAR * error)
        assert own.upper == pytest.approx(upper, abs=NEAR * error)
        assert own.lower_at_limit == (own.lower in (0.0, -1.0))
        assert own.upper_at_limit == (own.upper == 1.0)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.999])
def test_an_interval_contains_the_estimate_of_ml(level: float) -> None:
    ml = fitted(SLOPES, "sleepstudy", "ML")
    found = profiled(fitted(SLOPES, "sleepstudy"), level=level)
    for own in found:
        assert own.lower <= own.estimate <= own.upper
    assert found[-1].estimate == pytest.approx(ml.beta[1], rel=1e-6)
    assert found[3].estimate == pytest.approx(ml.sigma, rel=1e-6)


def test_a_higher_level_has_a_wider_interval() -> None:
    narrow, wide = (profiled(fitted(SLOPES, "sleepstudy"), level=level) for level in (0.8, 0.95))
    for inner, outer in zip(narrow, wide, strict=True):
        assert outer.lower < inner.lower < inner.upper < outer.upper


def test_a_linear_model_has_profiles_in_closed_form() -> None:
    # dev(b) - dev = n log(1 + t^2 / (n - p)) with t = (b - b^) / se.
    fit = fitted("Reaction ~ Days", "sleepstudy")
    sigma, _, days = profiled(fit)
    n, p = fit.n_rows, 2
    quantile = 1.959963984540054
    t = math.sqrt((n - p) * math.expm1(quantile**2 / n))
    assert days.upper == pytest.approx(fit.beta[1] + t * fit.std_errors[1], rel=1e-7)
    assert days.lower == pytest.approx(fit.beta[1] - t * fit.std_errors[1], rel=1e-7)
    estimate = fit.sigma * math.sqrt((n - p) / n)
    assert sigma.estimate == pytest.approx(estimate)
    for end in (sigma.lower, sigma.upper):
        ratio = (estimate / end) ** 2
        assert n * (ratio - 1.0 - math.log(ratio)) == pytest.approx(quantile**2)


def test_profile_and_wald_intervals_agree_where_there_are_many_rows() -> None:
    fit = fitted(FLOOR, "radon", "ML")
    own = profiled(fit, "floor")[0]
    (_, wald) = engine.fixed_effects(fit, df="none")
    assert own.lower == pytest.approx(wald.lower, abs=0.02 * wald.std_error)
    assert own.upper == pytest.approx(wald.upper, abs=0.02 * wald.std_error)


def test_reml_and_ml_fits_have_the_same_profiles() -> None:
    ends = [
        [(own.lower, own.upper) for own in profiled(fitted(FLOOR, "radon", method))]
        for method in ("REML", "ML")
    ]
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-6)


def test_profiles_follow_the_units_of_the_data() -> None:
    data = table("sleepstudy")
    moved = data.assign(Reaction=7.0 * data["Reaction"] - 50.0, Days=2000.0 + 0.5 * data["Days"])
    own, its = (profiled(engine.fit(SLOPES, rows)) for rows in (data, moved))
    factors = {"sd_Days|Subject": 14.0, "sigma": 7.0, "Days": 14.0}
    for one, other in zip(own, its, strict=True):
        factor = factors.get(one.parameter.name)
        if factor is not None:
            assert other.lower == pytest.approx(factor * one.lower, rel=1e-5)
            assert other.upper == pytest.approx(factor * one.upper, rel=1e-5)


def test_effects_coded_in_two_ways_have_one_profile() -> None:
    # The intercept of treatment contrasts is the first cell's effect.
    treatment = fitted("score ~ Machine + (Machine | Worker)", "Machines")
    cells = fitted("score ~ Machine + (0 + Machine | Worker)", "Machines")
    (one,) = profiled(treatment, "sd_(Intercept)|Worker")
    (other,) = profiled(cells, "sd_MachineA|Worker")
    assert (one.lower, one.upper) == pytest.approx((other.lower, other.upper), rel=1e-6)


def test_the_order_of_effects_does_not_matter_to_their_correlation() -> None:
    fit = fitted("score ~ Machine + (0 + Machine | Worker)", "Machines")
    data = table("Machines")
    renamed = data.assign(Machine=data["Machine"].map({"A": "Z", "B": "B", "C": "C"}))
    other = engine.fit("score ~ Machine + (0 + Machine | Worker)", renamed)
    (one,) = profiled(fit, "cor_MachineB.MachineA|Worker")
    (two,) = profiled(other, "cor_MachineZ.MachineB|Worker")
    assert (one.lower, one.upper) == pytest.approx((two.lower, two.upper), abs=1e-6)


def test_a_variance_estimated_at_zero_has_an_interval_from_zero() -> None:
    own = profiled(fitted("Yield ~ 1 + (1 | Batch)", "Dyestuff2"), points=4)[0]
    assert (own.estimate, own.lower, own.lower_at_limit) == (0.0, 0.0, True)
    assert own.upper > 1.0
    assert own.values[0] == 0.0
    assert (np.diff(own.zeta) > 0.0).all()


def test_a_correlation_with_an_effect_that_does_not_vary_can_be_anything() -> None:
    rows = table("sleepstudy")
    flat = rows.assign(
        Reaction=rows.groupby("Subject")["Reaction"].transform("mean") + np.tile([1.0, -1.0], 90)
    )
    fit = engine.fit(SLOPES, flat)
    assert fit.random[0].covariance[1, 1] == pytest.approx(0.0, abs=1e-20)
    (own,) = profiled(fit, "cor_Days.(Intercept)|Subject")
    assert math.isnan(own.estimate)
    assert (own.lower, own.upper, own.lower_at_limit, own.upper_at_limit) == (-1.0, 1.0, True, True)


def least_deviance(
    y: np.ndarray, x: np.ndarray, group: np.ndarray, correlation: float, pair: list[int]
) -> float:
    """The least ML deviance of y ~ X + (X | group) with two effects correlated so, all dense."""
    k = x.shape[1]
    order = [*pair, *(i for i in range(k) if i not in pair)]
    z = x[:, order]
    same = group[:, None] == group[None, :]
    below = [(i, j) for i in range(2, k) for j in range(i)]

    def deviance(free: np.ndarray) -> float:
        t = np.diag(np.exp(free[:k]))
        length = t[1, 1]
        t[1, :2] = length * correlation, length * math.sqrt(1.0 - correlation**2)
        for (i, j), value in zip(below, free[k + 1 :], strict=True):
            t[i, j] = value
        v = np.where(same, z @ t @ t.T @ z.T, 0.0) + np.exp(2.0 * free[k]) * np.eye(len(y))
        root = np.linalg.cholesky(v)
        own = np.linalg.solve(root, np.column_stack([x, y]))
        rest = np.linalg.lstsq(own[:, :-1], own[:, -1])[1][0]
        return float(len(y) * math.log(2.0 * math.pi) + 2.0 * np.log(np.diag(root)).sum() + rest)

    spread = np.log(y.std()) - 1.0
    starts = [np.concatenate([np.full(k + 1, spread), np.full(len(below), a)]) for a in (0.1, -2.0)]
    return min(float(optimize.minimize(deviance, start, method="BFGS").fun) for start in starts)


def of_three_machines() -> tuple[Fit, np.ndarray]:
    fit = fitted("score ~ Machine + (Machine | Worker)", "Machines", "ML")
    machine = table("Machines")["Machine"].to_numpy()
    return fit, np.column_stack([np.ones(len(machine)), machine == "B", machine == "C"]) * 1.0


@pytest.mark.parametrize(
    ("name", "pair"),
    [("cor_MachineB.(Intercept)|Worker", [0, 1]), ("cor_MachineC.(Intercept)|Worker", [0, 2])],
)
def test_an_interval_of_a_correlation_ends_where_the_deviance_has_risen_so_far(
    name: str, pair: list[int]
) -> None:
    # lme4's profile of the second is not monotonic, and ends it at -0.837 instead of -0.848.
    fit, x = of_three_machines()
    data = table("Machines")
    (own,) = profiled(fit, name)
    for end in (own.lower, own.upper):
        least = least_deviance(data["score"].to_numpy(), x, data["Worker"].to_numpy(), end, pair)
        assert least - fit.statistics.criterion == pytest.approx(1.959964**2, abs=1e-4)


def test_a_correlation_of_one_has_an_interval_from_where_the_data_speak_against_it() -> None:
    # lme4 answers -1 to 1: its profile turns back where the effects vanish.
    draw = np.random.default_rng(1)
    effect, days = np.repeat(30.0 * draw.normal(size=18), 10), np.tile(np.arange(10.0), 18)
    rows = table("sleepstudy")
    rows["Reaction"] = 250.0 + effect + effect / 5.0 * days + 20.0 * draw.normal(size=180)
    fit = engine.fit(SLOPES, rows, method="ML")
    (own,) = profiled(fit, "cor_Days.(Intercept)|Subject")
    assert (own.upper, own.upper_at_limit, own.lower_at_limit) == (1.0, True, False)
    x = np.column_stack([np.ones(180), days])
    reaction, subject = rows["Reaction"].to_numpy(), rows["Subject"].to_numpy()
    least = least_deviance(reaction, x, subject, own.lower, [0, 1])
    assert least - fit.statistics.criterion == pytest.approx(1.959964**2, abs=1e-4)


def test_a_curve_is_zero_at_the_estimate_and_the_quantile_at_the_ends() -> None:
    for own in profiled(fitted(SLOPES, "sleepstudy"), points=10):
        assert len(own.values) == len(own.zeta) == 21
        assert (np.diff(own.values) > 0.0).all()
        assert (np.diff(own.zeta) > 0.0).all()
        assert own.zeta[10] == 0.0
        assert own.values[10] == own.estimate
        ends = np.interp([own.lower, own.upper], own.values, own.zeta)
        np.testing.assert_allclose(ends, [-1.96, 1.96], atol=0.03)


def test_the_signed_root_is_the_difference_of_deviances_of_explicit_fits() -> None:
    fit = fitted(SLOPES, "sleepstudy", "ML")
    (own,) = profiled(fit, "Days", points=3)
    data = table("sleepstudy")
    for value, zeta in zip(own.values, own.zeta, strict=True):
        held = data.assign(held=value * data["Days"])
        other = engine.fit("Reaction ~ 1 + (Days | Subject)", held, method="ML", offset="held")
        rise = other.statistics.criterion - fit.statistics.criterion
        assert zeta**2 == pytest.approx(max(0.0, rise), abs=1e-6)


def test_progress_rises_from_nothing_to_all() -> None:
    told: list[tuple[float, str]] = []
    engine.profile(fitted(FLOOR, "radon"), progress=lambda done, what: told.append((done, what)))
    shares = [done for done, _ in told]
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    for name in ("sigma", "floor"):
        assert len({done for done, what in told if f"profile of {name}" in what}) > 3


def test_what_progress_raises_cancels() -> None:
    class CancelledError(Exception):
        pass

    told: list[float] = []

    def progress(done: float, what: str) -> None:
        told.append(done)
        if "sigma" in what:
            raise CancelledError

    with pytest.raises(CancelledError):
        engine.profile(fitted(FLOOR, "radon"), progress=progress)
    assert max(told) < 1.0


def test_an_unknown_parameter_is_refused_by_name() -> None:
    with pytest.raises(SpecError) as caught:
        profiled(fitted(FLOOR, "radon"), "floor", "ceiling")
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("unknown_parameter", ("names", 1))
    assert "sd_(Intercept)|county" in problem.hint
