"""The criterion: its value is -2 log-likelihood, its derivatives are those of its value."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

import engine
from engine.criterion import Blocks, Criterion
from engine.crossed import CrossedCriterion
from engine.crossed_blocks import CrossedBlocks
from engine.inference.satterthwaite import degrees_of_freedom
from engine.prepared import prepare
from engine.scalar import ScalarCriterion, scalar_criterion
from engine.spec import Spec
from tests.engine.simulated import Floats, Rows, rows, table

Method = Literal["REML", "ML"]

FORMULAS = [
    "y ~ x + u + (1 | g)",
    "y ~ x * c + (0 + x | g)",
    "y ~ x + u + (x | g)",
    "y ~ c + (x || g)",
    "y ~ x + (0 + c | g)",
    "y ~ 1 + (x + z | g)",
    "y ~ x + z + (x + z || g)",
    "y ~ u + (1 | g) + (0 + x + z | g)",
    "y ~ 0 + x + (x | g)",
]
CROSSED = [
    "y ~ x + u + (1 | g) + (1 | h)",
    "y ~ x + (x | g) + (1 | h)",
    "y ~ x + (x || g) + (z | h)",
    "y ~ c + (1 | h) + (x + z | g) + (1 | c)",
    "y ~ x + (1 | c/h)",
    "y ~ 0 + x + (0 + x | h) + (1 | g:c)",
]
MODELS = [
    (formula, method, weights)
    for formula in FORMULAS
    for method, weights in [("REML", None), ("ML", None), ("REML", "w"), ("ML", "w")]
]
MODELS += [(formula, "REML", "w") for formula in CROSSED] + [(CROSSED[1], "ML", None)]
every_model = pytest.mark.parametrize(("formula", "method", "weights"), MODELS)


def model(
    formula: str, method: Method, weights: str | None = None, data: pd.DataFrame | None = None
) -> tuple[Spec, pd.DataFrame, Criterion]:
    """A specification, its table and its criterion, in the form for any number of levels."""
    if data is None:
        data = table(seed=7)
        data["h"] = np.random.default_rng(1).integers(0, 4, len(data)).astype(str)
    spec = Spec.of(formula, method=method, weights=weights)
    prepared = prepare(spec, data)
    structure = prepared.criterion.structure
    if len(prepared.design.groupings) > 1:
        crossed = CrossedBlocks.crossed(prepared.products, prepared.kept)
        return spec, data, CrossedCriterion(crossed, structure, method)
    blocks = Blocks.of(prepared.products, prepared.kept)
    return spec, data, Criterion(blocks, structure, method)


def thetas(criterion: Criterion) -> list[Floats]:
    """Points of several sizes, one of them singular."""
    draw = np.random.default_rng(1)
    count = 2 if isinstance(criterion, CrossedCriterion) else 4
    t = len(criterion.structure.rows)
    points = [draw.normal(0.0, size, t) for size in np.geomspace(0.2, 3.0, count)]
    singular = np.where(criterion.structure.cols == criterion.structure.k - 1, 0.0, points[0])
    return [*points, singular]


def differences(f: Callable[[Floats], Floats], at: Floats, step: float = 2e-3) -> Floats:
    """Central differences by Richardson's extrapolation to sixth order; derivatives stand last."""
    columns = []
    for unit in np.eye(len(at)):
        first, second, third = (
            (f(at + h * unit) - f(at - h * unit)) / (2.0 * h)
            for h in (step, step / 2.0, step / 4.0)
        )
        coarse, fine = (4.0 * second - first) / 3.0, (4.0 * third - second) / 3.0
        columns.append((16.0 * fine - coarse) / 15.0)
    return np.stack(columns, axis=-1)


def minus_two_log_likelihood(of: Rows, between: Floats, method: Method) -> float:
    """Of the rows, or of their error contrasts for REML, with sigma and beta profiled out.

    ``between`` is the relative covariance of the effects. The restricted likelihood is that of
    K'y for an orthonormal K with K'X = 0, with |X'X| as lme4 has it.
    """
    v = of.covariance(between)
    if method == "REML":
        k = linalg.null_space(of.x.T)
        y, v = k.T @ of.y, k.T @ v @ k
        constant = np.linalg.slogdet(of.x.T @ of.x)[1]
        residual = y
    else:
        beta = np.linalg.solve(of.x.T @ np.linalg.solve(v, of.x), of.x.T @ np.linalg.solve(v, of.y))
        residual, constant = of.y - of.x @ beta, 0.0
    variance = residual @ np.linalg.solve(v, residual) / len(residual)
    density = stats.multivariate_normal(cov=variance * v)
    return float(constant - 2.0 * density.logpdf(residual))


@every_model
def test_the_value_is_the_dense_likelihood(
    formula: str, method: Method, weights: str | None
) -> None:
    spec, data, criterion = model(formula, method, weights)
    dense = rows(spec, data, piloted=True)
    log_weights = float(np.log(dense.weights).sum()) if weights else 0.0
    for theta in thetas(criterion):
        t = criterion.structure.matrix(theta)
        expected = minus_two_log_likelihood(dense, t @ t.T, method)
        assert criterion.value_at(theta) - log_weights == pytest.approx(expected, rel=1e-11)


