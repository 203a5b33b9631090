"""The effects of levels: no pooling, pooling weights, coefficients with joint errors."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

import engine
from engine import Fit, SpecError
from engine.spec import Spec
from service.radon.tables import DATA
from tests.engine.simulated import Floats, rows, table

SECOND = "log(radon + 0.1) ~ floor + (1 | county)"


@cache
def radon() -> pd.DataFrame:
    return pd.read_csv(DATA / "minnesota-radon.csv", keep_default_na=False)


@cache
def floors() -> Fit:
    return engine.fit(SECOND, radon())


def dummies(data: pd.DataFrame, group: str) -> Floats:
    levels = sorted(set(data[group]))
    return np.array(data[group].to_numpy()[:, None] == np.array(levels), dtype=np.float64)


def least_squares(x: Floats, y: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Coefficients and standard errors by numpy's least squares."""
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    wide, tall = x * root[:, None], y * root
    beta: Floats = np.asarray(np.linalg.lstsq(wide, tall, rcond=None)[0], dtype=np.float64)
    variance = float(np.square(tall - wide @ beta).sum()) / (len(y) - x.shape[1])
    errors: Floats = np.sqrt(variance * np.linalg.inv(wide.T @ wide).diagonal())
    return beta, errors


# No pooling


def test_no_pooling_is_least_squares_with_a_county_each() -> None:
    found = engine.group_effects(floors(), "county")
    x = np.column_stack([dummies(radon(), "county"), radon()["floor"]])
    beta, errors = least_squares(x, np.log(radon()["radon"].to_numpy() + 0.1))
    np.testing.assert_allclose(found.no_pooling, beta[:85], rtol=1e-9)
    np.testing.assert_allclose(found.no_pooling_std_error, errors[:85], rtol=1e-9)


@pytest.mark.parametrize("weights", [None, "w"])
def test_no_pooling_has_the_other_predictors_and_the_weights(weights: str | None) -> None:
    data = table(seed=6, n_levels=15, most_rows=8)
    fit = engine.fit("y ~ x * c + (x | g)", data, weights=weights)
    found = engine.group_effects(fit, "g")
    red, green = (data["c"] == name for name in ("red", "green"))
    own = [green, red, data["x"], data["x"] * green, data["x"] * red]
    x = np.column_stack([dummies(data, "g"), *own])
    w = None if weights is None else data["w"].to_numpy()
    beta, errors = least_squares(x, data["y"].to_numpy(), w)
    np.testing.assert_allclose(found.no_pooling, beta[:15], rtol=1e-9)
    np.testing.assert_allclose(found.no_pooling_std_error, errors[:15], rtol=1e-9)


def test_a_predictor_of_levels_says_nothing_without_pooling() -> None:
    data = table(seed=6, n_levels=15)
    with_it, without = (engine.fit(f"y ~ {own} + (1 | g)", data) for own in ("x + u", "x"))
    one, other = (engine.group_effects(each, "g") for each in (with_it, without))
    np.testing.assert_allclose(one.no_pooling, other.no_pooling, rtol=1e-9)
    np.testing.assert_allclose(one.no_pooling_std_error, other.no_pooling_std_error, rtol=1e-9)


def test_an_offset_is_taken_away_first() -> None:
    data = table(seed=6, n_levels=15)
    moved = engine.fit("y ~ x + (1 | g)", data.assign(y=data["y"] + data["z"]), offset="z")
    plain = engine.fit("y ~ x + (1 | g)", data)
    one, other = (engine.group_effects(each, "g") for each in (moved, plain))
    np.testing.assert_allclose(one.no_pooling, other.no_pooling, rtol=1e-9)


def test_a_response_near_a_million_keeps_the_digits_of_no_pooling() -> None:
    data = table(seed=6, n_levels=15).assign(x=lambda d: d["x"] + 2000.0)
    far = engine.fit("I(y + 1e6) ~ x + (1 | g)", data)
    near = engine.fit("y ~ x + (1 | g)", data)
    one, other = (engine.group_effects(each, "g") for each in (far, near))
    np.testing.assert_allclose(one.no_pooling - 1e6, other.no_pooling, rtol=0, atol=1e-6)
    np.testing.assert_allclose(one.no_pooling_std_error, other.no_pooling_std_error, rtol=1e-8)


def test_a_group_without_intercepts_has_no_such_line() -> None:
    found = engine.group_effects(engine.fit("y ~ x + (0 + x | g)", table(seed=6)), "g")
    assert np.isnan(found.no_pooling).all()
    assert np.isnan(found.no_pooling_std_error).all()


# Pooling


def test_the_pooling_weight_of_a_county_is_that_of_its_houses() -> None:
    found, fit = engine.group_effects(floors(), "county"), floors()
    ratio = fit.sigma**2 / fit.random[0].covariance[0, 0]
    np.testing.assert_allclose(found.pooling_weight, found.n / (found.n + ratio), rtol=1e-12)
    assert found.n.tolist() == radon().groupby("county").size().to_list()


def test_with_prior_weights_the_pooling_weight_counts_them() -> None:
    data = table(seed=6, n_levels=15)
    fit = engine.fit("y ~ x + (1 | g)", data, weights="w")
    found = engine.group_effects(fit, "g")
    total = data.groupby("g")["w"].sum().to_numpy()
    ratio = fit.sigma**2 / fit.random[0].covariance[0, 0]
    np.testing.assert_allclose(found.pooling_weight, total / (total + ratio), rtol=1e-12)


