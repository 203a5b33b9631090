"""Tests, tables and means as lmerTest, pbkrtest and emmeans give them, read once."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd

import engine
from engine import Fit

HERE = Path(__file__).parent


class TermRecord(TypedDict):
    """A row of lmerTest's anova."""

    term: str
    sum_sq: float
    mean_sq: float
    df_num: int
    df_den: float
    f_value: float
    p_value: float


class FTestRecord(TypedDict):
    """A test of some coefficients: F, df_num, df_den and p, and pbkrtest's F.scaling."""

    term: str
    columns: int | list[int]
    kenward_roger: list[float]
    satterthwaite: list[float]
    rhs: float | list[float]
    kenward_roger_rhs: list[float]
    satterthwaite_rhs: list[float]


class PairsRecord(TypedDict):
    """emmeans' differences of all pairs; null where they are not estimable."""

    contrast: list[str]
    estimate: list[float | None]
    se: list[float | None]
    df: list[float | None]
    lower: list[float | None]
    upper: list[float | None]
    t: list[float | None]
    p: list[float | None]


class MeansRecord(TypedDict):
    """emmeans' means; null where they are not estimable."""

    factors: list[str]
    ddf: str
    levels: list[list[str]]
    estimate: list[float | None]
    se: list[float | None]
    df: list[float | None]
    lower: list[float | None]
    upper: list[float | None]
    pairs: dict[str, PairsRecord]


class InferenceCase(TypedDict):
    """A model, the rows left out of its table, and what R's packages say of it."""

    name: str
    data: str
    formula: str
    n: int
    factors: list[str]
    every: int
    empty: dict[str, str]
    contrasts: dict[str, str]
    criterion: float
    coefficients: list[str]
    anova: dict[str, dict[str, list[TermRecord]]]
    f_tests: list[FTestRecord]
    means: list[MeansRecord]


@cache
def inference_cases() -> tuple[InferenceCase, ...]:
    """Every case, in the order of the file."""
    records: list[InferenceCase] = json.loads((HERE / "inference.json").read_text("utf-8"))
    return tuple(records)


@cache
def fitted(name: str) -> Fit:
    """The fit of the case of that name."""
    (known,) = (case for case in inference_cases() if case["name"] == name)
    fit = engine.fit(
        known["formula"],
        table(known),
        categorical=categorical(known),
        contrasts=known["contrasts"],
    )
    assert list(fit.coefficients) == known["coefficients"]
    assert fit.n_rows == known["n"]
    return fit


def categorical(known: InferenceCase) -> list[str]:
    """Its columns of numbers that the fixed effects have as factors."""
    fixed = known["formula"].split("(1")[0]
    return [factor for factor in known["factors"] if factor in fixed]


def table(known: InferenceCase) -> pd.DataFrame:
    """Its rows."""
    path = HERE / "data" / f"{known['data']}.csv"
    table = pd.read_csv(path, dtype=dict.fromkeys(known["factors"], str), keep_default_na=False)
    keep = np.ones(len(table), dtype=bool)
    if known["every"]:
        keep &= np.arange(1, len(table) + 1) % known["every"] != 0
    if known["empty"]:
        cell = np.ones(len(table), dtype=bool)
        for column, level in known["empty"].items():
            cell &= (table[column] == level).to_numpy()
        keep &= ~cell
    return table[keep]
