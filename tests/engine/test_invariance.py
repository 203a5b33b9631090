"""The answers do not depend on how the rows come: order, chunks, names, kinds, units."""

from collections.abc import Callable
from functools import cache, reduce
from operator import add

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import engine
from engine import Fit
from engine.crossproducts import CrossProducts
from engine.design import learn
from engine.fit import fit_products, fit_spec
from engine.frame import read
from engine.prepared import prepare
from engine.spec import Spec
from engine.sums import accumulate
from engine.table import Table
from tests.engine.simulated import Floats, table
from tests.reference.cases import case, frame

SAME = 1e-9

FORMULAS = [
    "y ~ x + c + (1 | g)",
    "y ~ x * c + (x | g)",
    "y ~ u + poly(x, 2) + (x + z || g)",
    "y ~ 0 + c + x + (0 + x | g)",
    "y ~ x * c",
]
every_formula = pytest.mark.parametrize("formula", FORMULAS)


@cache
def rows() -> pd.DataFrame:
    return table(seed=31, n_levels=20, most_rows=12, sd=(1.0, 0.8, 0.7))


@cache
def fitted(formula: str, weights: str | None = "w") -> Fit:
    return engine.fit(formula, rows(), weights=weights)


def assert_same(found: Fit, expected: Fit, rename: Callable[[str], str] = str) -> None:
    """All numbers agree to ``SAME`` of their errors; levels are matched by (renamed) name."""
    assert found.coefficients == expected.coefficients
    assert found.dropped_terms == expected.dropped_terms
    errors = expected.std_errors
    np.testing.assert_allclose(found.beta / errors, expected.beta / errors, rtol=0, atol=SAME)
    np.testing.assert_allclose(found.std_errors, errors, rtol=SAME)
    scale = np.outer(errors, errors)
    np.testing.assert_allclose(found.covariance / scale, expected.covariance / scale, atol=SAME)
    np.testing.assert_allclose(found.theta, expected.theta, rtol=SAME, atol=SAME)
    assert found.sigma == pytest.approx(expected.sigma, rel=SAME)
    for name in ("criterion", "aic", "bic", "deviance", "dic"):
        own, other = getattr(found.statistics, name), getattr(expected.statistics, name)
        assert own == pytest.approx(other, rel=SAME)
    dfs = [[row.df for row in engine.fixed_effects(each)] for each in (found, expected)]
    np.testing.assert_allclose(np.array(dfs[0], float), np.array(dfs[1], float), rtol=100 * SAME)
    for own_effects, other_effects in zip(found.random, expected.random, strict=True):
        order = [own_effects.levels.index(rename(level)) for level in other_effects.levels]
        assert sorted(order) == list(range(len(own_effects.levels)))
        sd = np.sqrt(other_effects.covariance.diagonal()) + found.sigma
        modes = own_effects.modes[order]
        np.testing.assert_allclose(modes / sd, other_effects.modes / sd, atol=SAME)
        np.testing.assert_array_equal(own_effects.rows[order], other_effects.rows)


# The order of rows, and how many are read at once


@every_formula
@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(len(rows()))))
def test_the_order_of_the_rows_does_not_matter(formula: str, order: list[int]) -> None:
    found = engine.fit(formula, rows().iloc[order], weights="w")
    assert_same(found, fitted(formula))


@every_formula
@pytest.mark.parametrize("chunk_rows", [1, 2, 3, 7, 40, 10_000])
def test_the_size_of_the_chunks_does_not_matter(formula: str, chunk_rows: int) -> None:
    found = fit_spec(Spec.of(formula, weights="w"), rows(), chunk_rows=chunk_rows)
    assert_same(found, fitted(formula))


def test_a_first_chunk_unlike_the_rest_costs_no_digits() -> None:
    # The pilots come from the first chunk: here years near 1900, then near 2000.
    data = rows().assign(year=lambda d: np.where(np.arange(len(d)) < 5, 1900.0, 2000.0 + d["x"]))
    spec = Spec.of("y ~ year + (year | g)")
    assert_same(fit_spec(spec, data, chunk_rows=4), fit_spec(spec, data))


# Sums of parts


def sums(formula: str, data: pd.DataFrame, whole: pd.DataFrame) -> CrossProducts:
    """Cross-products of some rows by the design that all rows have."""
    spec = Spec.of(formula, weights="w")
    design = learn(spec, read(spec, Table.of(whole)))
    return accumulate(design, read(spec, Table.of(data)), "w")


