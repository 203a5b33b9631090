"""Compiled sums: those of numpy, to rounding, whatever the columns."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import engine
from engine import native
from engine.adder import Adder, LevelSums
from engine.columns import Columns
from engine.crossproducts import Pilot
from engine.frame import Frame
from engine.table import Codes, Floats
from tests.reference.cases import HERE

SOURCE = Path(native.__file__).parent


def drawn(
    n: int, m: int, ones: Sequence[tuple[bool, ...]], *, weighted: bool, seed: int = 0
) -> tuple[Columns, tuple[Pilot, ...], list[Codes]]:
    """Columns of n rows, m of M (the first is 1), Z by their ones, and levels of ten or so."""
    draw = np.random.default_rng(seed)
    columns = (np.ones(n), *(draw.normal(5, 3, n) for _ in range(m - 1)))
    z = [
        None if own == (True,) else [np.ones(n) if one else draw.normal(size=n) for one in own]
        for own in ones
    ]
    weights = draw.uniform(0.5, 2.0, n) if weighted else None
    pilots = [pilot(draw, m, [True] + [False] * (m - 1))]
    pilots += [pilot(draw, len(own), own) for own in ones]
    codes = [draw.integers(0, 11 + i, n) for i in range(len(ones))]
    return Columns(columns, tuple(z), weights, Frame(n, 0, {}, {})), tuple(pilots), codes


def pilot(draw: np.random.Generator, count: int, ones: Sequence[bool]) -> Pilot:
    centre = np.where(ones, 0.0, draw.normal(size=count))
    return Pilot(centre, np.where(ones, 1.0, 2.0 ** draw.integers(-3, 3, count)))


def sums_of(
    adder: Adder, columns: Columns, codes: list[Codes], ones: Sequence[tuple[bool, ...]]
) -> tuple[Floats, list[Floats], list[LevelSums]]:
    """What an adder gives; of an intercept's own sum, which may be left out, the rows."""
    m, into = len(columns.m), []
    for i, own in enumerate(ones):
        slopes = len(own) - sum(own)
        width = len(own) * m + slopes * (slopes + 1) // 2
        into.append(LevelSums(np.zeros((11 + i, width)), np.zeros(11 + i, dtype=np.int64)))
    mm, squares = adder.add(columns, codes, into)
    for own, group in zip(ones, into, strict=True):
        if columns.weights is None:
            for a, one in enumerate(own):
                if one:
                    group.sums[:, a * m] = group.rows
    return mm, squares, into


CASES: dict[str, tuple[list[tuple[bool, ...]], int]] = {
    "an intercept": ([(True,)], 4),
    "two factors": ([(True,), (True,)], 4),
    "slopes": ([(True, False, False)], 3),
    "slopes alone": ([(False, False)], 3),
    "intercept last": ([(False, True)], 3),
    "two terms": ([(True, False), (True,), (False,)], 5),
    "one column": ([(True,)], 1),
    "wide": ([(True,)], 40),
    "no factor": ([], 5),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n", [1, 15, 16, 255, 256, 257, 5_000])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("first", [0, 1])
def test_sums_are_those_of_numpy(case: str, n: int, weighted: bool, first: int) -> None:
    ones, m = CASES[case]
    columns, pilots, codes = drawn(n, m, ones, weighted=weighted)
    expected = sums_of(Adder(pilots, first, ones), columns, codes, ones)
    found = sums_of(compiled(pilots, first, ones), columns, codes, ones)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12, atol=1e-9)
    for own, other in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-12)
    for one, another in zip(found[2], expected[2], strict=True):
        np.testing.assert_array_equal(one.rows, another.rows)
        np.testing.assert_allclose(one.sums, another.sums, rtol=1e-12, atol=1e-10)


def compiled(pilots: Sequence[Pilot], first: int, ones: Sequence[tuple[bool, ...]]) -> native.Adder:
    found = native.new(pilots, first, ones)
    assert isinstance(found, native.Adder), "sh engine/native/compile.sh"
    return found


def test_columns_may_stand_anywhere_in_memory() -> None:
    ones = [(True, False)]
    columns, pilots, codes = drawn(1_000, 4, ones, weighted=True)

    def spread(values: Floats) -> Floats:
        out = np.zeros((len(values), 3), dtype=values.dtype)
        out[:, 1] = values
        return out[:, 1]

    assert columns.weights is not None
    columns.m[2][:] = np.round(columns.m[2])
    expected = sums_of(compiled(pilots, 1, ones), columns, codes, ones)
    m: list[NDArray[Any]] = [*map(spread, columns.m)]
    m[2] = m[2].astype(np.int16)  # of another type, too
    other = Columns(
        tuple(m),
        tuple(None if own is None else list(map(spread, own)) for own in columns.z),
        spread(columns.weights),
        columns.frame,
    )
    found = sums_of(compiled(pilots, 1, ones), other, [own.astype(np.int32) for own in codes], ones)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[2][0].sums, expected[2][0].sums)


@pytest.mark.parametrize("code", [-1, 11, 1 << 40])
def test_a_level_that_is_not_there_is_told(code: int) -> None:
    ones = [(True,)]
    columns, pilots, codes = drawn(300, 3, ones, weighted=False)
    codes[0][280] = code
    with pytest.raises(IndexError):
        sums_of(compiled(pilots, 1, ones), columns, codes, ones)


def test_a_number_that_is_not_finite_makes_its_squares_so() -> None:
    columns, pilots, codes = drawn(600, 3, [(True,)], weighted=False)
    for value in (np.nan, np.inf, -np.inf):
        columns.m[1][400] = value
        _, squares, _ = sums_of(compiled(pilots, 1, [(True,)]), columns, codes, [(True,)])
        assert np.isfinite(squares[0]).tolist() == [False, True]


def test_without_the_library_numpy_makes_the_sums(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    radon = pd.read_csv(HERE / "data" / "radon.csv")
    formula = "log_radon ~ floor + (1 + floor | county)"
    expected = engine.fit(formula, radon)
    monkeypatch.setattr(native, "LIBRARY", native.load(tmp_path / "none.so"))
    assert native.LIBRARY is None
    found = engine.fit(formula, radon)
    np.testing.assert_allclose(found.beta, expected.beta, rtol=1e-9)
    np.testing.assert_allclose(found.std_errors, expected.std_errors, rtol=1e-7)
    assert found.statistics.log_likelihood == pytest.approx(
        expected.statistics.log_likelihood, rel=1e-12
    )


def test_a_library_of_another_version_is_not_used(tmp_path: Path) -> None:
    for name in ("rows.c", "compile.sh"):
        shutil.copy(SOURCE / name, tmp_path)
    subprocess.run(["sh", tmp_path / "compile.sh"], check=True)
    assert native.load(tmp_path / "rows.so") is not None
    source = (tmp_path / "rows.c").read_text("utf-8")
    later = source.replace(f"VERSION = {native.VERSION},", f"VERSION = {native.VERSION + 1},")
    assert later != source
    other = tmp_path / "later"
    other.mkdir()
    (other / "rows.c").write_text(later, "utf-8")
    shutil.copy(SOURCE / "compile.sh", other)
    subprocess.run(["sh", other / "compile.sh"], check=True)
    assert native.load(other / "rows.so") is None
