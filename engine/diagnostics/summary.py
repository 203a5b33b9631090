"""The diagnostics of a model in short: of the fit alone, and of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.diagnostics.rows import scanned
from engine.diagnostics.scan import Scan
from engine.diagnostics.shape import Shape, SummaryTest, spread_by_fitted, spread_by_level
from engine.diagnostics.variance import (
    Components,
    VarianceShare,
    principal_components,
    variance_partition,
)
from engine.fit import Fit
from engine.table import Codes, Data, Floats

SHOWN = 10
"""Rows that are named as the most extreme."""


@dataclass(frozen=True, slots=True)
class ModesShape:
    """The conditional modes of one random effect over the levels of its group."""

    group: str
    term: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What a fit says of itself without its rows.

    Attributes:
        r_squared_marginal, r_squared_conditional, icc: as in the statistics of the fit.
        variance_partition: the share of each random term and of the residual.
        principal_components: of the random effects of each group.
        modes: the shape of the conditional modes of each random effect.
    """

    r_squared_marginal: float
    r_squared_conditional: float
    icc: float | None
    variance_partition: tuple[VarianceShare, ...]
    principal_components: tuple[Components, ...]
    modes: tuple[ModesShape, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """The values of one diagnostic over all rows, in short; NaN are left out.

    Attributes:
        total, mean, maximum: over all rows.
        rows: numbers of the rows, from 0, with the largest values, the largest first.
        values: theirs.
    """

    total: float
    mean: float
    maximum: float
    rows: tuple[int, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, rows: Codes, values: Floats) -> Spread:
        """The summary of the values of rows; NaN throughout when there is none."""
        rows, values = rows[np.isfinite(values)], values[np.isfinite(values)]
        if not len(values):
            return cls(np.nan, np.nan, np.nan, (), ())
        top = np.argsort(-values, kind="stable")[:SHOWN]
        return cls(
            total=float(values.sum()),
            mean=float(values.mean()),
            maximum=float(values[top[0]]),
            rows=tuple(rows[top].tolist()),
            values=tuple(values[top].tolist()),
        )


@dataclass(frozen=True, slots=True)
class RowsSummary:
    """The rows of a model in short.

    Attributes:
        residuals: shape of the Pearson residuals.
        studentised: the largest studentised residuals, by absolute value.
        leverage: its total is the model's effective number of parameters given theta.
        cooks_distance: of the rows.
        spread_by_fitted: whether squared Pearson residuals follow the fitted values.
        spread_by_level: whether Pearson residuals spread alike in all levels, by group.
    """

    residuals: Shape
    studentised: Spread
    leverage: Spread
    cooks_distance: Spread
    spread_by_fitted: SummaryTest | None
    spread_by_level: Mapping[str, SummaryTest | None]


def diagnose(fit: Fit) -> Diagnostics:
    """Diagnostics that need no row."""
    statistics = fit.statistics
    return Diagnostics(
        r_squared_marginal=statistics.r_squared_marginal,
        r_squared_conditional=statistics.r_squared_conditional,
        icc=statistics.icc,
        variance_partition=variance_partition(fit),
        principal_components=principal_components(fit),
        modes=tuple(
            ModesShape(effects.group, term, Shape.of(effects.modes[:, i]))
            for effects in fit.random
            for i, term in enumerate(effects.terms)
        ),
    )


def diagnose_rows(fit: Fit, data: Data) -> RowsSummary:
    """Diagnostics of all rows in short.

    Args:
        fit: the model.
        data: the table it was fitted to.

    Raises:
        EngineError: the rows are not those that the model was fitted to.
    """
    scan = Scan.of(fit, data)
    found = scanned(scan)
    return RowsSummary(
        residuals=Shape.of(found.pearson),
        studentised=Spread.of(found.row, np.abs(found.studentised)),
        leverage=Spread.of(found.row, found.leverage),
        cooks_distance=Spread.of(found.row, found.cooks_distance),
        spread_by_fitted=spread_by_fitted(found.pearson, found.fitted),
        spread_by_level={
            effects.group: spread_by_level(found.pearson, factor.codes)
            for effects, factor in zip(fit.random, scan.factors, strict=True)
        },
    )