@pytest.mark.parametrize(
    "formula", ["y ~ x + c + (1 | g)", "y ~ x + (x | g)", "y ~ x + (x | g) + (1 | h)"]
)
@pytest.mark.parametrize("swapped", [False, True])
def test_cross_products_of_parts_add_up_to_those_of_all_rows(formula: str, swapped: bool) -> None:
    # The other part has the same values, and so the same pilots, but only some of the levels.
    one = rows().assign(h=lambda d: (np.arange(len(d)) % 7).astype(str))
    place = {"level 00003": "a new one", "level 00007": "level 00008", "level 00019": "z"}
    two = one.assign(g=one["g"].replace(place), h=one["h"].replace({"3": "8", "0": "6"}))
    both = pd.concat([two, one] if swapped else [one, two], ignore_index=True)
    first, second = sums(formula, one, both), sums(formula, two, both)
    assert first.groups[0].levels != second.groups[0].levels
    spec = Spec.of(formula, weights="w")
    prepared = prepare(spec, both, chunk_rows=len(one))
    total = second + first if swapped else first + second
    assert total.n == prepared.products.n
    for own, other in zip(total.groups, prepared.products.groups, strict=True):
        assert own.levels == other.levels
        np.testing.assert_array_equal(own.rows, other.rows)
    assert_same(fit_products(replace(prepared, products=total)), fit_products(prepared))


def test_sums_add_in_any_order() -> None:
    pieces = [rows().assign(g=rows()["g"] + suffix) for suffix in ("", " b", "", " a")]
    whole = pd.concat(pieces, ignore_index=True)
    parts = [sums("y ~ x + (x | g)", piece, whole) for piece in pieces]
    prepared = prepare(Spec.of("y ~ x + (x | g)", weights="w"), whole, chunk_rows=len(rows()))
    expected = fit_products(prepared)
    for order in [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)]:
        total = reduce(add, [parts[i] for i in order])
        assert_same(fit_products(replace(prepared, products=total)), expected)


def test_sums_with_other_pilots_do_not_add() -> None:
    one, two = rows(), rows().assign(x=lambda d: d["x"] + 1.0)
    first, second = (sums("y ~ x + (x | g)", each, one) for each in (one, two))
    with pytest.raises(ValueError, match="pilots"):
        first + second


# Names and kinds of columns


@every_formula
def test_the_names_and_the_order_of_levels_do_not_matter(formula: str) -> None:
    levels = sorted(set(rows()["g"]))
    turned = dict(zip(levels, [f"{99 - i}!" for i in range(len(levels))], strict=True))
    found = engine.fit(formula, rows().assign(g=rows()["g"].map(turned)), weights="w")
    assert_same(found, fitted(formula), turned.__getitem__)
    if found.random:
        assert list(found.random[0].levels) == sorted(turned.values())


def as_categorical(data: pd.DataFrame) -> pd.DataFrame:
    backwards = sorted(set(data["g"]), reverse=True)
    return data.assign(
        c=data["c"].astype("category"),
        g=pd.Categorical(data["g"], categories=["unused", *backwards]),
    )


KINDS: dict[str, Callable[[pd.DataFrame], pd.DataFrame | pa.Table]] = {
    "categorical": as_categorical,
    "python strings": lambda d: d.assign(c=d["c"].astype(object), g=d["g"].astype(object)),
    "string dtype": lambda d: d.assign(c=d["c"].astype("string"), g=d["g"].astype("string")),
    "nullable numbers": lambda d: d.convert_dtypes(),
    "another index": lambda d: d.set_index(np.arange(len(d))[::-1] * 3),
    "more columns": lambda d: d.assign(extra=pd.Timestamp("1990-01-01")),
    "columns turned": lambda d: d[list(d.columns[::-1])],
    "arrow": lambda d: pa.Table.from_pandas(d, preserve_index=False),
    "arrow dictionaries": lambda d: pa.Table.from_pandas(as_categorical(d), preserve_index=False),
    "arrow in pieces": lambda d: pa.concat_tables(
        [pa.Table.from_pandas(d.iloc[a : a + 9], preserve_index=False) for a in range(0, len(d), 9)]
    ),
    "arrow dictionaries in pieces": lambda d: pa.concat_tables(
        [
            pa.Table.from_pandas(as_categorical(d.iloc[a : a + 9]), preserve_index=False)
            for a in range(0, len(d), 9)
        ]
    ),
    "arrow large strings": lambda d: pa.Table.from_pandas(d, preserve_index=False).cast(
        pa.schema([(n, pa.large_string() if n in "cg" else pa.float64()) for n in d.columns])
    ),
    "arrow slice": lambda d: pa.Table.from_pandas(
        pd.concat([d.head(3), d, d.head(2)]), preserve_index=False
    ).slice(3, len(d)),
}


