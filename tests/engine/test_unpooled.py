"""No pooling by the cross-products is least squares with the levels as fixed effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import engine

DATA = "tests/reference/data"
RADON = pd.read_csv("service/radon/data/minnesota-radon.csv", dtype={"county": str})
SLEEP = pd.read_csv(f"{DATA}/sleepstudy.csv", dtype={"Subject": str})


def test_the_intercepts_of_levels_alone_are_those_of_no_pooling() -> None:
    fit = engine.fit("log(radon + 0.1) ~ floor + log_uranium + (1 | county)", RADON)
    found = engine.unpooled(fit, "county")
    assert found.terms == ("(Intercept)",)
    np.testing.assert_allclose(found.coefficients[:, 0], engine.pooling(fit, "county").none)


def test_lines_of_levels_alone_are_a_regression_for_each_level() -> None:
    fit = engine.fit("Reaction ~ Days + (Days | Subject)", SLEEP)
    found = engine.unpooled(fit, "Subject")
    for level, own in zip(found.levels, found.coefficients, strict=True):
        rows = SLEEP[SLEEP.Subject == level]
        slope, intercept = np.polyfit(rows.Days, rows.Reaction, 1)
        np.testing.assert_allclose(own, [intercept, slope], rtol=1e-9)


def test_a_level_whose_rows_do_not_tell_has_no_line_of_its_own() -> None:
    fit = engine.fit("log(radon + 0.1) ~ floor + (1 + floor | county)", RADON)
    found = engine.unpooled(fit, "county")
    varies = RADON.groupby("county").floor.nunique().loc[list(found.levels)] > 1
    told = np.isfinite(found.coefficients).all(axis=1)
    np.testing.assert_array_equal(told, varies.to_numpy())
    silent = found.levels[int(np.argmin(told))]
    lines = engine.pooled_lines(fit, {"county": [silent] * 2, "floor": [0, 1]})
    assert np.isnan(lines.none).any()
    assert np.isfinite(lines.partial).all()


def test_the_three_ways_are_the_predictions_of_three_models() -> None:
    fit = engine.fit("log(radon + 0.1) ~ floor * log_uranium + (1 | county)", RADON)
    rows = RADON.iloc[::50]
    columns = {name: rows[name].tolist() for name in ("county", "floor", "log_uranium")}
    found = engine.pooled_lines(fit, columns)
    plain = {name: columns[name] for name in ("floor", "log_uranium")}
    complete = engine.fit("log(radon + 0.1) ~ floor * log_uranium", RADON)
    none = engine.fit("log(radon + 0.1) ~ 0 + county + floor + floor:log_uranium", RADON)
    np.testing.assert_allclose(found.complete, engine.predict(complete, plain).estimate)
    np.testing.assert_allclose(found.none, engine.predict(none, columns).estimate)
    np.testing.assert_allclose(found.partial, engine.predict(fit, columns).estimate)


def test_a_level_not_seen_has_no_line_without_pooling() -> None:
    fit = engine.fit("log(radon + 0.1) ~ floor + (1 | county)", RADON)
    found = engine.pooled_lines(fit, {"county": ["NOWHERE"], "floor": [0]})
    assert np.isnan(found.none).all()
    np.testing.assert_allclose(found.partial, fit.beta[0])


def test_lines_of_several_groups_are_not_compared() -> None:
    data = pd.read_csv(f"{DATA}/Penicillin.csv")
    fit = engine.fit("diameter ~ 1 + (1 | plate) + (1 | sample)", data)
    with pytest.raises(engine.SpecError, match="one grouping factor"):
        engine.pooled_lines(fit, {"plate": ["a"], "sample": ["A"]})


def test_means_of_levels_have_the_error_of_all_levels_together() -> None:
    fit = engine.fit("log(radon + 0.1) ~ floor + log_uranium + (1 | county)", RADON)
    found = engine.level_means(fit, "county")
    y = np.log(RADON.radon + 0.1)
    means = y.groupby(RADON.county).mean()
    within = np.square(y - means.loc[RADON.county].to_numpy()).sum() / (919 - 85)
    np.testing.assert_allclose(found.mean, means.loc[list(found.levels)])
    np.testing.assert_allclose(found.std_error, np.sqrt(within / found.n))
    assert found.terms == ("log_uranium",)
    uranium = RADON.groupby("county").log_uranium.first().loc[list(found.levels)]
    np.testing.assert_allclose(found.values[:, 0], uranium)


def test_a_group_without_intercepts_has_no_means() -> None:
    fit = engine.fit("log(radon + 0.1) ~ floor + (0 + floor | county)", RADON)
    with pytest.raises(engine.SpecError, match="no intercepts"):
        engine.level_means(fit, "county")
