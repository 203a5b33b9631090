"""A fit of rows that came later, beside a fit of all rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import engine
from engine import DataError, Fit, RowsNeededError, SpecError

Form: TypeAlias = Callable[[pd.DataFrame], "pa.Table | pl.LazyFrame | pd.DataFrame"]

FORMS: dict[str, Form] = {
    "frame": lambda table: table,
    "arrow": lambda table: pa.Table.from_pandas(table, preserve_index=False),
    "scan": lambda table: pl.from_pandas(table).lazy(),
}
FORMULAS = [
    "y ~ x + (1 | g)",
    "log(y + 90) ~ x * c + (1 + x | g)",
    "y ~ 0 + c + x + (x || g)",
    "y ~ c + x:c + (1 | g) + (1 | h)",
    "y ~ factor(k) * c + (0 + c | h)",
    "y ~ x + (1 | h / g)",
    "y ~ x + c",
    "y ~ k + c + (1 | k:c) + (1 | g)",
]


def rows(n: int, seed: int, groups: int = 12, kinds: str = "abc", far: float = 0.0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    g, h = draw.integers(0, groups, n), draw.integers(0, 7, n)
    c = draw.choice(list(kinds), n)
    x = draw.normal(20.0 + far, 3.0, n)
    effects = np.random.default_rng(99)
    own, its = effects.normal(size=40), effects.normal(size=40)
    y = 0.3 * x + own[g] + its[h] + 2.0 * (c == "b") + 0.7 * draw.normal(size=n) - 6.0
    k, w = draw.integers(1, 4, n), draw.uniform(0.5, 2.0, n)
    table = pd.DataFrame({"y": y, "x": x, "g": [f"g{j:02d}" for j in g], "h": h, "c": c})
    return table.assign(k=k, w=w)


def both(before: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([before, later], ignore_index=True)


def assert_equal(found: Fit, wanted: Fit) -> None:
    assert (found.n_rows, found.n_dropped) == (wanted.n_rows, wanted.n_dropped)
    assert found.coefficients == wanted.coefficients
    assert [each.group for each in found.random] == [each.group for each in wanted.random]
    np.testing.assert_allclose(found.beta, wanted.beta, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.std_errors, wanted.std_errors, rtol=1e-9)
    np.testing.assert_allclose(found.sigma, wanted.sigma, rtol=1e-9)
    np.testing.assert_allclose(
        found.statistics.criterion, wanted.statistics.criterion, rtol=1e-10, atol=1e-9
    )
    for own, its in zip(found.random, wanted.random, strict=True):
        assert own.levels == its.levels
        np.testing.assert_array_equal(own.rows, its.rows)
        np.testing.assert_allclose(own.covariance, its.covariance, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(own.modes, its.modes, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("formula", FORMULAS)
def test_rows_that_came_later_give_the_fit_of_all_rows(formula: str, form: Form) -> None:
    before, later = rows(900, 1), rows(60, 2, groups=15, kinds="abcd", far=2.0)
    base = engine.fit(formula, before)
    found = engine.append(base, form(later))
    assert_equal(found, engine.fit(formula, both(before, later)))


def test_part_after_part_is_still_the_fit_of_all_rows() -> None:
    formula, all_rows = FORMULAS[3], rows(500, 1)
    fit = engine.fit(formula, all_rows)
    for seed in range(2, 12):
        part = rows(40, seed, groups=10 + seed, kinds="abcdef"[: 2 + seed // 3])
        fit, all_rows = engine.append(fit, part), both(all_rows, part)
    assert_equal(fit, engine.fit(formula, all_rows))


def test_a_fit_that_was_kept_as_bytes_can_be_appended_to() -> None:
    before, later = rows(400, 1), rows(30, 2, groups=14)
    base = engine.from_bytes(engine.to_bytes(engine.fit(FORMULAS[1], before)))
    assert_equal(engine.append(base, later), engine.fit(FORMULAS[1], both(before, later)))


def test_weights_and_offset_are_those_of_each_row() -> None:
    before, later = rows(400, 1), rows(30, 2)
    base = engine.fit("y ~ c + (1 | g)", before, weights="w", offset="x")
    wanted = engine.fit("y ~ c + (1 | g)", both(before, later), weights="w", offset="x")
    assert_equal(engine.append(base, later), wanted)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_rows_that_miss_a_value_are_left_out_and_counted(form: Form) -> None:
    before, later = rows(400, 1), rows(30, 2)
    before.loc[3:5, "x"] = np.nan
    later.loc[0:6, "c"] = None
    base = engine.fit("y ~ x + c + (1 | g)", before)
    found = engine.append(base, form(later))
    assert found.n_dropped == 10
    assert_equal(found, engine.fit("y ~ x + c + (1 | g)", both(before, later)))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_part_without_a_complete_row_only_counts(form: Form) -> None:
    before, later = rows(400, 1), rows(30, 2)
    later["x"] = np.nan
    base = engine.fit("y ~ x + (1 | g)", before)
    found = engine.append(base, form(later))
    assert (found.n_rows, found.n_dropped) == (400, 30)
    np.testing.assert_allclose(found.beta, base.beta, rtol=1e-12)


def test_the_other_criterion_needs_no_rows_at_all() -> None:
    table = rows(400, 1)
    base = engine.fit(FORMULAS[1], table)
    spec = engine.Spec.of(FORMULAS[1], method="ML")
    assert_equal(engine.append(base, None, spec), engine.fit(FORMULAS[1], table, method="ML"))


@pytest.mark.parametrize("call", ["scale(x)", "center(x)", "poly(x, 2)", "ave(x, g)"])
def test_constants_of_all_rows_need_all_rows(call: str) -> None:
    formula = f"y ~ {call} + (1 | g)"
    base = engine.fit(formula, rows(400, 1))
    assert engine.constants_of_rows(base.spec.formula) == (call,)
    with pytest.raises(RowsNeededError, match="are those of all rows"):
        engine.append(base, rows(30, 2))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_levels_that_change_the_contrasts_need_all_rows(form: Form) -> None:
    base = engine.fit("y ~ c + (1 | g)", rows(400, 1, kinds="bc"))
    with pytest.raises(RowsNeededError, match="new levels of c"):
        engine.append(base, form(rows(30, 2, kinds="abc")))
    summed = engine.fit("y ~ c + (1 | g)", rows(400, 1), contrasts={"c": "sum"})
    with pytest.raises(RowsNeededError, match="new levels of c"):
        engine.append(summed, form(rows(30, 2, kinds="abcd")))


def test_no_contrasts_change_while_the_levels_stay() -> None:
    before, later = rows(400, 1), rows(30, 2)
    base = engine.fit("y ~ c + (1 | g)", before, contrasts={"c": "helmert"})
    wanted = engine.fit("y ~ c + (1 | g)", both(before, later), contrasts={"c": "helmert"})
    assert_equal(engine.append(base, later), wanted)


def test_a_colon_in_a_level_of_nested_groups_needs_all_rows() -> None:
    before = rows(400, 1)
    base = engine.fit("y ~ x + (1 | h / g)", before)
    later = rows(30, 2).assign(g="g:1")
    with pytest.raises(RowsNeededError, match="colons"):
        engine.append(base, later)


def test_another_model_is_refused() -> None:
    base = engine.fit("y ~ x + (1 | g)", rows(400, 1))
    with pytest.raises(RowsNeededError, match="another model"):
        engine.append(base, rows(30, 2), engine.Spec.of("y ~ x + (x | g)"))


def test_a_column_of_another_kind_is_no_part() -> None:
    base = engine.fit("y ~ x + (1 | g)", rows(400, 1))
    with pytest.raises((RowsNeededError, DataError)):
        engine.append(base, rows(30, 2).assign(x="many"))
    with pytest.raises(SpecError, match="x is not in the data"):
        engine.append(base, rows(30, 2).drop(columns="x"))