@every_formula
@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_table_does_not_matter(formula: str, kind: str) -> None:
    assert_same(engine.fit(formula, KINDS[kind](rows()), weights="w"), fitted(formula))


def test_numbers_that_are_levels_are_the_levels_their_text_is() -> None:
    whole = rows().assign(k=lambda d: np.arange(len(d)) % 5 + 8, half=lambda d: d["k"] / 2)
    text = whole.assign(k=whole["k"].astype(str), half=[f"{h:g}" for h in whole["half"]])
    for data in (
        whole,
        whole.assign(k=whole["k"].astype("int8")),
        whole.assign(k=whole["k"].astype(float)),
        whole.assign(k=whole["k"].astype("Int64")),
        pa.Table.from_pandas(whole),
    ):
        found = engine.fit("y ~ x + k + (1 | half)", data, categorical=["k"])
        assert found.coefficients == ("(Intercept)", "x", "k11", "k12", "k8", "k9")
        assert found.random[0].levels == ("4", "4.5", "5", "5.5", "6")
        assert_same(found, engine.fit("y ~ x + k + (1 | half)", text))


def test_truth_values_are_a_factor_of_two_levels_and_numbers_in_arithmetic() -> None:
    flag = np.arange(len(rows())) % 3 == 0
    text = rows().assign(b=np.where(flag, "TRUE", "FALSE"))
    expected = engine.fit("y ~ b + (1 | g)", text)
    assert expected.coefficients == ("(Intercept)", "bTRUE")
    for column in (flag, pd.array(flag.tolist(), dtype="boolean"), flag.astype(object)):
        data = rows().assign(b=column)
        assert_same(engine.fit("y ~ b + (1 | g)", data), expected)
        own = engine.fit("y ~ I(2 * b) + (1 | g)", data)
        assert own.beta[1] == pytest.approx(expected.beta[1] / 2.0)
    assert_same(engine.fit("y ~ b + (1 | g)", pa.Table.from_pandas(data)), expected)


def test_whole_numbers_of_any_width_are_numbers() -> None:
    data = rows().assign(n=lambda d: np.arange(len(d)) % 11)
    expected = engine.fit("y ~ n + (1 | g)", data.assign(n=data["n"].astype(float)))
    for dtype in ("int8", "uint16", "int64", "Int32", "float32"):
        assert_same(engine.fit("y ~ n + (1 | g)", data.assign(n=data["n"].astype(dtype))), expected)


def test_missing_values_of_every_kind_are_left_out_alike() -> None:
    gone = np.arange(len(rows())) % 9 == 4
    expected = engine.fit("y ~ x + c + (1 | g)", rows()[~gone])
    masked = rows()["x"].astype("Float64").mask(gone)
    for data in (
        rows().assign(x=np.where(gone, np.nan, rows()["x"])),
        rows().assign(x=masked),
        rows().assign(c=rows()["c"].astype(object).mask(gone, None)),
        rows().assign(g=rows()["g"].astype("category").where(~gone)),
        pa.Table.from_pandas(rows().assign(x=masked)),
        pa.Table.from_pandas(rows().assign(g=rows()["g"].where(~gone).astype("category"))),
    ):
        found = engine.fit("y ~ x + c + (1 | g)", data)
        assert (found.n_rows, found.n_dropped) == (int((~gone).sum()), int(gone.sum()))
        assert_same(found, expected)


