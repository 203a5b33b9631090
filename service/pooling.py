"""The three ways of pooling: pages of JSON, or the whole as a table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic_core import to_json

from engine import Fit, Pooling, SpecError, pooling
from service import tabular
from service.catalog.paging import window
from service.problems import ProblemError


def compared(fit: Fit, group: str) -> Pooling:
    """Return the comparison; raises ``not_comparable`` for a model that has none."""
    try:
        return pooling(fit, group)
    except SpecError as error:
        detail = error.problems[0].detail
        raise ProblemError("not_comparable", detail, error.problems) from error


def page(model: str, found: Pooling, limit: int, cursor: str | None) -> bytes:
    """Return ``limit`` levels from where the cursor says, as the JSON of a ``PoolingPage``."""
    count = len(found.levels)
    rows, following = window(cursor, limit, count)
    columns = [values[rows].tolist() for pair in _ways(found).values() for values in pair]
    items = [
        {
            "level": level,
            "n": n,
            "complete_pooling": {"estimate": own[0], "std_error": own[1]},
            "no_pooling": {"estimate": own[2], "std_error": own[3]},
            "partial_pooling": {"estimate": own[4], "std_error": own[5]},
            "pooling_weight": weight,
        }
        for level, n, weight, *own in zip(
            found.levels[rows],
            found.n[rows].tolist(),
            found.pooling_weight[rows].tolist(),
            *columns,
            strict=True,
        )
    ]
    answer = {
        "model": model,
        "group": found.group,
        "count": count,
        "next": following,
        "items": items,
    }
    return to_json(answer, inf_nan_mode="null")


def table(found: Pooling) -> pa.Table:
    """Return all levels as a table whose columns are named by their place in the JSON."""
    columns: dict[str, pa.Array] = {"level": pa.array(found.levels), "n": pa.array(found.n)}
    for way, (estimate, std_error) in _ways(found).items():
        columns[f"{way}.estimate"] = tabular.numbers(estimate)
        columns[f"{way}.std_error"] = tabular.numbers(std_error)
    columns["pooling_weight"] = tabular.numbers(found.pooling_weight)
    return pa.table(columns)


def _ways(found: Pooling) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {
        "complete_pooling": (found.complete, found.complete_std_error),
        "no_pooling": (found.none, found.none_std_error),
        "partial_pooling": (found.partial, found.partial_std_error),
    }
