"""The reference fits (R's lme4, lmerTest, pbkrtest) as typed cases; see README.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

HERE = Path(__file__).parent
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FixedEffects:
    """One row a coefficient: estimates, standard errors, Satterthwaite df, t and p."""

    names: tuple[str, ...]
    estimate: FloatArray
    se: FloatArray
    df: FloatArray
    t: FloatArray
    p: FloatArray


@dataclass(frozen=True, slots=True)
class KenwardRoger:
    """Kenward-Roger standard errors, df and p, in the order of the fixed effects."""

    se: FloatArray
    df: FloatArray
    p: FloatArray


@dataclass(frozen=True, slots=True)
class VarianceComponent:
    """A row of lme4's ``as.data.frame(VarCorr(fit))``.

    A variance and its standard deviation when ``other`` is None, else a covariance and a
    correlation. ``term`` is None in the row of the group ``Residual``. Of ``(1 + x || g)`` the
    groups are ``g`` and ``g.1``.
    """

    group: str
    term: str | None
    other: str | None
    covariance: float
    sd_or_correlation: float


@dataclass(frozen=True, slots=True)
class GroupModes:
    """The conditional modes of one grouping factor and their conditional standard deviations.

    ``values`` and ``sd`` have a row for each level and a column for each name.
    """

    levels: tuple[str, ...]
    names: tuple[str, ...]
    values: FloatArray
    sd: FloatArray


@dataclass(frozen=True, slots=True)
class Case:
    """One model fitted by lme4: what was asked, and every number of the answer."""

    name: str
    data: str
    formula: str
    method: Literal["REML", "ML"]
    weights: str | None
    offset: str | None
    categorical: tuple[str, ...]
    n: int
    fixed: FixedEffects
    kenward_roger: KenwardRoger | None
    vcov: FloatArray
    varcor: tuple[VarianceComponent, ...]
    sigma: float
    theta: FloatArray
    criterion: float
    loglik: float
    df: int
    aic: float
    bic: float
    deviance_ml: float
    singular: bool
    fitted_head: FloatArray
    ranef: Mapping[str, GroupModes]

    def __str__(self) -> str:
        return self.name


def cases() -> list[Case]:
    """Every reference case, in the order of the file."""
    return list(_read())


def case(name: str) -> Case:
    """The reference case of that name; KeyError when there is none."""
    return {known.name: known for known in _read()}[name]


def single_factor_cases() -> list[Case]:
    """The cases with one grouping factor, whatever varies by it; ``recipe:replicate`` is one."""
    return [known for known in _read() if len(known.ranef) == 1]


def frame(of: Case) -> pd.DataFrame:
    """The table the case was fitted to; its categorical and grouping columns are text."""
    return _table(of.data, _factors(of)).copy()


def _factors(of: Case) -> frozenset[str]:
    grouping = (column for group in of.ranef for column in group.split(":"))
    return frozenset((*of.categorical, *grouping))


@cache
def _table(name: str, text: frozenset[str]) -> pd.DataFrame:
    plain = HERE / "data" / f"{name}.csv"
    path = plain if plain.exists() else plain.with_suffix(".csv.gz")
    return pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False)


# The file as R's jsonlite writes it: a vector of one is a bare value, a matrix is a list of rows.
_Numbers = float | list[float]
_Names = str | list[str]


class _FixedRecord(TypedDict):
    names: _Names
    estimate: _Numbers
    se: _Numbers
    df: _Numbers
    t: _Numbers
    p: _Numbers


class _KenwardRogerRecord(TypedDict):
    se: _Numbers
    df: _Numbers
    p: _Numbers


class _ComponentRecord(TypedDict):
    grp: str
    var1: str | None
    var2: str | None
    vcov: float
    sdcor: float


class _ModesRecord(TypedDict):
    levels: _Names
    names: _Names
    values: list[list[float]]
    sd: list[list[float]]


class _CaseRecord(TypedDict):
    name: str
    data: str
    n: int
    formula: str
    weights: str | None
    offset: str | None
    method: Literal["REML", "ML"]
    fixed: _FixedRecord
    kenward_roger: _KenwardRogerRecord | None
    vcov: list[list[float]]
    varcor: list[_ComponentRecord]
    sigma: float
    theta: _Numbers
    criterion: float
    loglik: float
    df: int
    aic: float
    bic: float
    deviance_ml: float
    singular: bool
    fitted_head: _Numbers
    ranef: dict[str, _ModesRecord]
    categorical: list[str]


@cache
def _read() -> tuple[Case, ...]:
    records: dict[str, _CaseRecord] = json.loads((HERE / "reference.json").read_text("utf-8"))
    return tuple(_case(record) for record in records.values())


def _case(record: _CaseRecord) -> Case:
    return Case(
        name=record["name"],
        data=record["data"],
        formula=record["formula"],
        method=record["method"],
        weights=record["weights"],
        offset=record["offset"],
        categorical=tuple(record["categorical"]),
        n=record["n"],
        fixed=_fixed(record["fixed"]),
        kenward_roger=_kenward_roger(record["kenward_roger"]),
        vcov=np.array(record["vcov"], dtype=float),
        varcor=tuple(_component(row) for row in record["varcor"]),
        sigma=record["sigma"],
        theta=_vector(record["theta"]),
        criterion=record["criterion"],
        loglik=record["loglik"],
        df=record["df"],
        aic=record["aic"],
        bic=record["bic"],
        deviance_ml=record["deviance_ml"],
        singular=record["singular"],
        fitted_head=_vector(record["fitted_head"]),
        ranef={group: _modes(modes) for group, modes in record["ranef"].items()},
    )


def _vector(numbers: _Numbers) -> FloatArray:
    return np.atleast_1d(np.array(numbers, dtype=float))


def _names(names: _Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _fixed(record: _FixedRecord) -> FixedEffects:
    return FixedEffects(
        names=_names(record["names"]),
        estimate=_vector(record["estimate"]),
        se=_vector(record["se"]),
        df=_vector(record["df"]),
        t=_vector(record["t"]),
        p=_vector(record["p"]),
    )


def _kenward_roger(record: _KenwardRogerRecord | None) -> KenwardRoger | None:
    if record is None:
        return None
    return KenwardRoger(_vector(record["se"]), _vector(record["df"]), _vector(record["p"]))


def _component(row: _ComponentRecord) -> VarianceComponent:
    return VarianceComponent(row["grp"], row["var1"], row["var2"], row["vcov"], row["sdcor"])


def _modes(record: _ModesRecord) -> GroupModes:
    return GroupModes(
        levels=_names(record["levels"]),
        names=_names(record["names"]),
        values=np.array(record["values"], dtype=float),
        sd=np.array(record["sd"], dtype=float),
    )
