"""Sums instead of rows: made apart, added, and fitted as the rows are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine import DataError, EngineError, Fit, SpecError, Summary
from tests.engine.fits import fitted
from tests.engine.simulated import Floats, table
from tests.reference.cases import case as known_case
from tests.reference.cases import cases, frame

WITHIN = 1e-9

MODELS: dict[str, dict[str, Any]] = {
    "y ~ x + (1 | g)": {},
    "y ~ c * x + (x | g)": {},
    "y ~ c + x + (c | g)": {"contrasts": {"c": "sum"}},
    "y ~ c * x + z + (1 | g) ": {"contrasts": {"c": "helmert"}, "method": "ML"},
    "y ~ 0 + c + x + (1 | g)": {},
    "y ~ 0 + x + (1 | g)": {},
    "y ~ 0 + c:x + (0 + x | g)": {},
    "y ~ x + u + (1 | g) + (x | h)": {},
    "y ~ x * h + (1 | c/g)": {"weights": "w"},
    "y ~ x + (x || g)": {"weights": "w"},
    "y ~ I(year - 1) * x + (1 | g)": {"offset": "z"},
    "y ~ x + I(2 * x) + factor(k) + k + (1 | g:h)": {},
    "y ~ year + (1 | k)": {"categorical": ["k"]},
    "y ~ c + x": {},
    "I(1e6 + y) ~ x + (1 | g) + (1 | h) + (1 | k)": {},
}


def data() -> pd.DataFrame:
    """Rows whose factors do not all occur in small parts of them."""
    rows = table(seed=3, n_levels=40, most_rows=9)
    draw = np.random.default_rng(5)
    rows["h"] = draw.choice(["fog", "hail", "rain", "sun"], len(rows), p=[0.02, 0.08, 0.3, 0.6])
    rows["k"] = draw.integers(1, 6, len(rows))
    rows["year"] = draw.integers(1990, 2026, len(rows))
    return rows


def summed(formula: str, rows: pd.DataFrame, options: dict[str, Any]) -> Summary:
    own = {key: value for key, value in options.items() if key not in {"method", "contrasts"}}
    return engine.summarise(formula, rows, **own)


def fit_of(summary: Summary, options: dict[str, Any]) -> Fit:
    own = {key: value for key, value in options.items() if key in {"method", "contrasts"}}
    return engine.fit_summary(summary, **own)


def distance(found: Floats, expected: Floats) -> float:
    """The largest difference, relative to the largest number unless that is tiny."""
    assert np.shape(found) == np.shape(expected)
    return float(np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-6))


def assert_same_fit(found: Fit, expected: Fit, within: float = WITHIN) -> None:
    assert found.coefficients == expected.coefficients
    assert found.dropped_terms == expected.dropped_terms
    assert found.n_rows == expected.n_rows
    assert found.n_dropped == expected.n_dropped
    np.testing.assert_allclose(found.std_errors, expected.std_errors, rtol=within)
    assert (np.abs(found.beta - expected.beta) <= within * expected.std_errors).all()
    np.testing.assert_allclose(found.sigma, expected.sigma, rtol=within)
    assert found.statistics.criterion == pytest.approx(expected.statistics.criterion, rel=within)
    for own, its in zip(found.random, expected.random, strict=True):
        assert own.group == its.group
        assert own.levels == its.levels
        assert own.rows.tolist() == its.rows.tolist()
        assert distance(own.covariance, its.covariance) < 10 * within
        assert distance(own.modes, its.modes) < 10 * within
        assert distance(own.conditional, its.conditional) < 10 * within


@pytest.mark.parametrize("formula", MODELS)
def test_summaries_of_parts_fit_as_all_rows(formula: str) -> None:
    rows, options = data(), MODELS[formula]
    site = np.random.default_rng(1).integers(0, 4, len(rows))
    parts = [summed(formula, rows[site == i], options) for i in range(4)]
    pooled = engine.fit(formula, rows, **options)
    assert_same_fit(fit_of(engine.merge(parts), options), pooled)


@pytest.mark.parametrize("name", [known.name for known in cases()])
def test_a_summary_of_every_reference_case_fits_as_its_rows(name: str) -> None:
    known = known_case(name)
    summary = engine.summarise(
        known.formula,
        frame(known),
        weights=known.weights,
        offset=known.offset,
        categorical=known.categorical,
    )
    found = engine.fit_summary(summary, method=known.method)
    assert_same_fit(found, fitted(name), 1e-7)


@settings(deadline=None, max_examples=15)
@given(
    st.sampled_from(["y ~ c + x + (1 | g)", "y ~ c * x + (x | g)", "y ~ x + (1 | g) + (1 | h)"]),
    st.integers(2, 7),
    st.integers(0, 2**32 - 1),
)
def test_parts_of_any_rows_merge_in_any_order_and_grouping(
    formula: str, n_parts: int, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    rows = data()
    site = draw.integers(0, n_parts, len(rows))
    rows.loc[rows.g < "level 00020", "x"] = 1.0  # nothing to sum within these levels
    parts = [engine.summarise(formula, own) for _, own in rows.groupby(site)]
    parts = [engine.read_summary(engine.write_summary(part)) for part in parts]
    while len(parts) > 1:  # two of those that remain, whichever, become one
        a, b = draw.choice(len(parts), 2, replace=False).tolist()
        both = parts[a] + parts[b]
        parts = [part for i, part in enumerate(parts) if i not in {a, b}] + [both]
    assert_same_fit(engine.fit_summary(parts[0]), engine.fit(formula, rows))


def test_sites_with_different_means_fit_as_their_rows_do() -> None:
    rows = data()
    rows["x"] += 1e4 * (rows["c"] == "red")
    rows["y"] += 1e4 * (rows["g"] > "level 00020")
    parts = [engine.summarise("y ~ x + c + (1 | g)", own) for _, own in rows.groupby("c")]
    # x differs by 1.5 within colours and by 5,000 over all: sums of squares keep 9 digits of that.
    expected = engine.fit("y ~ x + c + (1 | g)", rows)
    assert_same_fit(engine.fit_summary(engine.merge(parts)), expected, 1e-6)


def test_sums_about_zero_are_shifted_without_loss_when_they_are_exact() -> None:
    rows = data()
    rows["y"] = np.round(rows["y"] * 8) + 2.0**20  # whole numbers, far from zero: sums are exact
    summary = engine.summarise("y ~ year + (1 | g)", rows)
    expected = engine.fit("y ~ year + (1 | g)", rows)
    assert_same_fit(engine.fit_summary(read_back(unshifted(summary, rows))), expected)


def unshifted(summary: Summary, rows: pd.DataFrame) -> Document:
    """The document of ``y ~ year + (1 | g)`` as a query without centres would make it."""
    document = document_of(summary)
    m = np.column_stack([np.ones(len(rows)), rows["year"], rows["y"]])
    sums = pd.DataFrame(m).groupby(rows["g"].to_numpy()).sum()
    document["columns"] |= {"centre": [0, 0, 0], "scale": [1, 1, 1]}
    document["products"] = (m.T @ m).ravel().tolist()
    document["groups"][0]["zm"] = sums.to_numpy().ravel().tolist()
    return document


Document = dict[str, Any]


def document_of(summary: Summary) -> Document:
    found: Document = json.loads(engine.write_summary(summary))
    return found


def read_back(document: object) -> Summary:
    return engine.read_summary(json.dumps(document).encode())


def test_a_site_may_lack_levels_and_the_first_level_is_that_of_all() -> None:
    rows = data()
    red, others = rows[rows.c == "red"], rows[rows.c != "red"]
    both = engine.summarise("y ~ c + x + (1 | g)", red) + engine.summarise(
        "y ~ c + x + (1 | g)", others
    )
    assert engine.fit_summary(both).coefficients == ("(Intercept)", "cgreen", "cred", "x")
    assert_same_fit(engine.fit_summary(both), engine.fit("y ~ c + x + (1 | g)", rows))


def test_one_summary_serves_every_method_and_contrast() -> None:
    rows = data()
    summary = engine.summarise("y ~ c * x + (1 | g)", rows)
    for method in ("REML", "ML"):
        for coding in ("treatment", "sum", "helmert"):
            options: dict[str, Any] = {"method": method, "contrasts": {"c": coding}}
            expected = engine.fit("y ~ c * x + (1 | g)", rows, **options)
            assert_same_fit(fit_of(summary, options), expected)


def test_appended_rows_are_the_summary_of_the_part() -> None:
    rows = data()
    before, after = rows[:-20], rows[-20:]
    summary = engine.summarise("y ~ x + (x | g)", before)
    assert summary.appendable
    grown = summary + engine.summarise("y ~ x + (x | g)", after)
    assert_same_fit(engine.fit_summary(grown), engine.fit("y ~ x + (x | g)", rows))
    assert (grown.n_rows, summary.n_rows) == (len(rows), len(rows) - 20)


def test_learned_constants_must_be_shared() -> None:
    rows, formula = data(), "y ~ scale(x) + poly(z, 2) + (1 | g)"
    first, second = rows[:80], rows[80:]
    own = engine.summarise(formula, first)
    assert not own.appendable
    with pytest.raises(DataError, match="other constants") as refused:
        own + engine.summarise(formula, second)
    assert "constants" in refused.value.problems[0].hint
    shared = engine.summarise(formula, second, constants=own.constants)
    fit, pooled = engine.fit_summary(own + shared), engine.fit(formula, rows)
    # The columns are standardised otherwise; they span the same, so the model is the same.
    assert fit.sigma == pytest.approx(pooled.sigma, rel=1e-9)
    assert fit.statistics.log_likelihood != pytest.approx(pooled.statistics.log_likelihood)
    ml = [engine.fit_summary(own + shared, method="ML"), engine.fit(formula, rows, method="ML")]
    assert ml[0].statistics.criterion == pytest.approx(ml[1].statistics.criterion, rel=1e-10)
    with pytest.raises(SpecError, match="not among those given"):
        engine.summarise(formula, second, constants={})


def test_group_means_have_no_summary() -> None:
    with pytest.raises(SpecError, match="no means of groups"):
        engine.summarise("y ~ ave(x, g) + (1 | g)", data())


@pytest.mark.parametrize(
    ("formula", "options", "code"),
    [
        ("y ~ z + (1 | g)", {}, "different_models"),
        ("y ~ x + (1 | g)", {"weights": "w"}, "different_models"),
        ("y ~ x + (1 | g)", {"offset": "z"}, "different_models"),
        ("y ~ x + (1 | g)", {"categorical": ["x"]}, "different_kinds"),
    ],
)
def test_summaries_of_other_models_are_refused(
    formula: str, options: dict[str, Any], code: str
) -> None:
    rows = data()
    rows["x"] = rows["x"].round()
    with pytest.raises(EngineError) as refused:
        engine.merge(
            [engine.summarise("y ~ x + (1 | g)", rows), engine.summarise(formula, rows, **options)]
        )
    assert [problem.code for problem in refused.value.problems] == [code]


def test_nothing_merges_to_nothing() -> None:
    with pytest.raises(SpecError, match="no summaries"):
        engine.merge([])


@pytest.mark.parametrize("formula", [*MODELS, "y ~ scale(x) + poly(z, 3) + (1 | g)"])
def test_json_and_arrow_hold_the_same_without_loss(formula: str) -> None:
    summary = summed(formula, data(), MODELS.get(formula, {}))
    text, table_ = (engine.write_summary(summary, each) for each in ("json", "arrow"))
    for written in (text, table_):
        read = engine.read_summary(written)
        assert engine.write_summary(read, "json") == text
        assert engine.write_summary(read, "arrow") == table_
        assert engine.digest_of(read) == engine.digest_of(summary)


def test_levels_are_matched_by_their_columns_not_by_their_joined_name() -> None:
    rows = data()
    rows["c"] = np.where(rows.index % 2, "a", "a-b")  # sorts otherwise once ':' follows
    formula = "y ~ x + (1 | c:h)"
    parts = [engine.summarise(formula, rows[i::3]) for i in range(3)]
    assert_same_fit(engine.fit_summary(engine.merge(parts)), engine.fit(formula, rows))


def test_a_model_that_cannot_be_fitted_is_refused_as_its_rows_are() -> None:
    rows = data()
    for bad in (rows[rows.g == "level 00001"], rows.assign(y=1.0), rows.assign(y=2 * rows.x)):
        with pytest.raises(DataError) as by_rows:
            engine.fit("y ~ x + (1 | g)", bad)
        with pytest.raises(DataError) as by_sums:
            engine.fit_summary(engine.summarise("y ~ x + (1 | g)", bad))
        assert by_sums.value.problems == by_rows.value.problems


def test_a_factor_of_one_level_can_be_summed_but_not_fitted_alone() -> None:
    rows = data()
    red = engine.summarise("y ~ c + (1 | g)", rows[rows.c == "red"])
    with pytest.raises(DataError, match="only one level"):
        engine.fit_summary(red)
    assert red.levels == {"c": ("red",)}


def test_what_fits_of_sums_tell_agrees() -> None:
    """Tests and predictions, which read the fit alone, see no difference."""
    every = data()
    whole = engine.fit("y ~ c * x + (1 | g)", every)
    parts = [engine.summarise("y ~ c * x + (1 | g)", every[i::2]) for i in range(2)]
    sums = engine.fit_summary(engine.merge(parts))
    for own, its in zip(engine.fixed_effects(sums), engine.fixed_effects(whole), strict=True):
        assert own.df == pytest.approx(its.df, rel=1e-7)
        assert own.p_value == pytest.approx(its.p_value, rel=1e-6)
    new = {name: every[name].iloc[[3, 7]].tolist() for name in ("c", "x", "g")}
    found, expected = engine.predict(sums, new), engine.predict(whole, new)
    np.testing.assert_allclose(found.estimate, expected.estimate, rtol=1e-9)
    np.testing.assert_allclose(found.std_error, expected.std_error, rtol=1e-9)


def test_a_scan_is_summarised_as_the_table_that_it_reads() -> None:
    rows = data()
    scanned = engine.summarise("y ~ c * x + (1 | g)", pl.from_pandas(rows).lazy())
    assert engine.digest_of(scanned) == engine.digest_of(
        engine.summarise("y ~ c * x + (1 | g)", rows)
    )
