"""Models with few random effects in all: as one matrix, they are what elimination makes of them."""

from dataclasses import astuple
from functools import cache

import numpy as np
import pandas as pd
import pytest

import engine
from engine import Fit, forms
from engine.cholesky import triangular_inverse
from engine.crossed import CrossedCriterion
from engine.dense import DenseCriterion
from engine.optimum import minimise
from tests.engine.simulated import Floats, table
from tests.engine.test_criterion import CROSSED, Method, differences, model, thetas
from tests.reference.cases import case, frame

FORMULAS = [*CROSSED, "y ~ x + (1 | g) + (1 | h) + (1 | c)"]
every_formula = pytest.mark.parametrize("formula", FORMULAS)
every_method = pytest.mark.parametrize("method", ["REML", "ML"])


def both(formula: str, method: Method) -> tuple[DenseCriterion, CrossedCriterion]:
    """The criterion of a model in either form."""
    _, data, crossed = model(formula, method, "w")
    fit = engine.fit(formula, data, method=method, weights="w")
    dense = fit.at_optimum[0]
    assert isinstance(dense, DenseCriterion)
    assert isinstance(crossed, CrossedCriterion)
    return dense, crossed


def near(found: Floats, expected: Floats, relative: float = 1e-11) -> None:
    scale = max(0.01, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=relative * scale)


@every_formula
@every_method
def test_value_gradient_and_hessian_are_those_of_elimination(formula: str, method: Method) -> None:
    dense, crossed = both(formula, method)
    points = thetas(crossed)
    for theta, value, found in zip(
        points, dense.scan(np.array(points)), dense.several(np.array(points)), strict=True
    ):
        expected = crossed(theta)
        assert found is not None
        assert expected is not None
        assert found.value == pytest.approx(expected.value, rel=1e-13)
        assert value == pytest.approx(expected.value, rel=1e-13)
        assert dense.value_at(theta) == pytest.approx(expected.value, rel=1e-13)
        near(found.gradient, expected.gradient)
        near(found.hessian, expected.hessian)


@every_formula
@every_method
def test_the_factor_and_the_modes_are_those_of_elimination(formula: str, method: Method) -> None:
    dense, crossed = both(formula, method)
    for theta in thetas(crossed):
        own, other = dense.factorise(theta), crossed.factorise(theta)
        assert own is not None
        assert other is not None
        near(own.upper, other.upper, 1e-9)
        assert own.log_det == pytest.approx(other.log_det, rel=1e-12)
        beta = triangular_inverse(own.upper[:-1, :-1]) @ own.upper[:-1, -1]
        for found, expected in zip(dense.modes(own, beta), crossed.modes(other, beta), strict=True):
            near(found[0], expected[0])
            near(found[1], expected[1])


def test_the_gradient_is_that_of_the_value() -> None:
    dense, crossed = both("y ~ x + (x || g) + (z | h)", "REML")
    for theta in thetas(crossed):
        found = dense(theta)
        assert found is not None
        expected = differences(lambda at: np.asarray(dense.value_at(at)), theta)
        near(found.gradient, expected, 1e-7)


# Everything that is made of a fit


@cache
def fits(name: str) -> tuple[Fit, Fit]:
    """The same fit, its criterion in either form."""
    known = case(name)
    data = frame(known)
    out = []
    for most in (forms.MAX_DENSE, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(forms, "MAX_DENSE", most)
            fit = engine.fit(known.formula, data, method=known.method)
            assert isinstance(fit.at_optimum[0], CrossedCriterion) == (most == 0)
        out.append(fit)
    return out[0], out[1]


every_case = pytest.mark.parametrize("name", ["penicillin", "pastes", "oats", "cake_temp"])


@every_case
def test_both_forms_end_at_the_same_optimum(name: str) -> None:
    dense, crossed = fits(name)
    assert dense.statistics.criterion == pytest.approx(crossed.statistics.criterion, abs=1e-8)
    np.testing.assert_allclose(dense.theta, crossed.theta, rtol=1e-6)
    np.testing.assert_allclose(dense.beta, crossed.beta, rtol=1e-7)


@every_case
@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
def test_tests_are_the_same_in_both_forms(name: str, df: str) -> None:
    dense, crossed = fits(name)
    if df == "kenward-roger" and dense.spec.method == "ML":
        return
    for own, other in zip(
        engine.fixed_effects(dense, df=df), engine.fixed_effects(crossed, df=df), strict=True
    ):
        assert astuple(own)[1:] == pytest.approx(astuple(other)[1:], rel=1e-5)


@every_case
def test_predictions_are_the_same_in_both_forms(name: str) -> None:
    dense, crossed = fits(name)
    rows = frame(case(name)).head(7)
    columns = {each.name: rows[each.name].tolist() for each in engine.predictors(dense)}
    columns[dense.design.groupings[-1].columns[0]][0] = "not seen"
    own, other = (engine.predict(fit, columns, new_levels="population") for fit in (dense, crossed))
    np.testing.assert_allclose(own.estimate, other.estimate, rtol=1e-6)
    np.testing.assert_allclose(own.std_error, other.std_error, rtol=1e-5)


def test_a_profile_is_the_same_in_both_forms() -> None:
    dense, crossed = fits("penicillin")
    for own, other in zip(engine.profile(dense), engine.profile(crossed), strict=True):
        assert own.parameter == other.parameter
        assert (own.lower, own.upper) == pytest.approx((other.lower, other.upper), rel=1e-6)


# The ends of the scale


def test_a_factor_that_repeats_another_leaves_the_rank_to_the_data() -> None:
    data = table(seed=4)
    data["h"] = data["g"].str.upper()  # the same levels by another name
    fit = engine.fit("y ~ x + (1 | g) + (1 | h)", data)
    alone = engine.fit("y ~ x + (1 | g)", data)
    assert fit.convergence.converged
    assert fit.statistics.criterion == pytest.approx(alone.statistics.criterion, abs=1e-8)


@pytest.mark.parametrize("ratio", [1e-4, 1e-8])
def test_crossed_data_nearly_without_noise_keep_their_digits(ratio: float) -> None:
    draw = np.random.default_rng(3)
    rows, columns = np.divmod(np.arange(60), 6)
    noise = draw.standard_normal((10, 6))
    noise -= noise.mean(axis=0) + noise.mean(axis=1, keepdims=True) - noise.mean()
    y = draw.standard_normal(10)[rows] + draw.standard_normal(6)[columns]
    data = pd.DataFrame({"y": y + ratio**0.5 * noise.ravel(), "a": rows, "b": columns})
    fit = engine.fit("y ~ 1 + (1 | a) + (1 | b)", data)
    within = ratio * np.square(noise).sum() / (9 * 5)
    assert fit.sigma**2 == pytest.approx(within, rel=1e-10 + 1e-14 / ratio)
    assert fit.convergence.converged


def test_the_search_of_a_set_of_starts_ends_where_each_of_them_would() -> None:
    dense, crossed = both("y ~ x + (x | g) + (1 | h)", "REML")
    assert minimise(dense).value == pytest.approx(minimise(crossed).value, abs=1e-9)
