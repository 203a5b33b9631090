"""A table of rows to draw responses for, read into a frame with the levels of the model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engine.chosen import Chosen
from engine.errors import DataError, Problem, SpecError
from engine.fit import Fit
from engine.frame import Frame
from engine.needs import Needs
from engine.table import Codes, Factor, Floats, Table


def frame_of(fit: Fit, table: Table) -> Frame:
    """The columns of X, Z, weights and offset, factors with the levels of the model.

    Raises:
        SpecError: a column is not in the table.
        DataError: a value is missing or infinite, a level of a fixed factor is new, a weight is
            not positive.
    """
    needs = Needs.of(fit, Chosen.of(fit))
    weights = [] if fit.spec.weights is None else [fit.spec.weights]
    numbers = [*(own.name for own in needs.required if own.name in needs.numbers), *weights]
    factors = [own for own in needs.required if own.name in needs.factors]
    _require_columns([*numbers, *(own.name for own in factors)], table)
    read = {name: _complete(table.numbers(name), name) for name in numbers}
    coded = {own.name: table.factor(own.name) for own in factors}
    for name, factor in coded.items():
        _complete(np.where(factor.codes < 0, np.nan, 0.0), name)
    for own in factors:
        if own.kind == "factor":
            coded[own.name] = _recoded(coded[own.name], own.name, own.levels)
    frame = Frame(table.n_rows, 0, read, coded)
    for name in weights:
        _require_positive(frame, name)
    return frame


def _require_columns(names: Iterable[str], table: Table) -> None:
    missing = [name for name in dict.fromkeys(names) if name not in set(table.names)]
    if missing:
        raise SpecError(
            *(
                Problem(
                    "unknown_column",
                    f"column {name} is not in the data",
                    f"the columns are {', '.join(table.names[:20])}",
                    ("dataset", name),
                )
                for name in missing
            )
        )


def _complete(values: Floats, name: str) -> Floats:
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0]) + 1
        raise DataError(
            Problem(
                "missing_values",
                f"column {name} is missing or infinite in row {row}",
                "leave rows out that are not complete",
                ("dataset", name),
            )
        )
    return values


def _recoded(factor: Factor, name: str, levels: tuple[str, ...]) -> Factor:
    """The factor with the codes that its levels have in the model."""
    place = {level: code for code, level in enumerate(levels)}
    recode: Codes = np.array([place.get(level, -1) for level in factor.levels], dtype=np.int64)
    codes = recode[factor.codes]
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0]) + 1
        raise DataError(
            Problem(
                "unknown_level",
                f"row {row}: {name} is not a level of this factor",
                f"the levels are: {', '.join(levels[:20])}",
                ("dataset", name),
            )
        )
    return Factor(codes, levels)


def _require_positive(frame: Frame, name: str) -> None:
    weights = frame.numbers[name]
    if not (weights > 0.0).all():
        raise DataError(
            Problem(
                "bad_weights",
                f"weights are not positive in row {frame.row_numbers(weights <= 0.0)}",
                "weights are positive",
                ("weights",),
            )
        )
