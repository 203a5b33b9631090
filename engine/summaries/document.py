"""A summary as a document: plain names and numbers, in the layout of ``docs/summaries.md``.

Arrays stand flat, rows first. The same document is written as JSON or as Arrow.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from engine import expression
from engine.crossproducts import GroupProducts, Pilot
from engine.design import INTERCEPT, Design, Grouping
from engine.state import GroupMeans
from engine.summaries.pooling import Key
from engine.summaries.summary import FORMAT, Summary

Document: TypeAlias = dict[str, object]


def to_document(summary: Summary) -> Document:
    """The document of a summary; arrays are numpy's, flat."""
    spec, products = summary.spec, summary.sums.products
    design = summary.sums.design
    return {
        "format": FORMAT,
        "formula": spec.formula.text,
        "weights": spec.weights,
        "offset": spec.offset,
        "categorical": list(spec.categorical),
        "factors": {name: list(levels) for name, levels in summary.levels.items()},
        "constants": {
            call: state.as_dict()
            for call, state in summary.constants.items()
            if not isinstance(state, GroupMeans)  # a formula that takes these has no summary
        },
        "n_rows": products.n,
        "n_dropped": summary.n_dropped,
        "n_suppressed": summary.n_suppressed,
        "min_count": summary.min_count,
        "log_weights": products.log_weights,
        "columns": _axis(column_names(design), products.pilot),
        "products": products.mm.ravel(),
        "groups": [
            _group(grouping, group, keys)
            for grouping, group, keys in zip(
                design.groupings, products.groups, summary.sums.keys, strict=True
            )
        ],
        "meetings": [
            {
                "groups": np.array([each.first, each.second]),
                "rows": each.rows,
                "columns": each.columns,
                "values": each.values.ravel(),
            }
            for each in products.meetings
        ],
    }


def column_names(design: Design) -> list[str]:
    """The names of the columns of M = [1 X y]; the constant stands there, be it in X or not."""
    fixed = design.fixed
    own = fixed.names if fixed.intercept else (INTERCEPT, *fixed.names)
    return [*own, expression.text(design.response.expr)]


def _axis(names: list[str], pilot: Pilot) -> Document:
    return {"names": names, "centre": pilot.centre, "scale": pilot.scale}


def _group(grouping: Grouping, group: GroupProducts, keys: tuple[Key, ...]) -> Document:
    return {
        "columns": list(grouping.columns),
        "effects": _axis(list(grouping.names), group.pilot),
        "levels": [key[0] if len(key) == 1 else list(key) for key in keys],
        "rows": group.rows,
        "zz": group.zz.ravel(),
        "zm": group.zm.ravel(),
    }
