"""What lme4 and lmerTest answer about likelihoods (likelihood.R) as typed values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypedDict

import pandas as pd

from tests.reference.cases import HERE

_TEXT = {
    "sleepstudy": ("Subject",),
    "cake": ("replicate", "recipe"),
    "Machines": ("Worker", "Machine"),
}


class ProfileRecord(TypedDict):
    """Intervals of ``confint(profile(fit))``; an end is null where lme4 finds none."""

    data: str
    formula: str
    method: Literal["REML", "ML"]
    names: list[str]
    lower: list[float]
    upper: list[float | None]


class TermsRecord(TypedDict):
    """A table of ``ranova``; its first row is the whole model."""

    data: str
    formula: str
    method: Literal["REML", "ML"]
    terms: list[str]
    df: list[int]
    log_likelihood: list[float]
    aic: list[float]
    chisq: list[float | None]
    chisq_df: list[int | None]
    p: list[float | None]


class ComparisonRecord(TypedDict):
    """A table of ``anova``; ``by`` is the criterion it compares."""

    data: str
    formulas: list[str]
    method: Literal["REML", "ML"]
    by: Literal["REML", "ML"]
    df: list[int]
    aic: list[float]
    bic: list[float]
    log_likelihood: list[float]
    deviance: list[float]
    chisq: list[float | None]
    chisq_df: list[int | None]
    p: list[float | None]


class _File(TypedDict):
    profiles: list[ProfileRecord]
    random_terms: list[TermsRecord]
    comparisons: list[ComparisonRecord]


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """Everything in the file."""

    profiles: tuple[ProfileRecord, ...]
    random_terms: tuple[TermsRecord, ...]
    comparisons: tuple[ComparisonRecord, ...]


@cache
def likelihoods() -> Likelihoods:
    """The file, read once."""
    file: _File = json.loads((HERE / "likelihood.json").read_text("utf-8"))
    return Likelihoods(
        tuple(file["profiles"]), tuple(file["random_terms"]), tuple(file["comparisons"])
    )


def table(name: str) -> pd.DataFrame:
    """A table of the reference data; its grouping columns are text."""
    return pd.read_csv(
        HERE / "data" / f"{name}.csv",
        dtype=dict.fromkeys(_TEXT.get(name, ()), str),
        keep_default_na=False,
    )


def described(record: ProfileRecord | TermsRecord) -> str:
    """A name for the tests of a record."""
    return f"{record['formula']}, {record['method']}"