# Units


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("formula", ["y ~ x + c + (1 | g)", "y ~ x * c + (x | g)"])
@pytest.mark.parametrize(("shift", "factor"), [(0.0, 7.0), (-40.0, 1.0), (3.0, -0.01)])
def test_an_affine_change_of_a_predictor_changes_its_coefficients_only(
    method: str, formula: str, shift: float, factor: float
) -> None:
    before = engine.fit(formula, rows(), method=method)
    after = engine.fit(formula, rows().assign(x=shift + factor * rows()["x"]), method=method)
    assert after.sigma == pytest.approx(before.sigma, rel=SAME)
    n_scaled = sum("x" in name for name in before.coefficients)
    moved = 2.0 * n_scaled * np.log(abs(factor)) if method == "REML" else 0.0
    assert after.statistics.criterion == pytest.approx(before.statistics.criterion + moved)
    assert after.statistics.deviance == pytest.approx(before.statistics.deviance, rel=SAME)
    i = before.coefficients.index("x")
    assert after.beta[i] * factor == pytest.approx(before.beta[i], rel=SAME)
    assert after.std_errors[i] * abs(factor) == pytest.approx(before.std_errors[i], rel=SAME)
    one, other = (engine.fixed_effects(each)[i].df for each in (before, after))
    assert other == pytest.approx(one, rel=100 * SAME)
    # The random slopes: G in the new units is that of the old ones, carried over.
    if before.random[0].terms == ("(Intercept)", "x"):
        carried = np.array([[1.0, -shift / factor], [0.0, 1.0 / factor]])
        expected = carried @ before.random[0].covariance @ carried.T
        unit = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
        np.testing.assert_allclose(after.random[0].covariance / unit, expected / unit, atol=SAME)
    assert_same_lines(after, before, lambda x: shift + factor * x)


def assert_same_lines(
    found: Fit, expected: Fit, change: Callable[[Floats], Floats], level: str = "g"
) -> None:
    """The lines of every level and of a new one agree, with their errors."""
    x = np.linspace(-1.0, 4.0, 21)
    levels = [*expected.random[0].levels, "new"][:21]
    x = x[: len(levels)]
    asked = {"c": ["red"] * len(x), level: levels}
    names = {each.name for each in engine.predictors(expected)}
    own, other = (
        engine.predict(fit, {n: v for n, v in (asked | {"x": values}).items() if n in names})
        for fit, values in ((found, change(x)), (expected, x))
    )
    unit = other.prediction_std_error
    np.testing.assert_allclose(own.estimate / unit, other.estimate / unit, rtol=0, atol=10 * SAME)
    np.testing.assert_allclose(own.std_error, other.std_error, rtol=10 * SAME)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize(("shift", "factor"), [(0.0, 1e4), (-3e3, 1.0), (5.0, -1e-3)])
def test_a_change_of_the_responses_unit_changes_the_unit_of_the_answers_only(
    method: str, shift: float, factor: float
) -> None:
    formula = "y ~ x + c + (x | g)"
    before = engine.fit(formula, rows(), method=method)
    after = engine.fit(formula, rows().assign(y=shift + factor * rows()["y"]), method=method)
    np.testing.assert_allclose(after.theta, before.theta, rtol=10 * SAME, atol=SAME)
    assert after.sigma == pytest.approx(before.sigma * abs(factor), rel=SAME)
    np.testing.assert_allclose(after.std_errors, before.std_errors * abs(factor), rtol=SAME)
    expected = before.beta * factor + shift * np.eye(len(before.beta))[0]
    np.testing.assert_allclose(after.beta, expected, rtol=SAME, atol=SAME * after.std_errors.max())
    n = before.n_rows - (len(before.beta) if method == "REML" else 0)
    moved = before.statistics.criterion + 2.0 * n * np.log(abs(factor))
    assert after.statistics.criterion == pytest.approx(moved, rel=SAME)
    assert after.statistics.r_squared_conditional == pytest.approx(
        before.statistics.r_squared_conditional, rel=SAME
    )


# Columns far from zero: a year near 2000, a response near a million


@cache
def survey() -> pd.DataFrame:
    """The radon survey with a made-up year of each test."""
    data = frame(case("radon_slope"))
    draw = np.random.default_rng(5)
    data["t"] = draw.integers(-12, 13, len(data)).astype(float)
    trend = dict(zip(sorted(set(data["county"])), draw.normal(0.0, 0.1, 85), strict=True))
    data["log_radon"] += data["t"] * data["county"].map(trend)
    data["year"], data["million"] = 2000.0 + data["t"], 1e6 + data["log_radon"]
    return data


