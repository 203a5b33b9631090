from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import engine
from engine import SpecError, group_effects, pooling
from tests.engine.fits import fitted
from tests.engine.simulated import table


def least_squares(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and their covariance."""
    gram = x.T @ (w[:, None] * x)
    beta = np.linalg.solve(gram, x.T @ (w * y))
    variance = w @ np.square(y - x @ beta) / (len(y) - len(beta))
    return beta, variance * np.linalg.inv(gram)


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return table(21)


def indicators(data: pd.DataFrame) -> np.ndarray:
    return pd.get_dummies(data.g).to_numpy(dtype=float)


@pytest.mark.parametrize("weights", [None, "w"])
def test_complete_and_no_pooling_are_plain_least_squares(
    data: pd.DataFrame, weights: str | None
) -> None:
    w = np.ones(len(data)) if weights is None else data.w.to_numpy()
    y, x = data.y.to_numpy(), data.x.to_numpy()
    found = pooling(engine.fit("y ~ x + (1 | g)", data, weights=weights), "g")
    beta, covariance = least_squares(np.column_stack([np.ones(len(x)), x]), y, w)
    assert found.complete == pytest.approx(np.full(12, beta[0]), rel=1e-10)
    assert found.complete_std_error == pytest.approx(np.full(12, covariance[0, 0] ** 0.5), rel=1e-9)
    beta, covariance = least_squares(np.column_stack([indicators(data), x]), y, w)
    assert found.none == pytest.approx(beta[:-1], rel=1e-9)
    assert found.none_std_error == pytest.approx(np.sqrt(covariance.diagonal()[:-1]), rel=1e-9)


def test_partial_pooling_is_the_model_itself() -> None:
    fit = fitted("lecture_floor")
    found, effects = pooling(fit, "county"), group_effects(fit, "county")
    at = effects.coefficient_terms.index("(Intercept)")
    assert found.partial == pytest.approx(effects.coefficients[:, at], rel=1e-12)
    assert found.partial_std_error == pytest.approx(effects.coefficients_std_error[:, at], rel=1e-9)
    assert found.n.sum() == fit.n_rows
    low, high = np.minimum(found.none, found.complete), np.maximum(found.none, found.complete)
    between = (found.partial > low - 0.1) & (found.partial < high + 0.1)
    assert between.all()
    assert (np.diff(found.pooling_weight[np.argsort(found.n, kind="stable")]) >= -1e-12).all()


def test_a_predictor_of_the_level_has_the_levels_own_value(data: pd.DataFrame) -> None:
    fit = engine.fit("y ~ x + u + (1 | g)", data)
    found = pooling(fit, "g")
    u = data.groupby("g").u.first().to_numpy()
    x = np.column_stack([np.ones(len(data)), data.x, data.u])
    beta, covariance = least_squares(x, data.y.to_numpy(), np.ones(len(data)))
    rows = np.column_stack([np.ones(12), np.zeros(12), u])
    assert found.complete == pytest.approx(rows @ beta, rel=1e-9)
    assert found.complete_std_error == pytest.approx(
        np.sqrt(np.einsum("jp,pq,jq->j", rows, covariance, rows)), rel=1e-9
    )
    assert found.partial == pytest.approx(rows @ fit.beta + fit.random[0].modes[:, 0], rel=1e-9)
    own, _ = least_squares(
        np.column_stack([indicators(data), data.x]), data.y.to_numpy(), np.ones(len(data))
    )
    assert found.none == pytest.approx(own[:-1], rel=1e-9)


def test_with_random_slopes_the_lines_are_compared_where_predictors_are_zero(
    data: pd.DataFrame,
) -> None:
    fit = engine.fit("y ~ x + (1 + x | g)", data)
    found, effects = pooling(fit, "g"), group_effects(fit, "g")
    assert found.partial == pytest.approx(effects.coefficients[:, 0], rel=1e-10)
    assert found.partial_std_error == pytest.approx(effects.coefficients_std_error[:, 0], rel=1e-8)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("y ~ x + (1 | g) + (1 | c)", "one grouping factor"),
        ("y ~ x + (0 + x | g)", "no intercepts"),
        ("y ~ 0 + x + (1 | g)", "no intercepts"),
        ("y ~ x + (1 | c)", "no such group"),
    ],
)
def test_what_cannot_be_compared_is_refused(data: pd.DataFrame, formula: str, said: str) -> None:
    fit = engine.fit(formula, data)
    with pytest.raises(SpecError, match=said):
        pooling(fit, "g")
