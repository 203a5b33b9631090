"""A summary from a document that somebody else wrote: every part is checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from engine import expression
from engine.cooccurrence import Cooccurrence
from engine.crossproducts import CrossProducts, GroupProducts, Pilot
from engine.design import Grouping
from engine.expression import Column, States
from engine.formula import MAX_CHARACTERS, Formula, parse
from engine.frame import variables
from engine.spec import Spec
from engine.state import Polynomial, Standardization, State
from engine.summaries.basis import Levels, anchors, indicator_design, stateful_calls
from engine.summaries.document import column_names
from engine.summaries.fields import LARGEST_COUNT, Fields, refuse
from engine.summaries.plausible import require_plausible
from engine.summaries.pooling import Key, PartSums
from engine.summaries.summary import FORMAT, Summary

KEYS = (
    *("format", "formula", "weights", "offset", "categorical", "factors", "constants"),
    *("n_rows", "n_dropped", "n_suppressed", "min_count", "log_weights"),
    *("columns", "products", "groups", "meetings"),
)
_LARGEST_UNIT = 1e75
_LONGEST = 10 * MAX_CHARACTERS
"""Of a formula: one that is written out is longer than what was sent."""


def from_document(document: object) -> Summary:
    """The summary that a document holds.

    Raises:
        EngineError: it is none; the problem's path says where.
    """
    if isinstance(document, Mapping) and document.get("format") != FORMAT:
        raise refuse(("format",), "this is no summary of a format that is known", f'use "{FORMAT}"')
    fields = Fields.of(document, (), KEYS)
    spec = _spec(fields)
    levels = _levels(fields, spec)
    constants = _constants(fields, spec.formula)
    design = indicator_design(spec, levels, constants)
    names = column_names(design)
    pilot = _pilot(fields, "columns", names, [bool(design.fixed.constant())] * len(names))
    listed = _listed(fields, "groups", len(design.groupings))
    found = [
        _group(_inner(fields, "groups", i, own), grouping, len(names))
        for i, (own, grouping) in enumerate(zip(listed, design.groupings, strict=True))
    ]
    groups = tuple(group for group, _ in found)
    products = CrossProducts(
        n=fields.count("n_rows", least=1),
        log_weights=fields.number("log_weights", 0.0),
        mm=fields.numbers("products", len(names), len(names)),
        pilot=pilot,
        groups=groups,
        meetings=_meetings(fields, groups),
    )
    summary = Summary(
        spec,
        levels,
        constants,
        PartSums(design, products, tuple(keys for _, keys in found)),
        n_dropped=fields.count("n_dropped", default=0),
        n_suppressed=fields.count("n_suppressed", default=0),
        min_count=fields.count("min_count", least=1, default=1),
    )
    require_plausible(summary)
    return summary


def _spec(fields: Fields) -> Spec:
    return Spec.of(
        parse(fields.text("formula"), max_characters=_LONGEST),
        weights=fields.name("weights"),
        offset=fields.name("offset"),
        categorical=fields.texts("categorical") if "categorical" in fields.content else (),
    )


def _levels(fields: Fields, spec: Spec) -> Levels:
    """The levels of the factors: those of the formula, and the columns of text beside them."""
    known = {expression.text(each): each for each in variables(spec.formula)}
    may = {
        name: column
        for name, each in known.items()
        if (column := each.name if isinstance(each, Column) else expression.is_factor(each))
    }
    must = {
        name
        for name, each in known.items()
        if expression.is_factor(each) or may.get(name) in spec.categorical
    }
    own = Fields.of(fields.content.get("factors", {}), ("factors",), may)
    for name in sorted(must - set(own.content)):
        raise refuse(own.at(name), f"{name} is a factor, and its levels are missing")
    levels: dict[str, tuple[str, ...]] = {}
    by_column: dict[str, tuple[str, ...]] = {}
    for name in own.content:
        levels[name] = own.texts(name)
        if not levels[name]:
            raise refuse(own.at(name), f"{name} has no levels")
        if by_column.setdefault(may[name], levels[name]) != levels[name]:
            raise refuse(own.at(name), f"{may[name]} has other levels elsewhere in factors")
    return levels


def _constants(fields: Fields, formula: Formula) -> States:
    """The constants of the stateful calls of the formula, all of them and no others."""
    calls = stateful_calls(formula)
    own = Fields.of(fields.content.get("constants", {}), ("constants",), calls)
    return {call: _state(own, call) for call in calls}


def _state(fields: Fields, call: str) -> State:
    path = fields.at(call)
    content = fields.get(call)
    kind = content.get("kind") if isinstance(content, Mapping) else None
    if call.startswith("poly("):
        own = Fields.of(content, path, ("kind", "alpha", "norm2"))
        alpha = own.numbers("alpha", _length(own, "alpha"))
        norm2 = own.numbers("norm2", len(alpha) + 2)
        if kind != "polynomial" or not (norm2 > 0.0).all():
            raise refuse(path, "these are no constants of poly()")
        if len(alpha) != len(_labels(call)):
            raise refuse(own.at("alpha"), "alpha has not one number for each degree")
        return Polynomial(tuple(alpha.tolist()), tuple(norm2.tolist()))
    own = Fields.of(content, path, ("kind", "center", "scale"))
    state = Standardization(own.number("center", np.nan), own.number("scale", np.nan))
    if kind != "standardization" or state.scale == 0.0:
        raise refuse(path, "these are no constants of scale() or center()")
    return state


def _labels(call: str) -> tuple[str, ...]:
    (variable,) = parse(f"y ~ {call}", max_characters=None).terms[0].factors
    return expression.labels(variable)


def _pilot(fields: Fields, key: str, names: Sequence[str], held: Sequence[bool]) -> Pilot:
    """Centres and units of columns; ``held`` tells which have a constant to be shifted by."""
    own = Fields.of(fields.get(key), fields.at(key), ("names", "centre", "scale"))
    if own.items("names") != list(names):
        shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise refuse(own.at("names"), "these are not the columns of the formula", f"use {shown}")
    centre = own.numbers("centre", len(names))
    scale = own.numbers("scale", len(names))
    if not ((scale >= 1.0 / _LARGEST_UNIT) & (scale <= _LARGEST_UNIT)).all():
        raise refuse(own.at("scale"), "a unit is not a positive number")
    if np.abs(centre).max(initial=0.0) > _LARGEST_UNIT:
        raise refuse(own.at("centre"), f"a centre is larger than {_LARGEST_UNIT:g}")
    if (centre[~np.array(held, dtype=bool)] != 0.0).any():
        raise refuse(
            own.at("centre"),
            "a column is shifted and has no intercept beside it",
            "such columns have the centre 0",
        )
    return Pilot(centre, scale)


def _listed(fields: Fields, key: str, count: int) -> list[object]:
    """A list of one object for each of what the formula has."""
    found = fields.items(key) if count or key in fields.content else []
    if len(found) != count:
        raise refuse(fields.at(key), f"{key} has {len(found)} entries where {count} belong")
    return found


def _inner(fields: Fields, key: str, index: int, value: object) -> Fields:
    keys = {
        "groups": ("columns", "effects", "levels", "rows", "zz", "zm"),
        "meetings": ("groups", "rows", "columns", "values"),
    }[key]
    return Fields.of(value, (*fields.at(key), index), keys)


def _group(fields: Fields, grouping: Grouping, m: int) -> tuple[GroupProducts, tuple[Key, ...]]:
    if fields.items("columns") != list(grouping.columns):
        listed = ", ".join(grouping.columns)
        raise refuse(
            fields.at("columns"), "these are not the columns of the group", f"use {listed}"
        )
    anchor = anchors(grouping)
    pilot = _pilot(fields, "effects", grouping.names, (anchor >= 0).tolist())
    if (pilot.centre[anchor == np.arange(len(anchor))] != 0.0).any() or (
        pilot.scale[anchor == np.arange(len(anchor))] != 1.0
    ).any():
        raise refuse(fields.at("effects"), "an intercept is shifted or scaled", "use 0 and 1")
    keys = _keys(fields, len(grouping.columns))
    k = len(anchor)
    return GroupProducts(
        name=grouping.name,
        levels=tuple(map(":".join, keys)),
        rows=fields.counts("rows", len(keys), 1, LARGEST_COUNT),
        zz=fields.numbers("zz", len(keys), k, k),
        zm=fields.numbers("zm", len(keys), k, m),
        pilot=pilot,
    ), keys


def _keys(fields: Fields, parts: int) -> tuple[Key, ...]:
    """The levels: texts, or lists of texts where several columns make the factor."""
    if parts == 1:
        return tuple((level,) for level in fields.texts("levels"))
    found = []
    for i, level in enumerate(fields.items("levels")):
        own = Fields({"level": level}, (*fields.at("levels"), i))
        key = tuple(map(str, own.items("level")))
        if len(key) != parts or key != tuple(own.items("level")):
            raise refuse(own.path, f"a level is a list of {parts} texts here")
        found.append(key)
    if len(set(found)) < len(found):
        raise refuse(fields.at("levels"), "a level stands twice")
    return tuple(found)


def _meetings(fields: Fields, groups: Sequence[GroupProducts]) -> tuple[Cooccurrence, ...]:
    pairs = list(combinations(range(len(groups)), 2))
    found = []
    for i, (value, pair) in enumerate(
        zip(_listed(fields, "meetings", len(pairs)), pairs, strict=True)
    ):
        own = _inner(fields, "meetings", i, value)
        if own.counts("groups", 2, 0, len(groups)).tolist() != list(pair):
            raise refuse(own.at("groups"), "this is another pair of groups", f"use {list(pair)}")
        cells = _length(own, "rows")
        a, b = (groups[g] for g in pair)
        rows = own.counts("rows", cells, 0, len(a.levels) - 1)
        columns = own.counts("columns", cells, 0, len(b.levels) - 1)
        if len(np.unique(rows * len(b.levels) + columns)) < cells:
            raise refuse(own.at("rows"), "a cell stands twice")
        values = own.numbers("values", cells, a.zz.shape[1], b.zz.shape[1])
        found.append(Cooccurrence(*pair, rows, columns, values))
    return tuple(found)


def _length(fields: Fields, key: str) -> int:
    value = fields.get(key)
    if isinstance(value, list | np.ndarray):
        return len(value)
    raise refuse(fields.at(key), f"{key} is not a list")
