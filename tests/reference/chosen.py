"""Lines that count some random effects, and models with ``ave`` (chosen.R), as typed values."""

from __future__ import annotations

import json
from functools import cache
from typing import TypedDict

from tests.reference.cases import HERE


class Choice(TypedDict):
    """The random terms counted, and the lines of the rows; no terms are none."""

    terms: list[str]
    estimate: list[float]
    std_error: list[float]


class LinesRecord(TypedDict):
    """Lines of some rows of a table, from 0."""

    data: str
    formula: str
    weights: str | None
    offset: str | None
    rows: list[int]
    choices: list[Choice]


class MeansRecord(TypedDict):
    """A model with group means; ``new`` are two houses in a new county whose mean is 0.3."""

    formula: str
    coefficients: list[str]
    beta: list[float]
    covariance: list[list[float]]
    theta: float | list[float]
    sigma: float
    criterion: float
    fitted_head: list[float]
    new: list[float]


class ChosenFile(TypedDict):
    """The file."""

    lines: list[LinesRecord]
    means: list[MeansRecord]


@cache
def chosen() -> ChosenFile:
    """The file, read once."""
    file: ChosenFile = json.loads((HERE / "chosen.json").read_text("utf-8"))
    return file


def described(record: LinesRecord | MeansRecord) -> str:
    """A name for the tests of a record."""
    return record["formula"]