@pytest.mark.parametrize(
    ("far", "near"),
    [
        ("million ~ year + floor + (1 | county)", "log_radon ~ t + floor + (1 | county)"),
        ("million ~ year + floor + (year | county)", "log_radon ~ t + floor + (t | county)"),
        ("million ~ floor + (0 + year | county) + (1 | county)", None),
        ("million ~ year * floor + (1 | county)", "log_radon ~ t * floor + (1 | county)"),
    ],
)
def test_years_near_2000_and_a_response_near_a_million_lose_nothing(
    far: str, near: str | None
) -> None:
    found = engine.fit(far, survey())
    expected = engine.fit(near or far.replace("million", "log_radon"), survey())
    if near is None:  # an uncorrelated slope on the year is another model: only the response moves
        assert found.statistics.criterion == pytest.approx(expected.statistics.criterion, abs=1e-7)
        np.testing.assert_allclose(found.std_errors, expected.std_errors, rtol=1e-7)
        return
    assert found.sigma == pytest.approx(expected.sigma, rel=SAME)
    assert found.statistics.criterion == pytest.approx(expected.statistics.criterion, abs=1e-7)
    assert found.statistics.deviance == pytest.approx(expected.statistics.deviance, abs=1e-7)
    for i, name in enumerate(found.coefficients):
        if name == "(Intercept)" or (name == "floor" and "year:floor" in found.coefficients):
            continue  # at the year 0, the other in the year 2000
        assert found.beta[i] == pytest.approx(expected.beta[i], rel=1e-8)
        assert found.std_errors[i] == pytest.approx(expected.std_errors[i], rel=SAME)
        one, other = (engine.fixed_effects(each)[i].df for each in (found, expected))
        assert one == pytest.approx(other, rel=1e-6)
    houses: dict[str, list[object]] = {"county": ["AITKIN", "STLOUIS", "NEW"], "floor": [0, 1, 0]}
    own = engine.predict(found, houses | {"year": [1995, 2003, 2020]})
    same = engine.predict(expected, houses | {"t": [-5, 3, 20]})
    # A double near a million holds 1e-10: the response itself is rounded by that.
    np.testing.assert_allclose(own.estimate - 1e6, same.estimate, rtol=0, atol=1e-9)
    np.testing.assert_allclose(own.std_error, same.std_error, rtol=10 * SAME)


def test_a_random_slope_on_the_year_has_the_covariance_of_the_centred_one() -> None:
    found = engine.fit("million ~ year + (year | county)", survey())
    centred = engine.fit("log_radon ~ t + (t | county)", survey())
    assert not centred.convergence.boundary
    carried = np.array([[1.0, -2000.0], [0.0, 1.0]])
    covariance = carried @ centred.random[0].covariance @ carried.T
    np.testing.assert_allclose(found.random[0].covariance, covariance, rtol=1e-7)
    root = np.linalg.cholesky(covariance) / centred.sigma
    np.testing.assert_allclose(found.theta, [root[0, 0], root[1, 0], root[1, 1]], rtol=1e-6)


@pytest.mark.parametrize("random", ["", " + (1 | county)", " + (year | county)"])
def test_without_an_intercept_the_levels_of_a_factor_hold_the_constant(random: str) -> None:
    data = survey().assign(zone=lambda d: np.where(d["log_uranium"] > 0, "high", "low"))
    found = engine.fit(f"million ~ 0 + zone + year{random}", data)
    expected = engine.fit(f"log_radon ~ 0 + zone + t{random.replace('year', 't')}", data)
    assert found.sigma == pytest.approx(expected.sigma, rel=SAME)
    assert found.statistics.criterion == pytest.approx(expected.statistics.criterion, abs=1e-7)
    assert found.beta[2] == pytest.approx(expected.beta[2], rel=1e-8)
    assert found.std_errors[2] == pytest.approx(expected.std_errors[2], rel=SAME)
    np.testing.assert_allclose(
        found.beta[:2] + 2000.0 * found.beta[2] - 1e6, expected.beta[:2], rtol=0, atol=1e-8
    )


def test_no_pooling_at_all_keeps_the_digits_of_a_year() -> None:
    data = survey()
    found = engine.fit("million ~ 0 + county + year", data)
    expected = engine.fit("log_radon ~ 0 + county + t", data)
    assert len(found.beta) == 86
    assert found.sigma == pytest.approx(expected.sigma, rel=SAME)
    np.testing.assert_allclose(
        found.beta[:85] + 2000.0 * found.beta[85] - 1e6, expected.beta[:85], rtol=0, atol=1e-8
    )
