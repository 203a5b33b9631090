"""The effects of a group: pages of JSON, or the whole as a table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic_core import to_json

from engine import GroupEffects
from service import tabular
from service.catalog.paging import window


def page(model: str, found: GroupEffects, limit: int, cursor: str | None) -> bytes:
    """Return ``limit`` levels from where the cursor says, as the JSON of an ``EffectsPage``."""
    rows, following = window(cursor, limit, len(found.levels))
    return to_json(
        {
            "model": model,
            "group": found.group,
            "terms": found.terms,
            "count": len(found.levels),
            "next": following,
            "items": _items(found, rows),
        },
        inf_nan_mode="null",
    )


def table(found: GroupEffects) -> pa.Table:
    """Return all levels as a table whose columns are named by their place in the JSON."""
    columns: dict[str, pa.Array] = {"level": pa.array(found.levels), "n": pa.array(found.n)}
    for part, terms, estimates, errors in _parts(found):
        for i, term in enumerate(terms):
            columns[f"{part}.{term}.estimate"] = tabular.numbers(estimates[:, i])
            columns[f"{part}.{term}.std_error"] = tabular.numbers(errors[:, i])
    columns["pooling_weight"] = tabular.numbers(found.pooling_weight)
    columns["no_pooling.estimate"] = tabular.numbers(found.no_pooling)
    columns["no_pooling.std_error"] = tabular.numbers(found.no_pooling_std_error)
    return pa.table(columns)


def _items(found: GroupEffects, rows: slice) -> list[dict[str, object]]:
    parts = {
        part: [
            {
                term: {"estimate": estimate, "std_error": error}
                for term, estimate, error in zip(terms, *pair, strict=True)
            }
            for pair in zip(estimates[rows].tolist(), errors[rows].tolist(), strict=True)
        ]
        for part, terms, estimates, errors in _parts(found)
    }
    own = zip(
        found.no_pooling[rows].tolist(), found.no_pooling_std_error[rows].tolist(), strict=True
    )
    return [
        {
            "level": level,
            "n": n,
            "effects": effects,
            "coefficients": coefficients,
            "pooling_weight": weight,
            "no_pooling": {"estimate": estimate, "std_error": error},
        }
        for level, n, effects, coefficients, weight, (estimate, error) in zip(
            found.levels[rows],
            found.n[rows].tolist(),
            parts["effects"],
            parts["coefficients"],
            found.pooling_weight[rows].tolist(),
            own,
            strict=True,
        )
    ]


def _parts(
    found: GroupEffects,
) -> tuple[tuple[str, tuple[str, ...], np.ndarray, np.ndarray], ...]:
    return (
        ("effects", found.terms, found.effects, found.effects_std_error),
        (
            "coefficients",
            found.coefficient_terms,
            found.coefficients,
            found.coefficients_std_error,
        ),
    )
