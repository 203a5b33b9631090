"""A scan of files gives what the same rows in memory give, however it is cut into batches."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine import EngineError, Fit, ParquetRows, Problem, Scan, levels, scan_parquet
from engine.batches import Reader, sums_tell
from engine.crossproducts import CrossProducts
from engine.fit import fit_spec
from engine.keys import Keys
from engine.prepared import prepare
from engine.spec import Spec
from tests.engine.simulated import Floats, table
from tests.engine.test_invariance import assert_same
from tests.reference.cases import Case, cases, frame

Write = Callable[[pl.DataFrame, Path], Scan]


@cache
def rows() -> pd.DataFrame:
    """A table with two more groups, whole numbers, a boolean, an offset, and missing values."""
    draw = np.random.default_rng(5)
    data = table(seed=8, n_levels=20, most_rows=12)
    n = len(data)
    data = data.assign(
        h=[f"h{i % 7}" for i in range(n)],
        k=draw.integers(-3, 4, n),
        b=draw.random(n) < 0.4,
        o=draw.normal(size=n),
        pos=draw.uniform(0.5, 9.0, n),
        year=2000.0 + draw.integers(0, 9, n),
        big=1e6 + data["y"],
    )
    for name in ("x", "y", "c", "g", "w"):
        data.loc[draw.integers(0, n, 3), name] = None
    return data


def lazy(data: pd.DataFrame) -> pl.LazyFrame:
    return pl.from_pandas(data).lazy()


def scanned(spec: Spec, data: Scan, batch: int = 16) -> Fit:
    return fit_spec(spec, data, chunk_rows=batch)


# Every feature of a formula

FORMULAS = [
    "y ~ x + c + (1 | g)",
    "y ~ x * c + (x | g)",
    "y ~ 0 + c + x + (0 + x | g)",
    "y ~ 0 + x:c + b + (1 + z || g)",
    "log(pos + 0.1) ~ I(x^2) + pmax(z, 0) + (1 | g)",
    "y ~ poly(x, 2) + scale(z) + center(u) + (1 | g)",
    "y ~ poly(scale(x), 3) + scale(log(pos)) + (scale(z) | g)",
    "y ~ poly(x, 2, raw = TRUE) + (1 | g)",
    "scale(y) ~ x + (1 | g)",
    "y ~ x + ave(x, g) + (1 | g)",
    "y ~ I(x - ave(x, k, h)) + scale(ave(log(pos), c)) + ave(b, c) + (1 | g)",
    "I(y - ave(y, g)) ~ x * c",
    "y ~ x + (1 | g) + (1 | h)",
    "y ~ x + (x | h) + (1 | g) + (1 | k)",
    "y ~ x + (1 | g/c)",
    "y ~ x + (1 | g:h:c) + (1 | k)",
    "y ~ factor(k) + x + (1 | g)",
    "y ~ x * b * c",
    "y ~ c + (c | h)",
    "big ~ year + (year | h)",
]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("batch", [1, 16, 65_536])
def test_a_scan_gives_what_memory_gives(formula: str, weights: str | None, batch: int) -> None:
    spec = Spec.of(formula, weights=weights)
    found, expected = scanned(spec, lazy(rows()), batch), fit_spec(spec, rows())
    assert_same(found, expected)
    assert (found.n_rows, found.n_dropped) == (expected.n_rows, expected.n_dropped)
    assert [own.levels for own in found.random] == [own.levels for own in expected.random]
    assert [own.group for own in found.random] == [own.group for own in expected.random]


@pytest.mark.parametrize("coding", ["treatment", "sum", "helmert"])
def test_offsets_contrasts_and_numbers_as_factors(coding: str) -> None:
    spec = Spec.of(
        "y ~ c + k + (1 | g)", offset="o", categorical=["k"], contrasts={"c": coding}, method="ML"
    )
    assert_same(scanned(spec, lazy(rows())), fit_spec(spec, rows()))


@pytest.mark.parametrize("known", cases(), ids=str)
def test_the_reference_models_from_parquet(known: Case, tmp_path: Path) -> None:
    data = frame(known)
    path = tmp_path / "rows.parquet"
    pl.from_pandas(data).write_parquet(path, row_group_size=5_000)
    spec = Spec.of(
        known.formula,
        method=known.method,
        weights=known.weights,
        offset=known.offset,
        categorical=known.categorical,
    )
    found, expected = prepare(spec, pl.scan_parquet(path)), prepare(spec, data)
    own, other = found.products, expected.products
    assert found.names == expected.names
    assert (own.n, found.n_dropped) == (other.n, expected.n_dropped)
    for group, its in zip(own.groups, other.groups, strict=True):
        assert (group.name, group.levels) == (its.name, its.levels)
        np.testing.assert_array_equal(group.rows, its.rows)
    if own.n <= 65_536:  # the larger ones take long to fit, and their sums say enough
        assert_same(engine.fit_spec(spec, pl.scan_parquet(path)), engine.fit_spec(spec, data))


# Files of every kind


def parquet(data: pl.DataFrame, folder: Path) -> pl.LazyFrame:
    data.write_parquet(folder / "rows.parquet", row_group_size=40)
    return pl.scan_parquet(folder / "rows.parquet")


def dictionaries(data: pl.DataFrame, folder: Path) -> ParquetRows:
    parquet(data, folder)
    return scan_parquet(folder / "rows.parquet")


def many_dictionaries(data: pl.DataFrame, folder: Path) -> Scan:
    many(data, folder)
    return scan_parquet(*sorted(folder.glob("part-*.parquet")))


def categories(data: pl.DataFrame, folder: Path) -> Scan:
    """Text that the file itself calls categories, as a dictionary of Arrow is kept."""
    path = folder / "rows.parquet"
    kept = data.with_columns(pl.col("c", "g", "h").cast(pl.Categorical))
    pq.write_table(kept.to_arrow(), path, row_group_size=50)
    return scan_parquet(path)


def no_dictionaries(data: pl.DataFrame, folder: Path) -> Scan:
    path = folder / "rows.parquet"
    pq.write_table(data.to_arrow(), path, use_dictionary=False, row_group_size=50)
    return scan_parquet(path)


def csv(data: pl.DataFrame, folder: Path) -> pl.LazyFrame:
    data.write_csv(folder / "rows.csv")
    return pl.scan_csv(folder / "rows.csv")


def ipc(data: pl.DataFrame, folder: Path) -> pl.LazyFrame:
    data.write_ipc(folder / "rows.arrow")
    return pl.scan_ipc(folder / "rows.arrow")


def many(data: pl.DataFrame, folder: Path) -> pl.LazyFrame:
    for part, start in enumerate(range(0, data.height, 30)):
        data[start : start + 30].write_parquet(folder / f"part-{part:03d}.parquet")
    return pl.scan_parquet(folder / "part-*.parquet")


def folder_of_csv(data: pl.DataFrame, folder: Path) -> pl.LazyFrame:
    for part, start in enumerate(range(0, data.height, 50)):
        data[start : start + 50].write_csv(folder / f"{part:03d}.csv")
    return pl.scan_csv(folder)


def categorical(data: pl.DataFrame, _: Path) -> pl.LazyFrame:
    levels = pl.Enum(["never", *data["g"].drop_nulls().unique(), "z never"])
    return data.lazy().with_columns(
        pl.col("c", "h").cast(pl.Categorical), pl.col("g").cast(levels), pl.col("k").cast(pl.Int8)
    )


WRITERS = [
    *(parquet, many, dictionaries, many_dictionaries, no_dictionaries, categories),
    *(csv, folder_of_csv, ipc, categorical),
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("formula", ["y ~ x + c + b + (1 | g)", "y ~ scale(x) + (1|h) + (1|k:g)"])
@pytest.mark.parametrize("batch", [7, 65_536])
def test_files_of_every_kind(write: Write, formula: str, batch: int, tmp_path: Path) -> None:
    data = pl.from_pandas(rows())
    assert_same(
        scanned(Spec.of(formula), write(data, tmp_path), batch),
        fit_spec(Spec.of(formula), rows()),
    )


def test_text_of_any_name_and_of_gaps_is_read_by_dictionaries(tmp_path: Path) -> None:
    names = {"g": "the.group", "c": 'a "b" c', "h": "é/ö"}
    data = rows().rename(columns=names)
    data.loc[3:60, names["g"]] = None
    spec = Spec.of('y ~ x + `a "b" c` + (1 | `the.group`) + (1 | `é/ö`)')
    found = scanned(spec, dictionaries(pl.from_pandas(data), tmp_path), 11)
    assert_same(found, fit_spec(spec, data))


@pytest.mark.parametrize("few", [0, 2, 100])
def test_a_text_has_one_code_in_all_dictionaries(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "FEW_TEXTS", few)
    column = levels.levels_of("g", pl.String())
    assert isinstance(column, levels.Text)
    for texts in (["b", "a"], ["a", "b"], ["c", "a", "ä"], ["ä", "", "c", "b"], ["a", "c"]):
        codes = column.codes_of(pa.array(texts))
        assert column.texts(codes).to_list() == texts
        assert codes.tolist() == [column.codes_of(pa.array([text]))[0] for text in texts]


def test_rows_of_files_are_held_where_they_must_be(tmp_path: Path) -> None:
    data = pl.from_pandas(rows())
    spec = Spec.of("y ~ x + (1 | g)")
    whole = dictionaries(data, tmp_path)
    summary = engine.summarise(spec, whole, min_count=1)
    assert_same(engine.fit_summary(summary), fit_spec(spec, rows()))
    base = fit_spec(spec, rows().iloc[:100])
    rest = dictionaries(data[100:], tmp_path)
    assert_same(engine.append(base, rest), fit_spec(spec, rows()))


@pytest.mark.parametrize("damage", ["shorter", "cut", "gone"])
def test_files_that_are_damaged_while_they_are_read_are_told(damage: str, tmp_path: Path) -> None:
    data = pl.from_pandas(rows())
    whole = dictionaries(data, tmp_path)
    file = tmp_path / "other.parquet"
    data[:20].write_parquet(file)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-9])
    elif damage == "gone":
        file.unlink()
    with pytest.raises(engine.DataError) as caught:
        engine.fit("y ~ x + (1 | g)", ParquetRows(whole.scan, (file,)))
    assert caught.value.problems[0].code == "unreadable_data"


def test_a_plan_on_a_scan_is_part_of_it(tmp_path: Path) -> None:
    plan = parquet(pl.from_pandas(rows()), tmp_path).filter(pl.col("z") > 0)
    plan = plan.with_columns(double=2 * pl.col("x"))
    data = rows().query("z > 0").assign(double=lambda d: 2 * d["x"])
    spec = Spec.of("y ~ double + (1 | g)")
    assert_same(scanned(spec, plan), fit_spec(spec, data))


def test_only_the_columns_of_the_model_are_read() -> None:
    def refuse(_: pl.Series) -> pl.Series:
        raise AssertionError("this column is not in the model")

    data = lazy(rows()).with_columns(pl.col("pos").map_batches(refuse, return_dtype=pl.Float64))
    assert scanned(Spec.of("y ~ x + (1 | g)"), data).n_rows > 0


# Levels


def test_levels_that_turn_up_late_are_met() -> None:
    data = rows().sort_values("c")
    for formula in ("y ~ x + c + (1 | g)", "y ~ x * c + (c | h)"):
        spec = Spec.of(formula)
        assert_same(scanned(spec, lazy(data), 5), fit_spec(spec, data))


def test_a_level_only_of_rows_that_miss_a_value_is_none() -> None:
    data = rows().assign(c=rows()["c"].astype(object), g=rows()["g"].astype(object))
    data.loc[[0, 40], ["c", "g", "x"]] = ["mauve", "no level", None]
    spec = Spec.of("y ~ x + c + (1 | g)")
    found = scanned(spec, lazy(data), 3)
    assert_same(found, fit_spec(spec, data))
    assert "cmauve" not in found.coefficients


@pytest.mark.parametrize(
    ("levels", "kind"),
    [
        ([7, 30, 200], pl.Int64),
        ([7, 30, 2**63 + 5], pl.UInt64),
        ([7.0, 0.1, 1e30], pl.Float64),
        (["é", "z", "a b", "", "Z"], pl.String),
        ([False, True], pl.Boolean),
    ],
)
def test_levels_are_named_and_ordered_as_in_memory(levels: list[object], kind: pl.DataType) -> None:
    n = 40
    draw = np.random.default_rng(2)
    data = pl.DataFrame(
        {
            "y": draw.normal(size=n),
            "g": pl.Series([levels[i % len(levels)] for i in range(n)], dtype=kind),
            "h": [f"{i % 3}" for i in range(n)],
        }
    )
    for formula in ("y ~ 1 + (1 | g)", "y ~ factor(g)", "y ~ 1 + (1 | g:h)"):
        spec = Spec.of(formula)
        found, expected = scanned(spec, data.lazy(), 9), fit_spec(spec, data.to_arrow())
        assert found.coefficients == expected.coefficients
        assert [own.levels for own in found.random] == [own.levels for own in expected.random]


def test_many_levels_are_found_by_few_tables() -> None:
    draw = np.random.default_rng(1)
    values = draw.integers(0, 50_000, 200_000)
    keys = Keys(values.dtype)
    codes = np.concatenate([keys.codes(values[i : i + 777]) for i in range(0, len(values), 777)])
    np.testing.assert_array_equal(keys.values()[codes], values)
    assert len(keys) == len(np.unique(values)) == codes.max() + 1


# Precision


def test_years_and_large_responses_lose_no_digits() -> None:
    data = rows().dropna()
    whole = Spec.of("big ~ year + (year | h)")
    shifted = data.assign(big=data["big"] - 1e6, year=data["year"] - 2000.0)
    found, expected = scanned(whole, lazy(data), 8), fit_spec(whole, shifted)
    assert found.sigma == pytest.approx(expected.sigma, rel=1e-8)
    assert found.beta[1] == pytest.approx(expected.beta[1], abs=1e-8 * expected.std_errors[1])


def test_sorted_rows_whose_beginning_is_unlike_the_rest() -> None:
    data = rows().dropna().sort_values("year")
    spec = Spec.of("y ~ year + x + (1 | g)")
    assert_same(scanned(spec, lazy(data), 4), fit_spec(spec, data))


# Numbers that the sums tell of


def odd_files(data: pl.DataFrame, folder: Path) -> list[Scan]:
    data.write_parquet(folder / "odd.parquet", row_group_size=40)
    return [pl.scan_parquet(folder / "odd.parquet"), scan_parquet(folder / "odd.parquet")]


@pytest.mark.parametrize("row", [0, 100, -1])
@pytest.mark.parametrize("formula", ["y ~ x + z + c + (1 | g)", "y ~ x + scale(x) + (x | g)"])
def test_nan_is_a_gap_as_in_memory(row: int, formula: str, tmp_path: Path) -> None:
    """A level that no other row has is none, as the row is left out."""
    data = rows().dropna().reset_index(drop=True)
    place = range(len(data))[row]
    data.loc[place, ["c", "g"]] = "of this row alone"
    data.loc[place, "x"] = np.nan
    expected = fit_spec(Spec.of(formula), data)
    assert expected.n_dropped == 1
    for scan in odd_files(pl.from_pandas(data, nan_to_null=False), tmp_path):
        assert_same(scanned(Spec.of(formula), scan, 65_536), expected)
        assert_same(scanned(Spec.of(formula), scan, 7), expected)
        with pytest.raises(engine.DataError) as caught:
            scanned(Spec.of(formula, missing="fail"), scan)
        assert caught.value.problems[0].code == "missing_values"


@pytest.mark.parametrize(
    ("value", "code"), [(np.inf, "infinite_values"), (1e101, "too_large_values")]
)
@pytest.mark.parametrize("name", ["x", "y"])
def test_a_number_beyond_bounds_is_told_as_in_memory(
    name: str, value: float, code: str, tmp_path: Path
) -> None:
    data = bad(**{name: [*rows().dropna()[name].iloc[:-1], value]})
    spec = Spec.of("y ~ x + c + (1 | g)")
    (expected,) = engine.examine(spec, data).problems
    assert expected.code == code
    for scan in odd_files(pl.from_pandas(data), tmp_path):
        assert engine.examine(spec, scan).problems == (expected,)


@pytest.mark.parametrize(
    ("formula", "options", "told"),
    [
        ("y ~ x + z + c + (1 | g)", {}, True),
        ("y ~ x * c + I(x^2) + (x | g)", {}, True),
        ("y ~ factor(k) + (1 | g)", {}, True),
        ("y ~ x + (z | g)", {}, False),
        ("y ~ x:z + (1 | g)", {}, False),
        ("y ~ pmax(x, 0) + (1 | g)", {}, False),
        ("log(pos) ~ x + (1 | g)", {}, False),
        ("y ~ x + w", {"weights": "w"}, False),
        ("y ~ x + o", {"offset": "o"}, False),
    ],
)
def test_sums_tell_of_numbers_that_are_columns_of_the_model(
    formula: str, options: dict[str, Any], told: bool
) -> None:
    spec = Spec.of(formula, **options)
    assert sums_tell(spec, Reader.of(spec, lazy(rows())).roles) is told


# Faults


def bad(**changed: object) -> pd.DataFrame:
    data = rows().dropna().reset_index(drop=True)
    kept: dict[str, object] = {str(name): data[name] for name in data.columns}
    return pd.DataFrame(kept | changed)


N = len(rows().dropna())
FAULTS: list[tuple[str, Callable[[], pd.DataFrame], dict[str, object]]] = [
    ("y ~ nowhere + (1 | g)", bad, {"weights": "none"}),
    ("y ~ log(c) + g:x + (1 | h)", bad, {"offset": "g"}),
    ("y ~ x + (1 | g)", rows, {"missing": "fail"}),
    ("y ~ x + (1 | g)", lambda: bad(x=np.nan), {}),
    ("y ~ x + (1 | g)", lambda: bad(x=[np.inf] + [1.0] * (N - 1)), {}),
    ("y ~ log(x) + (1 | g)", lambda: bad(x=[*range(5), *([-1.0] * (N - 5))]), {}),
    ("log(x) ~ z + (1 | g)", lambda: bad(x=[1.0, 2.0, 0.0, *range(1, N - 2)]), {}),
    ("y ~ x + c", lambda: bad(c="one"), {}),
    ("y ~ x + (1 | g)", lambda: bad(g="one"), {}),
    ("y ~ x + (1 | g)", lambda: bad(g=[str(i) for i in range(N)]), {}),
    ("y ~ x + (1 | g)", lambda: bad(w=[-1.0] + [1.0] * (N - 1)), {"weights": "w"}),
    ("y ~ x + (1 | g)", lambda: bad(x=[1e101] + [1.0] * (N - 1)), {}),
    ("y ~ x + (1 | g)", lambda: bad(y=4.0), {}),
    ("y ~ poly(b, 3)", lambda: bad(b=[float(i % 2) for i in range(N)]), {}),
    ("y ~ x + (1 | g)", lambda: bad().iloc[:0], {}),
]


@pytest.mark.parametrize(("formula", "data", "options"), FAULTS)
def test_faults_are_those_of_memory(
    formula: str, data: Callable[[], pd.DataFrame], options: dict[str, object]
) -> None:
    spec = Spec.of(formula, **options)  # type: ignore[arg-type]  # each option as it should be
    schema = pl.from_pandas(rows().dropna()).schema
    own = pl.from_pandas(data(), schema_overrides=schema if data().empty else None)
    found, expected = engine.examine(spec, own.lazy()), engine.examine(spec, data())
    assert list(map(first_rows, found.problems)) == list(map(first_rows, expected.problems)) != []


def first_rows(problem: Problem) -> Problem:
    """A problem without the number of rows that it does not name, which is that of a batch."""
    return replace(problem, detail=re.sub(r" and \d+ more$", "", problem.detail))


def test_rows_are_numbered_through_all_batches() -> None:
    data = bad(x=[1.0] * 30 + [-1.0, np.nan, -2.0] + [1.0] * (N - 33))
    for batch in (2, 7, 65_536):
        with pytest.raises(EngineError) as caught:
            scanned(Spec.of("y ~ log(x) + (1 | g)"), lazy(data), batch)
        assert "not a finite number in row 31" in caught.value.problems[0].detail


def test_a_cap_on_columns_is_kept() -> None:
    data = lazy(rows()).with_columns(wide=pl.int_range(pl.len()).cast(pl.String)).with_row_index()
    with pytest.raises(engine.LimitError):
        scanned(Spec.of("y ~ wide * index * x", categorical=["index"]), pl.concat([data] * 20))


@pytest.mark.parametrize(
    "kind", [pl.Date, pl.Datetime, pl.Decimal(9, 2), pl.Int128, pl.List(pl.Int64), pl.Binary]
)
@pytest.mark.parametrize("formula", ["y ~ odd + (1 | g)", "odd ~ x + (1 | g)"])
def test_types_that_cannot_be_modelled_are_refused(kind: pl.DataType, formula: str) -> None:
    data = lazy(rows()).with_columns(odd=pl.lit(None, dtype=kind))
    with pytest.raises(engine.DataError) as caught:
        engine.fit(formula, data)
    assert {problem.code for problem in caught.value.problems} == {"unsupported_column"}


def test_dates_are_groups_as_in_memory_and_times_are_none() -> None:
    days = [pd.Timestamp("2024-02-27") + pd.Timedelta(days=i % 9) for i in range(N)]
    data = pl.from_pandas(bad(day=days)).with_columns(pl.col("day").cast(pl.Date))
    spec = Spec.of("y ~ x + (1 | day)")
    assert_same(scanned(spec, data.lazy()), fit_spec(spec, data.to_arrow()))
    with pytest.raises(engine.DataError):
        scanned(spec, data.lazy().with_columns(pl.col("day").cast(pl.Datetime)))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    path.write_text("y,x,g\n" + "1.5,2,a\n" * 300 + "2.5,oops,b\n")
    with pytest.raises(engine.DataError) as caught:
        engine.fit("y ~ x + (1 | g)", pl.scan_csv(path))
    assert caught.value.problems[0].code == "unreadable_data"


# What is told on the way


def test_progress_goes_forward_through_all_passes() -> None:
    told: list[float] = []
    spec = Spec.of("y ~ poly(x, 2) + c + (1 | g)")
    fit_spec(spec, lazy(rows()), chunk_rows=16, progress=lambda done, _: told.append(done))
    assert len(told) > 20
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_what_progress_raises_ends_the_scan() -> None:
    def stop(_: float, message: str) -> None:
        if message.startswith("rows read"):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit_spec(Spec.of("y ~ x + (1 | g)"), lazy(rows()), progress=stop)


# What reads the rows again


def test_diagnostics_read_a_scan() -> None:
    spec = Spec.of("y ~ x + c + (1 | g)")
    fit = scanned(spec, lazy(rows()))
    found = engine.row_diagnostics(fit, lazy(rows()))
    expected = engine.row_diagnostics(fit_spec(spec, rows()), rows())
    np.testing.assert_allclose(found.residual, expected.residual, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found.row, expected.row)


# Any table


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(8, 60),
    batch=st.integers(1, 70),
    formula=st.sampled_from(
        ["y ~ x + (1 | g)", "y ~ x * c + (x | g)", "y ~ x + (1 | g) + (1 | h)", "y ~ c + (1 | g:h)"]
    ),
    holes=st.floats(0.0, 0.3),
    centre=st.sampled_from([0.0, 1e6, -3e4]),
)
def test_the_sums_of_any_table_are_those_of_memory(
    seed: int, n: int, batch: int, formula: str, holes: float, centre: float
) -> None:
    draw = np.random.default_rng(seed)
    columns: dict[str, object] = {
        "y": centre + draw.normal(size=n),
        "x": draw.normal(size=n),
        "g": draw.integers(0, 5, n).astype(float),
        "c": draw.choice(["a", "b", "c"], n),
        "h": draw.choice(["u", "v", "w"], n),
    }
    data = pd.DataFrame(columns)
    data = data.mask(draw.random(data.shape) < holes)
    spec = Spec.of(formula)
    expected = engine.examine(spec, data)
    found = engine.examine(spec, lazy(data).with_columns(pl.col("g").cast(pl.Float64)))
    assert found == expected
    if expected.dimensions is None:
        return
    own = prepare(spec, lazy(data), chunk_rows=batch)
    other = prepare(spec, data)
    assert_same_sums(own.products, other.products)


def assert_same_sums(found: CrossProducts, expected: CrossProducts) -> None:
    for own, other in zip(moments(found), moments(expected), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9, atol=1e-9)
    for group, its in zip(found.groups, expected.groups, strict=True):
        assert group.levels == its.levels
        np.testing.assert_array_equal(group.rows, its.rows)
    for meeting, its_meeting in zip(found.meetings, expected.meetings, strict=True):
        np.testing.assert_array_equal(meeting.rows, its_meeting.rows)
        np.testing.assert_array_equal(meeting.columns, its_meeting.columns)
        np.testing.assert_allclose(meeting.values, its_meeting.values, rtol=1e-9, atol=1e-9)


def moments(products: CrossProducts) -> tuple[Floats, Floats]:
    """Means and covariances of the columns of M, in the data's units."""
    mean = products.mm[0] / products.mm[0, 0]
    covariance = products.mm / products.mm[0, 0] - np.outer(mean, mean)
    scale = products.pilot.scale
    return products.pilot.centre + scale * mean, np.outer(scale, scale) * covariance
