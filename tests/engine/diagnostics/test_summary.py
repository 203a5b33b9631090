from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import engine
from engine import Shape, diagnose, diagnose_rows, row_diagnostics
from engine.diagnostics.shape import TESTED, spread_by_fitted, spread_by_level
from tests.engine.fits import fitted
from tests.engine.simulated import table
from tests.reference.cases import cases
from tests.reference.diagnosed import Diagnosed, diagnosed


@pytest.mark.parametrize("known", diagnosed(), ids=str)
def test_the_principal_components_are_those_of_lme4(known: Diagnosed) -> None:
    for found in diagnose(fitted(known.model)).principal_components:
        expected = np.atleast_1d(known.pca[found.group])
        assert found.std_dev == pytest.approx(expected, rel=2e-6)
        assert found.cumulative[-1] == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("known", cases()[:18], ids=str)
def test_the_shares_of_variance_add_up_and_make_the_icc(known: object) -> None:
    fit = fitted(str(known))
    found = diagnose(fit)
    assert sum(own.share for own in found.variance_partition) == pytest.approx(1.0, rel=1e-12)
    assert found.variance_partition[-1].group is None
    assert 1.0 - found.variance_partition[-1].share == pytest.approx(found.icc, rel=1e-9, abs=1e-12)


def test_the_share_of_a_slope_is_averaged_over_the_rows() -> None:
    data = table(8)
    fit = engine.fit("y ~ x + (1 + z || g)", data)
    intercept, slope, residual = diagnose(fit).variance_partition
    assert (intercept.terms, slope.terms, residual.terms) == (("(Intercept)",), ("z",), ())
    expected = fit.random[0].covariance[1, 1] * float(np.square(data.z).mean())
    assert slope.variance == pytest.approx(expected, rel=1e-9)


def test_no_variance_has_no_direction() -> None:
    (found,) = diagnose(fitted("dyestuff2")).principal_components
    assert found.std_dev.tolist() == [0.0]
    assert np.isnan(found.cumulative).all()
    assert diagnose(fitted("dyestuff2")).modes[0].shape.normality is None


def test_the_shape_of_values_is_that_of_scipy() -> None:
    values = np.random.default_rng(1).gamma(3.0, size=800)
    found = Shape.of(values)
    assert found.std_dev == pytest.approx(values.std(ddof=1))
    assert found.skewness == pytest.approx(stats.skew(values))
    assert found.kurtosis == pytest.approx(stats.kurtosis(values))
    assert found.normality is not None
    assert found.normality.statistic == pytest.approx(stats.shapiro(values).statistic)
    assert found.normality.p_value < 1e-6


def test_of_many_values_every_so_manieth_is_tested() -> None:
    values = np.random.default_rng(2).normal(size=12_345)
    found = Shape.of(values).normality
    assert found is not None
    assert found.n == len(values[::3]) <= TESTED


def test_few_or_constant_values_have_no_test() -> None:
    assert Shape.of(np.array([1.0, 2.0])).normality is None
    assert Shape.of(np.full(9, 0.1)).normality is None
    assert np.isnan(Shape.of(np.array([3.0])).std_dev)


def test_unequal_spread_by_level_is_levenes_test_about_medians() -> None:
    draw = np.random.default_rng(3)
    codes = np.repeat(np.arange(6), [5, 9, 1, 4, 12, 3])
    values = draw.normal(size=len(codes)) * (1.0 + codes)
    found = spread_by_level(values, codes)
    expected = stats.levene(*(values[codes == j] for j in (0, 1, 3, 4, 5)), center="median")
    assert found is not None
    assert (found.n, found.df) == (33, (4, 28))
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_spread_that_follows_the_fitted_values_is_seen() -> None:
    draw = np.random.default_rng(4)
    fitted_values = draw.normal(5.0, 1.0, 400)
    noise = draw.normal(size=400)
    even, uneven = (spread_by_fitted(noise * by, fitted_values) for by in (1.0, fitted_values))
    assert even is not None
    assert uneven is not None
    assert uneven.p_value < 1e-4 < even.p_value
    r = np.corrcoef(np.square(noise), fitted_values)[0, 1]
    assert even.statistic == pytest.approx(400 * r**2)
    assert spread_by_fitted(noise, np.ones(400)) is None


def test_the_rows_in_short_are_those_at_length() -> None:
    data = table(9)
    fit = engine.fit("y ~ x + (1 | g)", data)
    rows, found = row_diagnostics(fit, data), diagnose_rows(fit, data)
    assert found.leverage.total == pytest.approx(rows.leverage.sum())
    assert found.cooks_distance.rows[0] == int(np.argmax(rows.cooks_distance))
    assert found.cooks_distance.maximum == rows.cooks_distance.max()
    assert found.residuals.n == len(data)
    assert set(found.spread_by_level) == {"g"}
