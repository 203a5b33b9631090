"""Parts of a scan, read apart and in any order, give the fit of all rows."""

import pickle
from functools import reduce
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine import EngineError, Fit, Ground, Partial, Partition, Spec, to_bytes
from engine.columns import Columns
from engine.design import learn
from engine.frame import read
from engine.groupkeys import key_of, name_of
from engine.sums import Order, Sums
from engine.table import Table
from tests.engine.test_invariance import assert_same
from tests.engine.test_scan import FORMULAS, lazy, rows

PARTED = [formula for formula in FORMULAS if "ave(" not in formula and "g:h:c" not in formula]


def travelled(value: object) -> object:
    return pickle.loads(pickle.dumps(value))  # noqa: S301  our own bytes


def ground_of(spec: Spec, data: pl.LazyFrame, levels: engine.LevelNames | None = None) -> Ground:
    found = travelled(engine.survey(spec, data, levels, chunk_rows=16))
    assert isinstance(found, Ground)
    return found


def part_of(ground: Ground, data: pl.LazyFrame, partition: Partition) -> Partial:
    found = travelled(engine.partial(ground, data, partition, chunk_rows=16))
    assert isinstance(found, Partial)
    return found


def fit_parts(spec: Spec, data: pl.LazyFrame, cuts: list[Partition]) -> Fit:
    """Fit parts, the last first, in as many passes as it takes."""
    levels = None
    for _ in range(2):
        ground = ground_of(spec, data, levels)
        found = reduce(Partial.__add__, [part_of(ground, data, own) for own in reversed(cuts)])
        if not found.missed:
            break
        levels = found.levels
    return engine.fit_partial(ground, found)


def cut(n_rows: int, *ends: int) -> list[Partition]:
    edges = [0, *ends, n_rows]
    return [Partition(a, b) for a, b in pairwise(edges)]


@pytest.mark.parametrize(("place", "formula"), [*enumerate(PARTED)])
def test_parts_give_what_memory_gives(place: int, formula: str) -> None:
    spec = Spec.of(formula, weights="w" if place % 2 else None)
    data = rows()
    found = fit_parts(spec, lazy(data), cut(len(data), 3, 40, 41, 100))
    expected = engine.fit_spec(spec, data)
    assert_same(found, expected)
    assert (found.n_rows, found.n_dropped) == (expected.n_rows, expected.n_dropped)
    assert [own.levels for own in found.random] == [own.levels for own in expected.random]
    assert [own.group for own in found.random] == [own.group for own in expected.random]


def test_one_part_is_the_scan_itself() -> None:
    spec, data = Spec.of("y ~ x + c + (x | g) + (1 | h)"), lazy(rows())
    parts = fit_parts(spec, data, cut(len(rows())))
    plain = engine.fit_spec(spec, data, chunk_rows=16)
    np.testing.assert_allclose(parts.beta, plain.beta, rtol=1e-13)


def test_the_same_parts_give_the_same_bytes() -> None:
    spec, data = Spec.of("y ~ x + c + (x | g) + (1 | h)"), lazy(rows())
    cuts = cut(len(rows()), 30, 60, 90)
    assert to_bytes(fit_parts(spec, data, cuts)) == to_bytes(fit_parts(spec, data, cuts))


@pytest.mark.parametrize("model", ["y ~ x + (x | g)", "y ~ x + (x | g) + (1 | h)"])
def test_how_levels_are_numbered_does_not_show_in_the_sums(model: str) -> None:
    data = rows().dropna()
    spec = Spec.of(model)
    frame = read(spec, Table.of(data))
    design = learn(spec, frame)
    columns = Columns.of(design, frame, None)
    pilots, whole = columns.pilots(design), [own.factor(frame).codes for own in design.groupings]
    found = []
    # Levels one after the other, far apart, and the other way round.
    for numbered in (np.arange(50), 10_000 * np.arange(50), np.arange(50)[::-1]):
        sums = Sums(design, pilots, [0] * len(whole), weighted=False)
        for start in range(0, len(data), 30):
            part = Columns.of(design, frame.slice(start, start + 30), None)
            sums.add(part, [numbered[codes[start : start + 30]] for codes in whole])
        levels = [own.factor(frame).levels for own in design.groupings]
        orders = []
        for names in levels:
            own = numbered[: len(names)]
            ranks = np.full(own.max() + 1, -1)
            ranks[own] = np.arange(len(names))
            orders.append(Order(names, ranks))
        found.append(sums.total(orders))
    for again in found[1:]:
        np.testing.assert_array_equal(found[0].mm, again.mm)
        for one, other in zip(found[0].groups, again.groups, strict=True):
            np.testing.assert_array_equal(one.zm, other.zm)
            np.testing.assert_array_equal(one.zz, other.zz)


