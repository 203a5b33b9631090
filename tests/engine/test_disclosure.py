"""What a minimum count keeps out of a summary."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import engine
from engine import DataError, SpecError
from tests.engine.simulated import table


def rows() -> pd.DataFrame:
    """Six levels of 10 rows, in which two factors and a slope have room."""
    draw = np.random.default_rng(4)
    n = 60
    return pd.DataFrame(
        {
            "y": draw.normal(size=n),
            "x": draw.normal(size=n),
            "g": np.repeat(list("abcdef"), 10),
            "c": np.tile(["p", "q"], 30),
            "h": np.tile(np.repeat(["u", "v"], 5), 6),
            "b": np.tile([0, 0, 0, 1, 1], 12),
        }
    )


def refusal(formula: str, data: pd.DataFrame, min_count: int) -> str:
    with pytest.raises(DataError) as refused:
        engine.summarise(formula, data, min_count=min_count)
    (problem,) = refused.value.problems
    assert problem.code == "small_cells"
    assert problem.path == ("min_count",)
    return problem.detail


def test_cells_that_are_large_enough_change_nothing() -> None:
    checked = engine.summarise("y ~ x + c + (1 | g)", rows(), min_count=5)
    assert checked.min_count == 5
    assert checked.n_suppressed == 0
    plain = engine.summarise("y ~ x + c + (1 | g)", rows())
    assert engine.digest_of(plain + plain) != engine.digest_of(checked + checked)
    np.testing.assert_array_equal(checked.sums.products.mm, plain.sums.products.mm)


@pytest.mark.parametrize(
    ("formula", "min_count", "detail"),
    [
        ("y ~ x + (1 | g)", 11, "6 of g (60 of 60 rows)"),
        ("y ~ c + (1 | g)", 6, "12 of c x g (60 of 60 rows)"),
        ("y ~ c + (1 | g) + (1 | h)", 6, "12 of c x g, 12 of g x h (60 of 60 rows)"),
        ("y ~ x + (1 | g) + (1 | h)", 6, "12 of g x h (60 of 60 rows)"),
        ("y ~ x + (c | g)", 6, "12 of c x g (60 of 60 rows)"),
        ("y ~ b + (1 | g)", 5, "6 of b x g (24 of 60 rows)"),
        ("y ~ c + h", 16, "2 of c x h (24 of 60 rows)"),
        ("y ~ c", 31, "2 of c (60 of 60 rows)"),
    ],
)
def test_small_cells_are_counted_and_refused(formula: str, min_count: int, detail: str) -> None:
    found = refusal(formula, rows(), min_count)
    assert found == f"cells with fewer than {min_count} rows: {detail}"


def test_a_row_whose_outcome_follows_from_the_sums_is_refused() -> None:
    data = rows()
    data["x"] = 0.0
    data.loc[[3, 33], "x"] = [1.0, 2.0]  # in g = a the slope of x rests on row 3 alone
    assert "outcomes of 2 rows" in refusal("y ~ (x | g)", data, 2)
    # x'y is then the outcome of row 3 plus twice that of row 33: neither of them follows.
    engine.summarise("y ~ x + (1 | g)", data, min_count=2)
    data.loc[33, "x"] = 0.0
    assert "1 of x (1 of 60 rows)" in refusal("y ~ x", data, 2)


def test_two_rows_and_a_slope_tell_both_outcomes() -> None:
    data = rows()[:12]
    data["g"] = np.repeat(list("abcdef"), 2)
    assert "outcomes of 12 rows" in refusal("y ~ (x | g)", data, 2)
    engine.summarise("y ~ (1 | g)", data, min_count=2)


def test_suppressed_rows_are_left_out_and_counted() -> None:
    data = table(seed=3, n_levels=40, most_rows=9)
    sizes = data.g.map(data.g.value_counts())
    summary = engine.summarise("y ~ x + (1 | g)", data, min_count=4, suppress=True)
    assert summary.n_rows == int((sizes >= 4).sum())
    assert summary.n_suppressed == int((sizes < 4).sum())
    assert summary.sums.products.groups[0].rows.min() >= 4
    remaining = engine.fit("y ~ x + (1 | g)", data[sizes >= 4])
    np.testing.assert_allclose(engine.fit_summary(summary).beta, remaining.beta, rtol=1e-10)


def test_suppression_goes_on_until_no_cell_is_small() -> None:
    data = table(seed=3, n_levels=40, most_rows=9)
    data["k"] = np.arange(len(data)) % 7 // 2
    data["k"] = data["k"].astype(str)
    summary = engine.summarise("y ~ x + (1 | g) + (1 | k)", data, min_count=3, suppress=True)
    again = engine.read_summary(engine.write_summary(summary))
    assert (again.min_count, again.n_suppressed) == (3, len(data) - summary.n_rows)
    meeting = summary.sums.products.meetings[0]
    assert meeting.values.min() >= 3


def test_rows_that_miss_a_value_are_not_counted_in_a_cell() -> None:
    data = rows()
    data.loc[:6, "y"] = np.nan
    assert "1 of g (3 of 53 rows)" in refusal("y ~ x + (1 | g)", data, 5)
    left = engine.summarise("y ~ x + (1 | g)", data, min_count=5, suppress=True)
    assert (left.n_rows, left.n_dropped, left.n_suppressed) == (50, 7, 3)


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(DataError, match="no rows are left"):
        engine.summarise("y ~ x + (1 | g)", rows(), min_count=11, suppress=True)
    with pytest.raises(SpecError, match="less than 1"):
        engine.summarise("y ~ x + (1 | g)", rows(), min_count=0)


def test_merged_summaries_state_the_smaller_minimum() -> None:
    data = rows()
    parts = [
        engine.summarise("y ~ x + (1 | g)", own, min_count=count)
        for count, (_, own) in zip((3, 5), data.groupby("c"), strict=True)
    ]
    assert engine.merge(parts).min_count == 3