def test_without_predictors_the_estimate_is_weighted_between_the_county_and_the_state() -> None:
    fit = engine.fit("log(radon + 0.1) ~ 1 + (1 | county)", radon())
    found = engine.group_effects(fit, "county")
    mixed = found.pooling_weight * found.no_pooling + (1 - found.pooling_weight) * fit.beta[0]
    np.testing.assert_allclose(found.coefficients[:, 0], mixed, rtol=1e-12)


def test_where_nothing_varies_everything_is_pooled() -> None:
    data = table(seed=2, sd=(0.0, 0.0, 0.0))
    data["y"] -= data.groupby("g")["y"].transform("mean")
    fit = engine.fit("y ~ x + (1 | g)", data)
    assert fit.convergence.boundary
    found = engine.group_effects(fit, "g")
    assert not found.pooling_weight.any()
    assert not found.effects.any()
    assert not found.effects_std_error.any()
    np.testing.assert_allclose(found.coefficients, np.tile(fit.beta, (len(found.levels), 1)))
    expected = np.tile(fit.std_errors, (len(found.levels), 1))
    np.testing.assert_allclose(found.coefficients_std_error, expected, rtol=1e-9)


@pytest.mark.parametrize("formula", ["y ~ x + (x | g)", "y ~ x + (x || g)", "y ~ x + (0 + x | g)"])
def test_pooling_weights_are_shares(formula: str) -> None:
    found = engine.group_effects(engine.fit(formula, table(seed=6, n_levels=15)), "g")
    assert ((found.pooling_weight >= 0.0) & (found.pooling_weight <= 1.0)).all()


# Coefficients


@pytest.mark.parametrize(
    ("formula", "terms"),
    [
        ("y ~ x + (1 | g)", ("(Intercept)", "x")),
        ("y ~ x + (x | g)", ("(Intercept)", "x")),
        ("y ~ x + z + (x || g)", ("(Intercept)", "x", "z")),
        ("y ~ x + (0 + z | g)", ("(Intercept)", "x", "z")),
        ("y ~ 0 + x + (z | g)", ("x", "(Intercept)", "z")),
        ("y ~ c + (0 + c | g)", ("(Intercept)", "cgreen", "cred", "cblue")),
    ],
)
@pytest.mark.parametrize("weights", [None, "w"])
def test_coefficients_and_their_errors_solve_the_mixed_model_equations(
    formula: str, terms: tuple[str, ...], weights: str | None
) -> None:
    data = table(seed=21, n_levels=30, most_rows=12, sd=(1.5, 1.0, 1.2))
    cells = data.groupby(["g", "c"]).ngroup()
    data["y"] += np.random.default_rng(3).normal(0.0, 1.5, cells.max() + 1)[cells]
    spec = Spec.of(formula, weights=weights)
    fit = engine.fit_spec(spec, data)
    found = engine.group_effects(fit, "g")
    assert found.coefficient_terms == terms
    # Errors of (beta, b) by V alone, which holds for a singular G too.
    of, between = rows(spec, data, piloted=False), fit.random[0].covariance / fit.sigma**2
    inverse = np.linalg.inv(of.covariance(between))
    phi = np.linalg.inv(of.x.T @ inverse @ of.x)
    beta = phi @ of.x.T @ inverse @ of.y
    for j in range(len(found.levels)):
        z = of.z * (of.level == j)[:, None]
        mode = between @ z.T @ inverse @ (of.y - of.x @ beta)
        h = z.T @ inverse @ of.x
        cross = -phi @ h.T @ between
        own = between - between @ (z.T @ inverse @ z - h @ phi @ h.T) @ between
        for c, term in enumerate(terms):
            a = np.array([term == name for name in fit.coefficients], dtype=float)
            b = np.array([term == name for name in found.terms], dtype=float)
            variance = a @ phi @ a + 2.0 * a @ cross @ b + b @ own @ b
            assert found.coefficients[j, c] == pytest.approx(a @ beta + b @ mode, rel=1e-7)
            error = fit.sigma * np.sqrt(variance)
            assert found.coefficients_std_error[j, c] == pytest.approx(error, rel=1e-7)


def test_the_error_of_a_county_line_is_that_of_its_prediction() -> None:
    found = engine.group_effects(floors(), "county")
    asked: dict[str, list[object]] = {"county": list(found.levels), "floor": [0] * 85}
    lines = engine.predict(floors(), asked)
    np.testing.assert_allclose(found.coefficients[:, 0], lines.estimate, rtol=1e-12)
    np.testing.assert_allclose(found.coefficients_std_error[:, 0], lines.std_error, rtol=1e-10)
    # It carries the uncertainty of the state's mean, the conditional deviation does not.
    assert (found.coefficients_std_error[:, 0] > found.effects_std_error[:, 0]).all()
    assert len(set(found.coefficients[:, 1].tolist())) == 1
    np.testing.assert_allclose(found.coefficients_std_error[:, 1], floors().std_errors[1])


def test_an_unknown_group_is_refused_with_those_there_are() -> None:
    for fit, known in [(floors(), "county"), (engine.fit("radon ~ floor", radon()), "none")]:
        with pytest.raises(SpecError) as caught:
            engine.group_effects(fit, "country")
        (problem,) = caught.value.problems
        assert (problem.code, problem.path) == ("unknown_group", ("group",))
        assert problem.hint.endswith(known)
