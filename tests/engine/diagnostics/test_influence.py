from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import engine
from engine import LimitError, SpecError, level_influence
from tests.engine.fits import close, fitted
from tests.engine.simulated import table
from tests.reference.cases import case, frame
from tests.reference.diagnosed import Diagnosed, diagnosed


@pytest.mark.parametrize("known", diagnosed(), ids=str)
def test_without_a_level_the_fit_is_that_of_lme4_to_the_other_rows(known: Diagnosed) -> None:
    fit = fitted(known.model)
    found = level_influence(fit, frame(case(known.model)), known.group)
    assert found.exact
    assert found.levels == known.levels
    close(found.coefficients, known.beta, 1e-6, known.se)
    close(found.sigma, known.sigma, 2e-6, known.sigma)
    close(found.std_dev, known.std_dev.reshape(found.std_dev.shape), 2e-6, known.sigma[:, None])
    close(found.dfbetas, (fit.beta - known.beta) / known.se, 2e-6, 1.0)
    distance = [own @ np.linalg.inv(fit.covariance) @ own for own in fit.beta - known.beta]
    close(found.cooks_distance, np.array(distance) / len(fit.beta), 5e-6, 1.0)


@pytest.fixture(scope="module")
def many() -> pd.DataFrame:
    return table(11, n_levels=260, most_rows=9)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_of_many_levels_beta_and_sigma_change_with_theta_as_it_is(
    many: pd.DataFrame, method: str
) -> None:
    fit = engine.fit("y ~ x + u + (1 + z | g)", many, method=method, weights="w")
    found = level_influence(fit, many, "g")
    assert not found.exact
    rest = many[many.g != found.levels[17]]
    x = np.column_stack([np.ones(len(rest)), rest.x, rest.u])
    z = np.column_stack([np.ones(len(rest)), rest.z])
    same = np.equal.outer(rest.g.to_numpy(), rest.g.to_numpy())
    between = fit.random[0].covariance / fit.sigma**2
    inverse = np.linalg.inv(same * (z @ between @ z.T) + np.diag(1.0 / rest.w))
    gram = x.T @ inverse @ x
    beta = np.linalg.solve(gram, x.T @ inverse @ rest.y)
    residual = (rest.y - x @ beta).to_numpy()
    count = len(rest) - (3 if method == "REML" else 0)
    sigma = np.sqrt(residual @ inverse @ residual / count)
    errors = sigma * np.sqrt(np.linalg.inv(gram).diagonal())
    assert found.coefficients[17] == pytest.approx(beta, rel=1e-9)
    assert found.sigma[17] == pytest.approx(sigma, rel=1e-9)
    assert found.dfbetas[17] == pytest.approx((fit.beta - beta) / errors, rel=1e-7)
    expected = np.sqrt(between.diagonal()) * sigma
    assert found.std_dev[17] == pytest.approx(expected, rel=1e-9)


def test_of_several_groups_the_step_is_the_same_as_of_one(many: pd.DataFrame) -> None:
    """With no variance by the second group the model is that of the first alone."""
    constant = many.assign(h=np.arange(len(many)) % 2)
    one = engine.fit("y ~ x + (1 | g)", constant)
    two = engine.fit("y ~ x + (1 | g) + (1 | h)", constant)
    assert two.theta[1] == 0.0
    a, b = level_influence(one, constant, "g"), level_influence(two, constant, "g")
    assert (a.exact, b.exact) == (False, False)
    assert a.coefficients == pytest.approx(b.coefficients, rel=1e-6)
    assert a.dfbetas == pytest.approx(b.dfbetas, rel=1e-4, abs=1e-7)


def test_what_the_rest_does_not_determine_is_not_a_number() -> None:
    data = table(4).assign(only=lambda own: np.where(own.g == "level 00003", own.x, 0.0))
    fit = engine.fit("y ~ x + only + (1 | g)", data)
    found = level_influence(fit, data, "g")
    assert np.isnan(found.coefficients[3]).tolist() == [False, False, True]
    assert np.isfinite(found.sigma[3])
    assert np.isfinite(np.delete(found.cooks_distance, 3)).all()


def test_two_levels_leave_one_and_no_variance_to_estimate() -> None:
    data = table(4, n_levels=2, most_rows=30)
    found = level_influence(engine.fit("y ~ x + (1 | g)", data), data, "g")
    assert np.isnan(found.coefficients).all()
    assert np.isnan(found.sigma).all()


def test_a_group_that_the_model_does_not_have_is_refused() -> None:
    data = table(4)
    with pytest.raises(SpecError, match="no such group"):
        level_influence(engine.fit("y ~ x + (1 | g)", data), data, "h")


def test_too_much_work_is_refused() -> None:
    known = case("insteval")
    with pytest.raises(LimitError, match="takes too long"):
        level_influence(fitted("insteval"), frame(known), "s")


@pytest.mark.parametrize("n_levels", [12, 260])
def test_without_fixed_effects_sigma_alone_changes(n_levels: int) -> None:
    data = table(5, n_levels=n_levels)
    fit = engine.fit("y ~ 0 + (1 | g)", data)
    found = level_influence(fit, data, "g")
    assert found.coefficients.shape == (n_levels, 0)
    assert np.isnan(found.cooks_distance).all()
    assert np.isfinite(found.sigma).all()
    rows = engine.row_diagnostics(fit, data)
    assert np.isnan(rows.cooks_distance).all()
    assert np.isfinite(rows.studentised).all()
