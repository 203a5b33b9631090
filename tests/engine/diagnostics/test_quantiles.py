from __future__ import annotations

import numpy as np
from scipy import stats

import engine


def test_normal_quantiles_are_those_of_ordered_values() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, 101)
    found = engine.normal_quantiles(values)
    np.testing.assert_array_equal(found.values, np.sort(values))
    np.testing.assert_array_equal(values[found.place], found.values)
    expected = stats.norm.ppf((np.arange(101) + 0.5) / 101)
    np.testing.assert_allclose(found.expected, expected, atol=1e-12)
    quartiles = np.quantile(values, (0.25, 0.75))
    np.testing.assert_allclose(
        found.intercept + found.slope * stats.norm.ppf((0.25, 0.75)), quartiles
    )


def test_a_selection_has_both_ends_and_the_places_of_the_whole() -> None:
    values = np.random.default_rng(2).normal(size=5000)
    whole, found = engine.normal_quantiles(values), engine.normal_quantiles(values, 50)
    assert (found.n, len(found.values)) == (5000, 50)
    assert found.values[0] == values.min()
    assert found.values[-1] == values.max()
    assert set(found.expected) <= set(whole.expected)


def test_the_band_covers_each_point_of_normal_samples_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    inside = 0
    for _ in range(400):
        found = engine.normal_quantiles(random.normal(size=40))
        # The band of the line that is known, in place of the one estimated.
        low = (found.lower - found.intercept) / found.slope
        high = (found.upper - found.intercept) / found.slope
        inside += int(((found.values > low) & (found.values < high)).sum())
    assert abs(inside / (400 * 40) - 0.95) < 0.01
