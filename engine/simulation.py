"""New responses drawn from a fitted model, for given rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from engine import expression
from engine.cholesky import semidefinite_root
from engine.design import Categorical, Grouping, Numeric, TermSet
from engine.errors import DataError, LimitError, Problem, SpecError
from engine.fit import Fit, RandomEffects
from engine.frame import Frame
from engine.response import invert
from engine.table import Codes, Factor, Floats, Table

MAX_VALUES = 100_000_000
"""Most values that are drawn at once."""


def simulate(
    fit: Fit,
    data: pd.DataFrame | pa.Table,
    n_sim: int = 1,
    seed: int = 0,
    *,
    use_modes: bool = False,
    outcome: bool = False,
) -> Floats:
    """Draw responses y = X beta + Z b + e for the rows of a table, beta and variances as estimated.

    Args:
        fit: the model.
        data: rows complete in the columns that the model reads but the response.
        n_sim: draws.
        seed: of the draws, not negative.
        use_modes: keep the conditional modes of the levels that the model has seen (lme4's
            ``use.u = TRUE``) instead of drawing their effects. New levels are drawn.
        outcome: bring the draws back to the scale of the response's column.

    Returns:
        The responses, (rows, n_sim).

    Raises:
        SpecError: a column is not in the data; the response has no way back to its column.
        DataError: a value is missing or infinite, a level of a fixed factor is new, a weight is
            not positive.
        LimitError: ``n_sim`` or the seed is out of range.
    """
    frame = _frame(fit, Table.of(data))
    _require_numbers(frame.n_rows, n_sim, seed)
    inverse = invert(fit.design.response.expr, fit.design.response.states) if outcome else None
    if outcome and inverse is None:
        raise SpecError(
            Problem(
                "no_way_back",
                "the response cannot be brought back to the scale of a column",
                "use the scale of the model",
                ("outcome",),
            )
        )
    generator = np.random.default_rng(seed)
    y = np.repeat(_fixed_part(fit, frame)[:, None], n_sim, axis=1)
    for grouping, effects in zip(fit.design.groupings, fit.random, strict=True):
        y += _random_part(grouping, effects, frame, n_sim, use_modes, generator)
    noise = fit.sigma * generator.standard_normal(y.shape)
    if fit.spec.weights is not None:
        noise /= np.sqrt(_weights(frame, fit.spec.weights))[:, None]
    y += noise
    if inverse is None:
        return y
    return inverse.backward(y.ravel()).reshape(y.shape)


def _fixed_part(fit: Fit, frame: Frame) -> Floats:
    """X beta and the offset, (n,)."""
    first = int(not fit.design.fixed.intercept)  # kept counts the constant, which X may not have
    columns = fit.design.fixed.columns(frame)
    x = np.column_stack([columns[index - first] for index in fit.kept.tolist()])
    offset = fit.design.response.offset
    mean: Floats = x @ fit.beta
    return mean if offset is None else mean + frame.numbers[offset]


def _random_part(
    grouping: Grouping,
    effects: RandomEffects,
    frame: Frame,
    n_sim: int,
    use_modes: bool,
    generator: np.random.Generator,
) -> Floats:
    """Z b of one grouping factor, (n, n_sim)."""
    factor = grouping.factor(frame)
    z = np.column_stack(grouping.z_columns(frame))
    half = semidefinite_root(effects.covariance)
    drawn = generator.standard_normal((n_sim, len(factor.levels), len(half))) @ half.T
    if use_modes:
        place = [effects.place.get(level, -1) for level in factor.levels]
        seen = [j for j, own in enumerate(place) if own >= 0]
        drawn[:, seen] = effects.modes[[place[j] for j in seen]]
    return np.asarray(np.einsum("nk,snk->ns", z, drawn[:, factor.codes]))


def _frame(fit: Fit, table: Table) -> Frame:
    """The columns of X, Z, weights and offset, factors with the levels of the model."""
    sets = [fit.design.fixed, *(t for g in fit.design.groupings for t in g.terms)]
    numbers, factors = _names(sets)
    extra = [name for name in (fit.spec.weights, fit.spec.offset) if name is not None]
    groups = [name for grouping in fit.design.groupings for name in grouping.columns]
    _require_columns([*numbers, *extra, *factors, *groups], table)
    read = {name: _complete(table.numbers(name), name) for name in (*numbers, *extra)}
    coded = {name: table.factor(name) for name in (*groups, *factors)}
    for name, factor in coded.items():
        _complete(np.where(factor.codes < 0, np.nan, 0.0), name)
    coded |= {name: _recoded(coded[name], name, levels) for name, levels in factors.items()}
    return Frame(table.n_rows, 0, read, coded)


def _names(sets: Iterable[TermSet]) -> tuple[dict[str, None], dict[str, tuple[str, ...]]]:
    """Columns read as numbers, and columns read as factors with their levels."""
    numbers: dict[str, None] = {}
    factors: dict[str, tuple[str, ...]] = {}
    for variable in (v for terms in sets for block in terms.blocks for v in block.variables):
        match variable:
            case Numeric(expr):
                numbers |= dict.fromkeys(expression.columns(expr))
            case Categorical(column, levels):
                factors[column] = levels
    return numbers, factors


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


def _weights(frame: Frame, name: str) -> NDArray[np.float64]:
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
    return weights


def _require_numbers(n_rows: int, n_sim: int, seed: int) -> None:
    if n_sim < 1 or n_rows * n_sim > MAX_VALUES:
        raise LimitError(
            Problem(
                "bad_simulations",
                f"n_sim is less than 1, or {n_rows} rows times n_sim more than {MAX_VALUES} values",
                "draw in several calls with seeds of their own",
                ("n_sim",),
            )
        )
    if seed < 0:
        raise LimitError(Problem("bad_seed", "the seed is negative", "use 0 or more", ("seed",)))