@every_model
def test_the_statistic_of_a_fit_is_the_dense_likelihood_of_the_data(
    formula: str, method: Method, weights: str | None
) -> None:
    spec, data, _ = model(formula, method, weights)
    fit = engine.fit_spec(spec, data)
    dense = rows(spec, data, piloted=False)
    between = linalg.block_diag(*(each.covariance for each in fit.random)) / fit.sigma**2
    expected = minus_two_log_likelihood(dense, between, method)
    assert fit.statistics.criterion == pytest.approx(expected, rel=1e-10)


@every_model
def test_the_gradient_is_that_of_the_value(
    formula: str, method: Method, weights: str | None
) -> None:
    _, _, criterion = model(formula, method, weights)
    for theta in thetas(criterion):
        found = criterion(theta)
        assert found is not None
        assert found.value == pytest.approx(criterion.value_at(theta), rel=1e-14)
        expected = differences(lambda at: np.asarray(criterion.value_at(at)), theta)
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(found.gradient, expected, rtol=1e-6, atol=1e-8 * scale)


@every_model
def test_the_hessian_is_that_of_the_gradient(
    formula: str, method: Method, weights: str | None
) -> None:
    _, _, criterion = model(formula, method, weights)

    def gradient(at: Floats) -> Floats:
        there = criterion(at)
        assert there is not None
        return there.gradient

    for theta in thetas(criterion):
        found = criterion(theta)
        assert found is not None
        expected = differences(gradient, theta)
        scale = float(np.abs(expected).max())
        np.testing.assert_allclose(found.hessian, expected, rtol=1e-6, atol=1e-8 * scale)


@pytest.mark.parametrize("n_levels", [12, 400])
@pytest.mark.parametrize("formula", ["y ~ x + u + (1 | g)", "y ~ x * c + (0 + x | g)"])
@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("weights", [None, "w"])
def test_the_scalar_form_is_the_general_one(
    n_levels: int, formula: str, method: Method, weights: str | None
) -> None:
    _, _, general = model(formula, method, weights, table(seed=3, n_levels=n_levels))
    scalar = scalar_criterion(general.blocks, general.structure, method)
    assert isinstance(scalar, ScalarCriterion)
    points = [0.0, 1e-3, 0.3, 1.0, 7.0, 300.0]
    scanned = scalar.scan(np.array(points))
    for theta, value in zip(points, scanned.tolist(), strict=True):
        at = np.array([theta])
        own, other = scalar(at), general(at)
        assert own is not None
        assert other is not None
        assert value == pytest.approx(other.value, rel=1e-12)
        assert own.value == pytest.approx(other.value, rel=1e-12)
        unit = max(1.0, abs(theta))
        np.testing.assert_allclose(own.gradient, other.gradient, rtol=1e-10, atol=1e-10 / unit)
        np.testing.assert_allclose(own.hessian, other.hessian, rtol=1e-10, atol=1e-9 / unit**2)


def test_the_sign_of_a_column_does_not_matter() -> None:
    _, _, criterion = model("y ~ x + (x + z | g)", "REML")
    theta = thetas(criterion)[1]
    for column in range(3):
        turned = np.where(criterion.structure.cols == column, -theta, theta)
        assert criterion.value_at(turned) == pytest.approx(criterion.value_at(theta), rel=1e-14)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("formula", ["y ~ x + (1 | g)", "y ~ x + (x | g)", "y ~ 1 + (x + z | g)"])
def test_levels_whose_rows_do_not_span_the_effects_count_as_they_should(
    formula: str, method: Method
) -> None:
    data = table(seed=11, n_levels=30, most_rows=9)
    first = ~data.duplicated("g")
    data = data[first | (data["g"] > "level 00010")]  # ten levels of one row
    data.loc[data["g"] > "level 00020", "x"] = 2.0  # and nine of one x
    spec, _, criterion = model(formula, method, data=data)
    assert 1 in data.groupby("g").size().to_numpy()
    dense = rows(spec, data, piloted=True)
    for theta in thetas(criterion):
        t = criterion.structure.matrix(theta)
        expected = minus_two_log_likelihood(dense, t @ t.T, method)
        assert criterion.value_at(theta) == pytest.approx(expected, rel=1e-11)


