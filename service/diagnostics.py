"""Diagnostics as they are answered: short ones, rows and levels as pages or tables."""

from __future__ import annotations

from dataclasses import fields
from typing import Final
from urllib.parse import quote

import pyarrow as pa
from pydantic_core import to_json

from engine import (
    Diagnostics,
    Fit,
    LevelInfluence,
    RowDiagnostics,
    RowsSummary,
    Shape,
    Spread,
    SummaryTest,
    diagnose,
    diagnose_rows,
)
from service import tabular
from service.catalog.paging import window

_ROW_FIELDS: Final = tuple(field.name for field in fields(RowDiagnostics))


def summary(model: str, fit: Fit, table: pa.Table | None, missing: str | None) -> bytes:
    """Return the JSON of ``ModelDiagnostics``; without a table ``missing`` says why."""
    rows = None if table is None else _rows(diagnose_rows(fit, table))
    answer = {
        "model": model,
        "n_rows": fit.n_rows,
        **_of_fit(diagnose(fit)),
        "rows": rows,
        "rows_missing": missing,
        "links": _links(model, [effects.group for effects in fit.random]),
    }
    return to_json(answer, inf_nan_mode="null")


def rows_page(
    model: str, dataset: str, count: int, found: RowDiagnostics, following: str | None
) -> bytes:
    """Return rows as the JSON of a ``RowDiagnosticsPage``."""
    columns = [getattr(found, name).tolist() for name in _ROW_FIELDS]
    items = [dict(zip(_ROW_FIELDS, row, strict=True)) for row in zip(*columns, strict=True)]
    answer = {
        "model": model,
        "dataset": dataset,
        "count": count,
        "next": following,
        "items": items,
    }
    return to_json(answer, inf_nan_mode="null")


def rows_table(found: RowDiagnostics) -> pa.Table:
    """Return rows as a table with the columns of a ``RowDiagnostic``."""
    first, *rest = _ROW_FIELDS
    columns = {name: tabular.numbers(getattr(found, name)) for name in rest}
    return pa.table({first: pa.array(found.row), **columns})


def levels_page(
    model: str, found: LevelInfluence, terms: tuple[str, ...], limit: int, cursor: str | None
) -> bytes:
    """Return ``limit`` levels from where the cursor says, as a ``LevelInfluencePage``."""
    count = len(found.levels)
    rows, following = window(cursor, limit, count)
    answer = {
        "model": model,
        "group": found.group,
        "exact": found.exact,
        "count": count,
        "next": following,
        "items": [_level(found, terms, j) for j in range(rows.start, rows.stop)],
    }
    return to_json(answer, inf_nan_mode="null")


def levels_table(found: LevelInfluence, terms: tuple[str, ...]) -> pa.Table:
    """Return all levels as a table whose columns are named by their place in the JSON."""
    columns: dict[str, pa.Array] = {
        "level": pa.array(found.levels),
        "n": pa.array(found.n),
        "cooks_distance": tabular.numbers(found.cooks_distance),
        "sigma": tabular.numbers(found.sigma),
    }
    for i, term in enumerate(terms):
        columns[f"coefficients.{term}.estimate"] = tabular.numbers(found.coefficients[:, i])
        columns[f"coefficients.{term}.dfbetas"] = tabular.numbers(found.dfbetas[:, i])
    for i, (group, term) in enumerate(found.effects):
        columns[f"random_effects.{group}.{term}"] = tabular.numbers(found.std_dev[:, i])
    return pa.table(columns)


def _level(found: LevelInfluence, terms: tuple[str, ...], j: int) -> dict[str, object]:
    std_dev: dict[str, dict[str, float]] = {}
    for (group, term), value in zip(found.effects, found.std_dev[j].tolist(), strict=True):
        std_dev.setdefault(group, {})[term] = value
    own = zip(terms, found.coefficients[j].tolist(), found.dfbetas[j].tolist(), strict=True)
    return {
        "level": found.levels[j],
        "n": int(found.n[j]),
        "cooks_distance": float(found.cooks_distance[j]),
        "sigma": float(found.sigma[j]),
        "coefficients": {
            term: {"estimate": estimate, "dfbetas": change} for term, estimate, change in own
        },
        "random_effects": std_dev,
    }


def _of_fit(found: Diagnostics) -> dict[str, object]:
    return {
        "r_squared": {
            "marginal": found.r_squared_marginal,
            "conditional": found.r_squared_conditional,
        },
        "icc": found.icc,
        "variance_partition": [
            {
                "group": own.group,
                "terms": own.terms,
                "variance": own.variance,
                "share": own.share,
            }
            for own in found.variance_partition
        ],
        "principal_components": [
            {
                "group": own.group,
                "terms": own.terms,
                "std_dev": own.std_dev.tolist(),
                "cumulative": own.cumulative.tolist(),
                "rotation": own.rotation.tolist(),
            }
            for own in found.principal_components
        ],
        "random_effects": [
            {"group": own.group, "term": own.term, "shape": _shape(own.shape)}
            for own in found.modes
        ],
    }


def _rows(found: RowsSummary) -> dict[str, object]:
    return {
        "residuals": _shape(found.residuals),
        "studentised": _spread(found.studentised),
        "leverage": _spread(found.leverage),
        "cooks_distance": _spread(found.cooks_distance),
        "spread_by_fitted": _test(found.spread_by_fitted),
        "spread_by_level": [
            {"group": group, "test": _test(test)} for group, test in found.spread_by_level.items()
        ],
    }


def _shape(found: Shape) -> dict[str, object]:
    return {
        "n": found.n,
        "mean": found.mean,
        "std_dev": found.std_dev,
        "skewness": found.skewness,
        "kurtosis": found.kurtosis,
        "quantiles": found.quantiles,
        "normality": _test(found.normality),
    }


def _test(found: SummaryTest | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "name": found.name,
        "n": found.n,
        "statistic": found.statistic,
        "df": found.df,
        "p_value": found.p_value,
    }


def _spread(found: Spread) -> dict[str, object]:
    pairs = zip(found.rows, found.values, strict=True)
    return {
        "total": found.total,
        "mean": found.mean,
        "maximum": found.maximum,
        "highest": [{"row": row, "value": value} for row, value in pairs],
    }


def _links(model: str, groups: list[str]) -> dict[str, object]:
    base = f"/v1/models/{model}"
    encoded = {group: quote(group, safe="") for group in groups}
    one = encoded if len(groups) == 1 else {}
    return {
        "rows": f"{base}/diagnostics/rows",
        "levels": {group: f"{base}/diagnostics/levels/{own}" for group, own in encoded.items()},
        "pooling": {group: f"{base}/pooling/{own}" for group, own in one.items()},
    }
