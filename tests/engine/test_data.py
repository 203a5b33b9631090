"""Bad input: each fault is told with its code, its place and how to mend it."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine
from engine import DataError, EngineError, FormulaError, LimitError, Problem, SpecError
from engine.spec import Spec

ROWS = 30
MODEL = "y ~ x + (1 | g)"


def plain(**changed: object) -> pd.DataFrame:
    """Thirty good rows, some columns changed."""
    draw = np.random.default_rng(0)
    columns = {
        "y": draw.standard_normal(ROWS),
        "x": draw.standard_normal(ROWS),
        "g": [f"g{i % 5}" for i in range(ROWS)],
        "c": ["a", "b", "c"] * 10,
        "w": draw.uniform(0.5, 2.0, ROWS),
    }
    return pd.DataFrame(columns | changed)


def at(row: int, value: object, column: str = "x") -> pd.DataFrame:
    """Good rows but for one value."""
    data = plain()
    values = data[column].astype(object)
    values[row] = value
    return data.assign(**{column: values.infer_objects()})


def refused(
    error: type[EngineError], formula: str, data: object, **options: object
) -> tuple[Problem, ...]:
    """The problems of a fit that is refused; each has a hint. Examining finds the same ones."""
    with pytest.raises(error) as caught:
        engine.fit(formula, data, **options)  # type: ignore[arg-type]  # wrong on purpose
    assert type(caught.value) is error
    problems = caught.value.problems
    assert all(problem.hint and problem.code and problem.path for problem in problems)
    if error is not FormulaError and "perfect_fit" not in {p.code for p in problems}:
        with suppress(SpecError):  # it tells of the options itself
            spec = Spec.of(formula, **options)  # type: ignore[arg-type]  # wrong on purpose
            assert engine.examine(spec, data).problems == problems
    return problems


def only(
    error: type[EngineError], formula: str, data: object, **options: object
) -> tuple[str, tuple[str | int, ...]]:
    """Code and path of the one problem of a fit that is refused."""
    (problem,) = refused(error, formula, data, **options)
    return problem.code, problem.path


# The specification and the columns


def test_all_unknown_columns_are_told_at_once_with_a_suggestion() -> None:
    problems = refused(
        SpecError,
        "yy ~ xx + log(zz) + (1 | gg)",
        plain(),
        weights="ww",
        offset="oo",
        categorical=["aa", "c"],
        contrasts={"dd": "sum"},
    )
    assert {(problem.code, *problem.path) for problem in problems} == {
        ("unknown_column", "formula"),
        ("unknown_column", "weights"),
        ("unknown_column", "offset"),
        ("unknown_column", "categorical", 0),
        ("unknown_column", "contrasts", "dd"),
    }
    details = [problem.detail for problem in problems]
    assert [d.split()[1] for d in details] == ["yy", "xx", "zz", "gg", "ww", "oo", "aa", "dd"]
    assert problems[0].hint.startswith("did you mean y? the columns are y, x, g, c, w")


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"method": "MAP"}, ("method",)),
        ({"missing": "ignore"}, ("missing",)),
        ({"contrasts": {"c": "poly"}}, ("contrasts", "c")),
        ({"contrasts": {"c": "contr.sum"}}, ("contrasts", "c")),
    ],
)
def test_an_unknown_option_is_refused(options: dict[str, object], path: tuple[str, ...]) -> None:
    assert only(SpecError, MODEL, plain(), **options) == ("unknown_option", path)


@pytest.mark.parametrize(
    "formula", ["", "y", "~ x", "y ~", "y ~ (1 | g", "y ~ __import__('os')", "y ~ (a+b)^100000000"]
)
def test_what_is_no_formula_is_refused_with_its_place(formula: str) -> None:
    with pytest.raises(FormulaError) as caught:
        engine.fit(formula, plain())
    (problem,) = caught.value.problems
    assert problem.path == ("formula",)
    assert caught.value.position is not None


@pytest.mark.parametrize("data", [{"y": [1.0, 2.0]}, [1, 2], None, plain()["y"]])
def test_what_is_no_table_is_refused(data: object) -> None:
    assert only(SpecError, "y ~ 1", data) == ("unknown_table", ("dataset",))


def test_a_table_without_columns_says_so() -> None:
    (problem,) = refused(SpecError, "y ~ 1", pd.DataFrame())
    assert problem.hint == "the data have no columns"


def test_column_names_that_stand_twice_are_refused() -> None:
    twice = pd.concat([plain(), plain()[["x"]]], axis=1)
    assert only(SpecError, MODEL, twice) == ("duplicate_column", ("dataset",))
    arrow = pa.table([pa.array([1.0, 2.0])] * 2, names=["y", "y"])
    assert only(SpecError, "y ~ 1", arrow) == ("duplicate_column", ("dataset",))


def test_columns_may_have_labels_that_are_no_text() -> None:
    data = plain().rename(columns={"y": 0, "x": 1.5, "g": ("a", "b")})
    found = engine.fit("`0` ~ `1.5` + (1 | `('a', 'b')`)", data)
    assert found.beta == pytest.approx(engine.fit(MODEL, plain()).beta)


# Kinds of values


@pytest.mark.parametrize(
    ("formula", "options", "path"),
    [
        ("c ~ x + (1 | g)", {}, ("formula",)),
        ("y ~ log(c) + (1 | g)", {}, ("formula",)),
        ("y ~ 1 + (1 + sqrt(c) | g)", {}, ("formula",)),
        (MODEL, {"weights": "c"}, ("weights",)),
        (MODEL, {"offset": "c"}, ("offset",)),
    ],
)
def test_text_where_a_number_is_needed_is_refused(
    formula: str, options: dict[str, object], path: tuple[str, ...]
) -> None:
    (problem,) = refused(DataError, formula, plain(), **options)
    assert (problem.code, problem.path) == ("not_numeric", path)
    assert "column c" in problem.detail


def test_all_columns_of_text_are_told_at_once() -> None:
    problems = refused(DataError, "log(c) ~ sqrt(g) + (1 | g)", plain(), weights="c")
    assert [problem.code for problem in problems] == ["not_numeric"] * 2


@pytest.mark.parametrize("column", ["x", "g"])
def test_a_column_of_mixed_kinds_is_refused(column: str) -> None:
    data = plain(**{column: [1, "a", 2.5] * 10})
    assert only(DataError, MODEL, data) == ("mixed_column", ("dataset",))


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(["2020-01-01", "2021-06-01", "2022-01-01"] * 10),
        pd.to_timedelta(range(ROWS), unit="D"),
        pd.period_range("2000", periods=ROWS, freq="D"),
        pd.interval_range(0, ROWS),
        [[1]] * ROWS,
        [{"a": 1}] * ROWS,
        [Decimal(i) for i in range(ROWS)],
        [10**30 + i for i in range(ROWS)],
        np.arange(ROWS) * 1j,
        pd.Series(["\ud800", "a"] * 15, dtype=object),
    ],
    ids=lambda values: type(values).__name__,
)
def test_values_that_are_neither_numbers_nor_text_are_refused(values: object) -> None:
    assert only(DataError, MODEL, plain(x=values)) == ("unsupported_column", ("dataset",))


@pytest.mark.parametrize("values", [[[1], [2]] * 15, [{"a": 1}, {"a": 2}] * 15])
def test_lists_and_records_are_no_levels(values: object) -> None:
    for formula in (MODEL, "y ~ factor(g)", "y ~ g"):
        code, path = only(DataError, formula, plain(g=values))
        assert (code, path) == ("unsupported_column", ("dataset",))


def test_a_null_among_the_categories_is_missing() -> None:
    plain_text = pa.Table.from_pandas(plain(g=[None, "a", "b"] * 10))
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2] * 10), pa.array([None, "a", "b"]))
    place = plain_text.column_names.index("g")
    for data in (plain_text, plain_text.set_column(place, "g", coded)):
        found = engine.fit(MODEL, data)
        assert (found.n_dropped, found.random[0].levels) == (10, ("a", "b"))


def test_dates_are_levels_of_a_group() -> None:
    when = pd.to_datetime(["2020-01-01", "2021-06-01", "2022-01-01"] * 10)
    assert engine.fit(MODEL, plain(g=when)).random[0].levels[0].startswith("2020-01-01")


def test_a_column_that_no_term_reads_may_hold_anything() -> None:
    data = plain(x2=[object()] * ROWS, when=pd.Timestamp("2020-01-01"))
    assert engine.fit(MODEL, data).n_rows == ROWS


# Values


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
@pytest.mark.parametrize(
    ("column", "options", "path"),
    [
        ("x", {}, ("formula",)),
        ("y", {}, ("formula",)),
        ("w", {"weights": "w"}, ("weights",)),
        ("w", {"offset": "w"}, ("offset",)),
    ],
)
def test_an_infinite_value_is_refused_with_its_row(
    value: float, column: str, options: dict[str, object], path: tuple[str, ...]
) -> None:
    (problem,) = refused(DataError, MODEL, at(4, value, column), **options)
    assert (problem.code, problem.path) == ("infinite_values", path)
    assert problem.detail.endswith("row 5")


def test_rows_are_counted_as_in_the_table_when_some_are_left_out() -> None:
    data = at(4, float("inf"))
    data.loc[[0, 2], "y"] = np.nan
    (problem,) = refused(DataError, MODEL, data)
    assert problem.detail.endswith("row 5")


@pytest.mark.parametrize(
    ("formula", "data"),
    [
        ("log(x) ~ 1 + (1 | g)", plain(x=np.arange(ROWS, dtype=float))),
        ("y ~ log(x) + (1 | g)", plain(x=np.arange(ROWS, dtype=float))),
        ("y ~ log(x) + (1 | g)", plain(x=np.arange(ROWS) - 0.5)),
        ("y ~ sqrt(x) + (1 | g)", plain(x=np.arange(ROWS) - 0.5)),
        ("y ~ I(1/x) + (1 | g)", plain(x=np.arange(ROWS, dtype=float))),
        ("y ~ 1 + (1 + log(x) | g)", plain(x=np.arange(ROWS, dtype=float))),
        ("y ~ I(exp(1000 - 999 * x)) + (1 | g)", plain(x=np.arange(ROWS, dtype=float))),
    ],
)
def test_an_expression_without_a_value_is_refused_with_its_row(
    formula: str, data: pd.DataFrame
) -> None:
    (problem,) = refused(DataError, formula, data)
    assert (problem.code, problem.path) == ("not_finite", ("formula",))
    assert problem.detail.endswith("row 1")
    assert ("log(x + 0.1)" in problem.hint) == ("log" in formula)


def test_scaling_a_constant_is_refused() -> None:
    assert only(DataError, "y ~ scale(x) + (1 | g)", plain(x=3.0)) == ("not_finite", ("formula",))


def test_a_polynomial_of_too_high_a_degree_is_refused() -> None:
    data = plain(x=np.arange(ROWS) % 3 * 1.0)
    code, path = only(DataError, "y ~ poly(x, 3) + (1 | g)", data)
    assert (code, path) == ("too_few_distinct_values", ("formula",))


@pytest.mark.parametrize("size", [1e-300, 1e200])
def test_a_polynomial_of_numbers_that_cannot_be_squared_is_refused(size: float) -> None:
    data = plain().assign(x=lambda d: d["x"] * size)
    assert only(DataError, "y ~ poly(x, 2) + (1 | g)", data) == ("not_finite", ("formula",))


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-200, 1e200])
def test_weights_that_are_not_positive_or_of_no_size_are_refused(value: float) -> None:
    assert only(DataError, MODEL, at(7, value, "w"), weights="w") == ("bad_weights", ("weights",))


@pytest.mark.parametrize("column", ["x", "y"])
@pytest.mark.parametrize("value", [1e101, -1e300])
def test_numbers_whose_squares_are_too_large_are_refused(column: str, value: float) -> None:
    (problem,) = refused(DataError, MODEL, at(7, value, column))
    assert (problem.code, problem.path) == ("too_large_values", ("formula",))
    assert problem.detail.endswith("row 8")


@pytest.mark.parametrize("size", [1e-60, 1e60])
def test_numbers_of_any_other_size_are_fitted(size: float) -> None:
    expected = engine.fit(MODEL, plain())
    found = engine.fit(MODEL, plain().assign(y=lambda d: d["y"] * size, x=lambda d: d["x"] / size))
    np.testing.assert_allclose(found.beta / [size, size * size], expected.beta, rtol=1e-9)


def test_answers_too_large_for_doubles_are_refused() -> None:
    data = plain().assign(y=lambda d: d["y"] * 1e90, x=lambda d: d["x"] / 1e90)
    for formula in (MODEL, "y ~ x", "y ~ 1 + (x | g)"):
        with pytest.raises(DataError) as caught:
            engine.fit(formula, data)
        assert caught.value.problems[0].code == "too_large_values"


def test_a_categorical_column_is_a_factor_whatever_it_holds() -> None:
    dates = pd.Categorical(pd.to_datetime(["2020-01-01", "2021-06-01", "2022-01-01"] * 10))
    for values, last in [(dates, "2022-01-01 00:00:00"), (pd.Categorical([7, 8, 9] * 10), "9")]:
        found = engine.fit(MODEL, plain(x=values))
        assert found.coefficients[-1] == f"x{last}"


def test_missing_values_are_dropped_and_counted_or_refused() -> None:
    data = at(4, np.nan)
    assert engine.fit(MODEL, data).n_dropped == 1
    (problem,) = refused(DataError, MODEL, data, missing="fail")
    assert (problem.code, problem.path) == ("missing_values", ("missing",))
    assert engine.fit(MODEL, plain(), missing="fail").n_dropped == 0


@pytest.mark.parametrize("value", [np.nan, None, pd.NA])
@pytest.mark.parametrize("column", ["y", "x", "g"])
def test_a_column_without_any_value_is_refused(value: object, column: str) -> None:
    assert only(DataError, MODEL, plain(**{column: value})) == ("no_rows", ("dataset",))


def test_rows_that_miss_a_value_each_in_another_column_are_no_rows() -> None:
    half = np.arange(ROWS) < 15
    data = plain().assign(x=lambda d: d["x"].where(half), y=lambda d: d["y"].where(~half))
    assert only(DataError, MODEL, data) == ("no_rows", ("dataset",))


@pytest.mark.parametrize(
    "data", [plain().head(0), pa.table({n: pa.array([], pa.float64()) for n in "yxg"})]
)
def test_a_table_without_rows_is_refused(data: object) -> None:
    assert only(DataError, MODEL, data) == ("no_rows", ("dataset",))


# What cannot be fitted


@pytest.mark.parametrize("value", [3.0, 0.0, 1e10, -1e-3])
def test_a_constant_response_is_refused(value: float) -> None:
    for formula in (MODEL, "y ~ x", "y ~ 1"):
        code, path = only(DataError, formula, plain(y=value))
        assert (code, path) == ("constant_response", ("formula",))


def test_a_response_that_the_offset_takes_away_is_constant() -> None:
    assert only(DataError, MODEL, plain(), offset="y") == ("constant_response", ("formula",))


@pytest.mark.parametrize("formula", [MODEL, "y ~ g + x", "y ~ x + (1 + x | g)"])
def test_a_factor_of_one_level_is_refused(formula: str) -> None:
    assert only(DataError, formula, plain(g="a")) == ("one_level", ("formula",))


def test_a_factor_may_lose_its_levels_with_the_rows_that_are_dropped() -> None:
    data = plain().assign(y=lambda d: d["y"].where(d["c"] == "a"))
    assert only(DataError, "y ~ c + (1 | g)", data) == ("one_level", ("formula",))


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        ("y ~ x + (1 | i)", "too_many_levels"),
        ("y ~ x + (1 | x)", "too_many_levels"),
        ("y ~ x + (1 | g:i)", "too_many_levels"),
        ("y ~ x + (x | h)", "too_many_effects"),
    ],
)
def test_more_effects_than_rows_are_refused(formula: str, code: str) -> None:
    data = plain(i=range(ROWS), h=np.arange(ROWS) // 2)
    assert only(DataError, formula, data) == (code, ("formula",))


def test_effects_are_counted_by_term_as_in_lme4() -> None:
    data = plain(h=np.minimum(np.arange(ROWS), 19))
    assert engine.fit("y ~ x + (x || h)", data).convergence.converged
    assert only(DataError, "y ~ x + (x | h)", data)[0] == "too_many_effects"


@pytest.mark.parametrize(
    ("formula", "n"), [("y ~ x + c", 4), ("y ~ x", 2), ("y ~ c + poly(x, 2)", 5), ("y ~ 0 + c", 3)]
)
def test_no_more_rows_than_coefficients_are_refused(formula: str, n: int) -> None:
    assert only(DataError, formula, plain().head(n)) == ("too_few_rows", ("formula",))


@pytest.mark.parametrize("formula", ["y ~ 0 + x", "y ~ 0"])
def test_a_model_without_a_column_is_refused(formula: str) -> None:
    with pytest.raises(EngineError) as caught:
        engine.fit(formula, plain(x=0.0))
    assert caught.value.problems[0].path == ("formula",)


@pytest.mark.parametrize(
    ("formula", "y"),
    [
        (MODEL, lambda d: 2.0 * d["x"] + 1.0),
        ("y ~ x", lambda d: 2.0 * d["x"] + 1.0),
        ("y ~ c", lambda d: d["c"].map({"a": 1.0, "b": 5.0, "c": 0.3})),
        (MODEL, lambda d: d["g"].str[1:].astype(float)),
        ("y ~ x + (1 | g)", lambda d: d["g"].str[1:].astype(float) * 1e6 + d["x"]),
    ],
)
def test_a_perfect_fit_is_refused(
    formula: str, y: Callable[[pd.DataFrame], "pd.Series[float]"]
) -> None:
    data = plain()
    data["y"] = y(data)
    assert only(DataError, formula, data) == ("perfect_fit", ("formula",))


def test_columns_that_say_nothing_new_are_dropped_and_named() -> None:
    data = plain(k=1.0)
    data["x2"] = 3.0 - 2.0 * data["x"]
    data["only"] = np.where(data["c"] == "a", "u", np.where(np.arange(ROWS) % 2 == 0, "u", "v"))
    assert engine.fit("y ~ k + x + x2 + (1 | g)", data).dropped_terms == ("k", "x2")
    assert engine.fit("y ~ x2 + x + I(x + x2)", data).dropped_terms == ("x", "I(x + x2)")
    assert engine.fit("y ~ c * only + (1 | g)", data).dropped_terms == ("cc:onlyv",)


def test_examining_tells_the_dimensions_of_a_good_model() -> None:
    found = engine.examine(Spec.of("y ~ x * c + (x | g)"), at(3, np.nan))
    assert found.problems == ()
    assert found.dimensions is not None
    dimensions = found.dimensions
    assert (dimensions.n_rows, dimensions.n_dropped, dimensions.n_parameters) == (29, 1, 10)
    assert dimensions.coefficients == ("(Intercept)", "x", "cb", "cc", "x:cb", "x:cc")
    assert dict(dimensions.groups) == {"g": 5}
    assert dict(dimensions.random_effects) == {"g": ("(Intercept)", "x")}


# Anything else

ODD = st.sampled_from(
    [
        *(0, 1, -1, 2.5, -0.0, 1e-300, 5e-324, 1e99, 1e300, 10**20, 2**53 + 1, True),
        *(float("inf"), float("nan"), None, pd.NA, "a", "", "0", "NA", "é"),
        *(Decimal(1), (1,), b"a", 1j),
    ]
)
COLUMNS = st.one_of(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=8, max_size=8),
    st.lists(st.floats(-10, 10), min_size=8, max_size=8),
    st.lists(st.integers(-3, 3), min_size=8, max_size=8),
    st.lists(st.sampled_from("abc"), min_size=8, max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.lists(st.one_of(st.none(), st.integers(0, 2)), min_size=8, max_size=8),
    st.lists(ODD, min_size=8, max_size=8),
)
FORMULAS = st.sampled_from(
    [
        "y ~ x",
        "y ~ 0 + x",
        "y ~ x + (1 | g)",
        "y ~ x * z + (x | g)",
        "y ~ (x || g)",
        "log(y) ~ poly(x, 2) + (1 | g)",
        "y ~ 0 + (1 | g)",
        "y ~ scale(x) + factor(z) + (1 | g)",
        "y ~ I(x^2) + (0 + x | g)",
        "y ~ x + (1 | g) + (1 | z)",
        "y ~ x + (1 | g/z)",
        "y ~ exp(x) + I(1/z)",
        "y ~ z:x + (z | g)",
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    formula=FORMULAS,
    columns=st.fixed_dictionaries(dict.fromkeys("yxzgw", COLUMNS)),
    method=st.sampled_from(["REML", "ML"]),
    weighted=st.booleans(),
    rows=st.integers(0, 8),
)
def test_no_table_raises_anything_but_the_engines_errors(
    formula: str, columns: dict[str, list[object]], method: str, weighted: bool, rows: int
) -> None:
    data = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    data = data.head(rows).infer_objects()
    try:
        found = engine.fit(formula, data, method=method, weights="w" if weighted else None)
    except (SpecError, DataError, LimitError) as error:
        problems = error.problems
    else:
        problems = ()
        assert found.n_rows + found.n_dropped == rows
        assert np.isfinite(found.beta).all()
        assert np.isfinite(found.covariance).all()
        assert np.isfinite(found.statistics.criterion)
        assert found.sigma > 0.0
        engine.display(found)
        engine.fixed_effects(found)
        for effects in found.random:
            engine.group_effects(found, effects.group)
        assert engine.to_bytes(engine.from_bytes(engine.to_bytes(found))) == engine.to_bytes(found)
    assert all(problem.code and problem.detail and problem.path for problem in problems)