def test_levels_and_whole_parts_may_turn_up_late() -> None:
    data = rows().sort_values("c").reset_index(drop=True)
    data.loc[20:59, "y"] = None
    spec = Spec.of("y ~ x + c + (1 | g)")
    found = fit_parts(spec, lazy(data), cut(len(data), 20, 60))
    assert_same(found, engine.fit_spec(spec, data))


@pytest.mark.parametrize(
    ("formula", "missing", "code"),
    [
        ("y ~ x + (1 | g)", "fail", "missing_values"),
        ("y ~ none + (1 | g)", "drop", "no_rows"),
        ("y ~ one + (1 | g)", "drop", "one_level"),
        ("y ~ x + (1 | one)", "drop", "one_level"),
        ("constant ~ x + (1 | g)", "drop", "constant_response"),
    ],
)
def test_what_cannot_be_fitted_is_refused_as_from_a_scan(
    formula: str, missing: str, code: str
) -> None:
    data = rows().assign(none=np.nan, one="a", constant=1.0)
    spec = Spec.of(formula, missing=missing)
    with pytest.raises(EngineError) as plain:
        engine.fit_spec(spec, lazy(data))
    with pytest.raises(EngineError) as parted:
        fit_parts(spec, lazy(data), cut(len(data), 20, 60))
    assert parted.value.problems == plain.value.problems
    assert plain.value.problems[0].code == code


def test_rows_are_numbered_as_in_the_whole_scan() -> None:
    data = rows().copy()
    data.loc[70, "x"] = np.inf
    spec = Spec.of("y ~ x + (1 | g)")
    ground = engine.survey(spec, lazy(rows()))
    with pytest.raises(EngineError, match="row 71"):
        engine.partial(ground, lazy(data), Partition(60, 90))


def test_data_that_change_between_passes_are_refused() -> None:
    data, spec = rows(), Spec.of("y ~ c + (1 | g)")
    some = lazy(data[data["c"] != data["c"].dropna().iloc[0]])
    ground = engine.survey(spec, some, engine.partial(engine.survey(spec, some), some).levels)
    with pytest.raises(EngineError, match="other levels each time"):
        engine.fit_partial(ground, engine.partial(ground, lazy(data)))


def test_means_of_groups_need_all_rows_in_one_place() -> None:
    assert not engine.can_be_parted(Spec.of("y ~ x + ave(x, g) + (1 | g)"))
    assert not engine.can_be_parted(Spec.of("I(y - ave(y, g)) ~ x"))
    assert engine.can_be_parted(Spec.of("scale(y) ~ poly(x, 2) + (1 | g)"))


@settings(max_examples=50)
@given(st.lists(st.integers(0, 50)), st.integers(1, 60), st.integers(1, 5))
def test_cuts_are_at_ends_of_blocks_and_leave_nothing_out(
    heights: list[int], least: int, most: int
) -> None:
    found = engine.partitions(heights, least, most)
    ends = np.cumsum([0, *heights]).tolist()
    assert (found[0].start, found[-1].stop) == (0, ends[-1])
    assert all(a.stop == b.start for a, b in pairwise(found))
    assert {own.stop for own in found} <= set(ends)
    assert len(found) <= most
    assert all(own.stop - own.start >= least for own in found[:-1])


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), min_size=1))
@settings(max_examples=25)
def test_keys_of_several_columns_are_ordered_as_their_levels(pairs: list[tuple[str, str]]) -> None:
    by_key = sorted(pairs, key=key_of)
    assert by_key == sorted(pairs)
    assert [name_of(key_of(pair), 2) for pair in pairs] == [f"{a}:{b}" for a, b in pairs]


def test_a_level_may_hold_any_character() -> None:
    names = ["a\0", "a", "a\0\1", "\0\0b"]
    data = pd.DataFrame(
        {
            "y": np.random.default_rng(1).normal(size=64),
            "g": [names[i % 4] for i in range(64)],
            "h": [names[i // 4 % 4] for i in range(64)],
        }
    )
    spec = Spec.of("y ~ 1 + (1 | g:h)")
    found = fit_parts(spec, lazy(data), cut(64, 7, 30))
    expected = engine.fit_spec(spec, data)
    assert [own.levels for own in found.random] == [own.levels for own in expected.random]
    assert_same(found, expected)
