"""Predictions: what is asked becomes columns for the engine, what it says becomes the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray
from pydantic_core import to_json

from engine import DataError, EngineError, Needs, Outcome, Predictions, Predictive, Problem
from service.caps import REQUEST
from service.handlers import of_options
from service.schemas.predictions import PredictionOptions, PredictionRequest


class Options(Struct, frozen=True):
    """How to predict."""

    level: float
    thresholds: tuple[float, ...]
    new_levels: str
    random_effects: str | tuple[str, ...] = "all"


def options_of(asked: PredictionRequest | PredictionOptions) -> Options:
    """Return the options of a request."""
    terms = asked.random_effects
    return Options(
        asked.level,
        tuple(asked.thresholds),
        asked.new_levels,
        terms if isinstance(terms, str) else tuple(terms),
    )


Columns: TypeAlias = Mapping[str, Sequence[object] | NDArray[np.generic]]


def answer_rows(
    name: str, model: Predictive, rows: Sequence[Mapping[str, object]], options: Options
) -> bytes:
    """Return predictions of rows as the JSON of ``PredictionItems``."""
    model = _counting(model, options)
    columns = transposed(model.needs, rows)
    items = _items(_predict(model, columns, options), options)
    if not columns:  # a model without predictors says the same of every row
        items *= len(rows)
    answer = {"model": name, "level": options.level, "items": items}
    return to_json(answer, inf_nan_mode="null")


def answer_columns(name: str, model: Predictive, columns: Columns, options: Options) -> bytes:
    """Return predictions of columns as the JSON of ``PredictionColumns``."""
    try:
        found = _predict(_counting(model, options), columns, options)
    except EngineError as error:
        raise by_column(error) from error
    by_name = {
        name: values.tolist() if isinstance(values, np.ndarray) else values
        for name, values in _flat(found, options)
    }
    answer = {"model": name, "level": options.level, "columns": by_name}
    return to_json(answer, inf_nan_mode="null")


def answer_table(model: Predictive, columns: Columns, options: Options) -> pa.Table:
    """Return predictions as a table, its columns named as those of ``PredictionColumns``."""
    found = _predict(_counting(model, options, "query"), columns, options)
    return pa.table({name: _arrow(values) for name, values in _flat(found, options)})


def _counting(model: Predictive, options: Options, *place: str) -> Predictive:
    """Return the model with the random effects counted that are asked for, at ``place``."""
    try:
        return model.counting(options.random_effects)
    except EngineError as error:
        raise of_options(error, lambda path: (*place, *path)) from error


def _predict(model: Predictive, columns: Columns, options: Options) -> Predictions:
    return model.predict(
        columns,
        level=options.level,
        thresholds=options.thresholds,
        new_levels=options.new_levels,
    )


def transposed(needs: Needs, rows: Sequence[Mapping[str, object]]) -> Columns:
    """Return rows as columns; raises ``DataError`` with every missing or extra key.

    Columns that a row may have are among them when any row does, without values for the others.
    """
    wanted = [predictor.name for predictor in needs.required]
    names = set(wanted)
    columns = {}
    if any(row.keys() != names for row in rows):
        optional = [predictor.name for predictor in needs.optional]
        if problems := _wrong_keys(rows, wanted, optional):
            raise DataError(*problems)
        given = [name for name in optional if any(name in row for row in rows)]
        columns = {name: [row.get(name) for row in rows] for name in given}
    return {name: [row[name] for row in rows] for name in wanted} | columns


def _wrong_keys(
    rows: Sequence[Mapping[str, object]], wanted: Sequence[str], optional: Sequence[str]
) -> list[Problem]:
    hint = f"The keys are: {', '.join(wanted) or 'none'}."
    if optional:
        hint += f" A row may have: {', '.join(optional)}."
    allowed = {*wanted, *optional}
    problems: list[Problem] = []
    for i, row in enumerate(rows):
        problems += [
            Problem("missing_key", f"Row {i + 1} misses {name}.", hint, ("rows", i, name))
            for name in wanted
            if name not in row
        ]
        problems += [
            Problem("extra_key", f"Row {i + 1} has an unknown key.", hint, ("rows", i, name))
            for name in row
            if name not in allowed
        ]
        if len(problems) >= REQUEST.problems:
            break
    return problems


def by_column(error: EngineError) -> EngineError:
    """Return the same error, pointing into columns: ``/columns/floor/3`` for ``/rows/3/floor``."""
    moved = (
        Problem(each.code, each.detail, each.hint, _column_path(each.path))
        for each in error.problems
    )
    return type(error)(*moved)


def _column_path(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    if path[:1] != ("rows",):
        return path
    return ("columns", *reversed(path[1:])) if len(path) == 3 else ("columns",)


def _items(found: Predictions, options: Options) -> list[dict[str, object]]:
    outcomes: Iterator[object] = iter(())
    if found.outcome is not None:
        outcomes = _outcomes(found.outcome, options.thresholds)
    items: list[dict[str, object]] = [
        {
            "estimate": estimate,
            "std_error": std_error,
            "interval": {"lower": lower, "upper": upper},
            "prediction_std_error": spread,
            "prediction_interval": {"lower": least, "upper": most},
            "new_levels": new_levels,
            "outcome": next(outcomes, None),
        }
        for estimate, std_error, lower, upper, spread, least, most, new_levels in zip(
            found.estimate.tolist(),
            found.std_error.tolist(),
            found.lower.tolist(),
            found.upper.tolist(),
            found.prediction_std_error.tolist(),
            found.prediction_lower.tolist(),
            found.prediction_upper.tolist(),
            found.new_levels,
            strict=True,
        )
    ]
    if found.weights is not None:
        for item, weight in zip(items, found.weights.tolist(), strict=True):
            item["weight"] = weight
    return items


def _outcomes(outcome: Outcome, thresholds: Sequence[float]) -> Iterator[object]:
    for median, mean, lower, upper, above in zip(
        outcome.median.tolist(),
        outcome.mean.tolist(),
        outcome.lower.tolist(),
        outcome.upper.tolist(),
        outcome.exceedance.tolist(),
        strict=True,
    ):
        yield {
            "median": median,
            "mean": mean,
            "prediction_interval": {"lower": lower, "upper": upper},
            "exceedance": [
                {"threshold": threshold, "probability": probability}
                for threshold, probability in zip(thresholds, above, strict=True)
            ],
        }


def _flat(
    found: Predictions, options: Options
) -> Iterator[tuple[str, np.ndarray | Sequence[Sequence[str]]]]:
    yield "estimate", found.estimate
    yield "std_error", found.std_error
    yield "interval.lower", found.lower
    yield "interval.upper", found.upper
    yield "prediction_std_error", found.prediction_std_error
    yield "prediction_interval.lower", found.prediction_lower
    yield "prediction_interval.upper", found.prediction_upper
    yield "new_levels", found.new_levels
    if found.weights is not None:
        yield "weight", found.weights
    outcome = found.outcome
    if outcome is None:
        return
    yield "outcome.median", outcome.median
    yield "outcome.mean", outcome.mean
    yield "outcome.prediction_interval.lower", outcome.lower
    yield "outcome.prediction_interval.upper", outcome.upper
    for i, threshold in enumerate(options.thresholds):
        yield f"outcome.exceedance.{_short(threshold)}", outcome.exceedance[:, i]


def _short(number: float) -> str:
    return repr(float(number)).removesuffix(".0")


def _arrow(values: np.ndarray | Sequence[Sequence[str]]) -> pa.Array:
    if isinstance(values, np.ndarray):
        return pa.array(values, pa.float64(), mask=~np.isfinite(values))
    return pa.array(values, pa.list_(pa.string()))