# Satterthwaite


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize(
    "formula", ["y ~ x + u + (1 | g)", "y ~ x + c + (x | g)", "y ~ x + (x || g)"]
)
def test_satterthwaite_is_what_differences_give(formula: str, method: Method) -> None:
    spec, data, criterion = model(formula, method, data=table(seed=5, n_levels=20))
    fit = engine.fit_spec(spec, data)
    assert not fit.convergence.boundary
    theta, sigma = criterion.structure.theta(fit.solution.t[0]), fit.solution.sigma

    def deviance(phi: Floats) -> Floats:
        factor = criterion.factorise(phi[:-1])
        assert factor is not None
        value = factor.log_det + factor.r2 / phi[-1] ** 2
        value += criterion.count * np.log(phi[-1] ** 2)
        if method == "REML":
            value += 2.0 * np.log(factor.upper.diagonal()[:-1]).sum()
        return np.asarray(value)

    def covariance(phi: Floats) -> Floats:
        factor = criterion.factorise(phi[:-1])
        assert factor is not None
        r = factor.upper[:-1, :-1]
        own = phi[-1] ** 2 * np.linalg.inv(r.T @ r)
        return np.asarray(fit.units.y**2 * fit.units.x @ own @ fit.units.x.T)

    phi = np.append(theta, sigma)
    hessian = differences(lambda at: differences(deviance, at), phi)
    jacobian = differences(covariance, phi)
    np.testing.assert_allclose(covariance(phi), fit.covariance, rtol=1e-9)
    contrasts = np.vstack([np.eye(len(fit.beta)), np.arange(1.0, len(fit.beta) + 1.0)])
    variance = 2.0 * np.linalg.inv(hessian)
    expected = []
    for contrast in contrasts:
        gradient = np.einsum("p,pqt,q->t", contrast, jacobian, contrast)
        own = contrast @ fit.covariance @ contrast
        expected.append(2.0 * own**2 / (gradient @ variance @ gradient))
    np.testing.assert_allclose(degrees_of_freedom(fit, contrasts), expected, rtol=1e-6)


# Digits at the ends of the scale.


def balanced(ratio: float, n_levels: int = 30, n_each: int = 5) -> pd.DataFrame:
    """A balanced table whose mean squares are known: within 1, between levels 1 / ratio."""
    draw = np.random.default_rng(2)
    noise = draw.standard_normal((n_levels, n_each))
    noise -= noise.mean(axis=1, keepdims=True)
    noise *= np.sqrt(n_levels * (n_each - 1) / np.square(noise).sum())
    means = draw.standard_normal(n_levels)
    means -= means.mean()
    means *= np.sqrt((n_levels - 1) / np.square(means).sum() * (1.0 / ratio + 1.0 / n_each))
    y = np.round(means, 3)[:, None] + noise
    return pd.DataFrame({"y": y.ravel(), "g": np.repeat(np.arange(n_levels), n_each).astype(str)})


@pytest.mark.parametrize("ratio", [1.0, 1e-3, 1e-6, 1e-9])
def test_data_nearly_without_noise_keep_their_digits(ratio: float) -> None:
    data = balanced(ratio)
    fit = engine.fit("y ~ 1 + (1 | g)", data)
    y = data["y"].to_numpy().reshape(30, 5)
    within = np.square(y - y.mean(axis=1, keepdims=True)).sum() / (30 * 4)
    between = np.var(y.mean(axis=1), ddof=1) - within / 5
    # The sum of squares within levels is what is left of one 1 / ratio times as large.
    assert fit.sigma**2 == pytest.approx(within, rel=1e-12 + 1e-15 / ratio)
    assert fit.random[0].covariance[0, 0] == pytest.approx(between, rel=1e-12)
    assert fit.std_errors[0] == pytest.approx(np.std(y.mean(axis=1), ddof=1) / 30**0.5, rel=1e-12)
    assert fit.convergence.converged


def test_twenty_thousand_levels_are_fitted() -> None:
    draw = np.random.default_rng(0)
    sizes = draw.integers(1, 8, 20_000)
    g = np.repeat(np.arange(20_000), sizes)
    effects = draw.normal(0.0, 0.7, (20_000, 2))
    x = draw.standard_normal(len(g))
    data = pd.DataFrame({"x": x, "g": g})
    data["y"] = 1.0 + effects[g, 0] + x * (2.0 + effects[g, 1]) + draw.standard_normal(len(g))
    for formula, sd in [("y ~ x + (1 | g)", None), ("y ~ x + (x | g)", 0.7)]:
        fit = engine.fit(formula, data)
        assert fit.convergence.converged
        assert len(fit.random[0].levels) == 20_000
        np.testing.assert_allclose(fit.beta, [1.0, 2.0], atol=4.0 * fit.std_errors.max())
        if sd is not None:
            found = np.sqrt(fit.random[0].covariance.diagonal())
            np.testing.assert_allclose(found, [sd, sd], rtol=0.05)


@pytest.mark.parametrize("formula", ["y ~ x + (x | g)", "y ~ 1 + (x + z + w + u + c | g)"])
@pytest.mark.parametrize("size", [1e6, 1e8, 1e9, 1e10])
def test_a_theta_so_large_that_rounding_takes_the_residual_away_does_no_harm(
    formula: str, size: float
) -> None:
    data = table(seed=3, n_levels=30, most_rows=20)
    _, _, criterion = model(formula, "REML", data=data)
    one = np.where(criterion.structure.cols == 0, size, 0.0)  # all effects are functions of one
    found = criterion(one)
    if found is None:
        assert size > 1e6
        assert not np.isnan(criterion.value_at(one))
    else:
        assert np.isfinite([found.value, *found.gradient, *found.hessian.ravel()]).all()
