"""What rows came in, while the libraries that they may have come from are not there yet."""

from __future__ import annotations

import sys
from types import ModuleType

import pandas as pd
import polars as pl
import pytest

from engine import given


@pytest.mark.parametrize("half", [True, False], ids=["half imported", "not imported"])
def test_nothing_is_of_a_library_that_another_thread_imports_just_now(
    half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pandas", "polars"):
        if half:
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        else:
            monkeypatch.delitem(sys.modules, name)
    told = [given.is_lazy, given.is_frame, given.is_series, given.is_categorical, given.is_na]
    assert [tell(value) for tell in told for value in (1.5, None, "a", [1])] == [False] * 20


def test_what_is_of_a_library_is_told() -> None:
    column = pd.Series(["a"], dtype="category")
    assert given.is_lazy(pl.LazyFrame({"a": [1]}))
    assert given.is_frame(pd.DataFrame({"a": [1]}))
    assert given.is_series(column)
    assert given.is_categorical(column)
    assert given.is_na(pd.NA)
    assert not given.is_na(None)
