"""Estimated marginal means: what the model expects of each level of a factor, all else equal.

Each mean is the average of the fixed effects' line over the grid of all levels of the other
factors, every cell counted once however many rows it has, with numeric variables held where
``reference`` says. (Searle, Speed, Milliken 1980, Am. Stat. 34, 216; R's package emmeans.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np
from msgspec import Struct

from engine import expression
from engine.design import Block, Categorical
from engine.errors import LimitError, Problem, SpecError
from engine.fit import Fit
from engine.inference.aliases import estimable
from engine.inference.approximation import Approximation
from engine.inference.cells import coding, kron
from engine.inference.denominator import approximation
from engine.inference.fixed import Wald, require_level, t_quantiles, wald
from engine.inference.reference import reference_values
from engine.table import Floats

MAX_MEANS = 1_000
"""Most means that are made at once."""


@dataclass(frozen=True, slots=True)
class MarginalMean:
    """The mean of one combination of levels, on the scale the model was fitted on.

    All numbers are NaN where the data do not determine the mean: a cell without rows.

    Attributes:
        levels: one per factor asked for.
        estimate, std_error: the mean.
        df: degrees of freedom of its interval; ``None`` for the normal distribution.
        lower, upper: interval.
    """

    levels: tuple[str, ...]
    estimate: float
    std_error: float
    df: float | None
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class MarginalMeans:
    """Means of the combinations of levels of some factors.

    Attributes:
        factors: as asked for.
        held: where each numeric variable is held, by its text; for a basis of several columns, all.
        means: the first factor varies fastest, as emmeans prints them.
    """

    factors: tuple[str, ...]
    held: Mapping[str, tuple[float, ...]]
    means: tuple[MarginalMean, ...]


def marginal_means(
    fit: Fit,
    factors: Sequence[str],
    *,
    at: Mapping[str, float] | None = None,
    df: str = "satterthwaite",
    level: float = 0.95,
) -> MarginalMeans:
    """Estimated marginal means of a factor, or of the combinations of several, with intervals.

    An offset is not added: the means are of the response less its offset.

    Args:
        fit: the model.
        factors: columns that are factors in the fixed effects; none for one mean over all.
        at: values at which numeric columns are held, in place of their means.
        df: "satterthwaite", "kenward-roger", "residual" or "none".
        level: of the intervals, between 0 and 1.

    Raises:
        SpecError: a column is no factor of the model, or an option is wrong.
        LimitError: more than ``MAX_MEANS`` combinations.
    """
    require_level(level)
    grid = Grid.of(fit, factors, at or {})
    own = estimate(fit, approximation(fit, df), grid.rows)
    lower, upper = own.interval(-t_quantiles((1.0 - level) / 2.0, own.df))
    means = tuple(
        MarginalMean(
            levels,
            float(own.estimate[i]),
            float(own.std_error[i]),
            None if np.isinf(own.df[i]) else float(own.df[i]),
            float(lower[i]),
            float(upper[i]),
        )
        for i, levels in enumerate(grid.levels)
    )
    held = {text: tuple(value.tolist()) for text, value in grid.held.items()}
    return MarginalMeans(grid.factors, held, means)


class Grid(Struct, frozen=True):
    """The rows of X that means are made of.

    Attributes:
        factors: asked for.
        levels: their combinations, (c,).
        held: where each numeric variable is held.
        rows: over all columns of X, (c, P).
    """

    factors: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    held: Mapping[str, Floats]
    rows: Floats

    @classmethod
    def of(cls, fit: Fit, factors: Sequence[str], at: Mapping[str, float]) -> Grid:
        """Average the rows of X over the levels of all factors that are not asked for.

        Raises:
            SpecError: a column is no factor of the model, or ``at`` is wrong.
            LimitError: more than ``MAX_MEANS`` combinations.
        """
        names = tuple(dict.fromkeys(factors))
        levels = _levels(fit, names)
        held = reference_values(fit, at)
        reversed_cells = product(*(levels[name] for name in reversed(names)))
        combinations = tuple(tuple(reversed(cell)) for cell in reversed_cells)
        place = [
            {name: levels[name].index(own) for name, own in zip(names, cell, strict=True)}
            for cell in combinations
        ]
        first = [1.0] if fit.design.fixed.intercept else []
        rows = [
            np.concatenate([first, *(_columns(b, cell, held) for b in fit.design.fixed.blocks)])
            for cell in place
        ]
        return cls(names, combinations, held, np.array(rows))


def estimate(fit: Fit, by: Approximation, rows: Floats) -> Wald:
    """Estimates of rows over all columns of X (c, P); NaN where they are not estimable."""
    contrasts, known = estimable(fit, rows)
    out = np.full((5, len(rows)), np.nan)
    if known.any():
        own = wald(fit, by, contrasts[known])
        out[:, known] = own.estimate, own.std_error, own.df, own.t_value, own.p_value
    return Wald(*out)


def _columns(block: Block, cell: Mapping[str, int], held: Mapping[str, Floats]) -> Floats:
    """The columns of a term in one cell, averaged over the factors that the cell leaves open."""
    parts = []
    for variable in block.variables:
        if not isinstance(variable, Categorical):
            parts.append(held[expression.text(variable.expr)])
        elif variable.column in cell:
            parts.append(coding(variable)[cell[variable.column]])
        else:
            parts.append(coding(variable).mean(axis=0))
    return reduce(kron, reversed(parts))


def _levels(fit: Fit, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    known = {
        variable.column: variable.levels
        for block in fit.design.fixed.blocks
        for variable in block.variables
        if isinstance(variable, Categorical)
    }
    problems = [
        Problem(
            "unknown_factor",
            f"{name} is not a factor of the fixed effects",
            f"the factors are: {', '.join(known) or 'none'}",
            ("factors", i),
        )
        for i, name in enumerate(names)
        if name not in known
    ]
    if problems:
        raise SpecError(*problems)
    count = int(np.prod([len(known[name]) for name in names], dtype=float))
    if count > MAX_MEANS:
        raise LimitError(
            Problem(
                "too_many_means",
                f"the factors have {count} combinations of levels, more than {MAX_MEANS}",
                "ask for fewer factors at once",
                ("factors",),
            )
        )
    return {name: known[name] for name in names}
