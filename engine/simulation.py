"""New responses drawn from a fitted model, for given rows (R's ``simulate``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from engine.chosen import Chosen
from engine.diagnostics.scan import Scan
from engine.errors import LimitError, Problem, SpecError
from engine.fit import Fit
from engine.frame import Frame
from engine.lines import fixed_root, sources
from engine.needs import Needs
from engine.newdata import Rows, Values, read_frame
from engine.response import Inverse, invert
from engine.table import Floats, Table
from engine.tableframe import frame_of
from engine.variation import ByLevel, Noise, Shared, Source

if TYPE_CHECKING:
    import pandas as pd

MAX_VALUES = 100_000_000
"""Most values that are drawn at once."""


def simulate(
    fit: Fit,
    data: pd.DataFrame | pa.Table,
    n_sim: int = 1,
    seed: int = 0,
    *,
    use_modes: bool = False,
    parameters: bool = False,
    outcome: bool = False,
    first: int = 0,
) -> Floats:
    """Draw responses y = X beta + Z b + e for the rows of a table.

    Args:
        fit: the model.
        data: rows complete in the columns that the model reads but the response.
        n_sim: draws.
        seed: of the draws, not negative.
        use_modes: keep the conditional modes of the levels that the model has seen (lme4's
            ``use.u = TRUE``) instead of drawing their effects. New levels are drawn.
        parameters: draw beta, and the effects of levels that are kept, from the distribution that
            their estimates have given theta and sigma; see :class:`Simulator`.
        outcome: bring the draws back to the scale of the response's column.
        first: number of the first draw. Each draw depends on the seed and its number alone, so the
            draws 0 to 99 are the same in one call and in several.

    Returns:
        The responses, (rows, n_sim).

    Raises:
        SpecError: a column is not in the data; the response has no way back to its column.
        DataError: a value is missing or infinite, a level of a fixed factor is new, a weight is
            not positive.
        LimitError: ``n_sim``, ``first`` or the seed is out of range.
    """
    frame = frame_of(fit, Table.of(data))
    simulator = Simulator.of(fit, frame, use_modes=use_modes, parameters=parameters)
    if outcome and simulator.inverse is None:
        raise SpecError(
            Problem(
                "no_way_back",
                "the response cannot be brought back to the scale of a column",
                "use the scale of the model",
                ("outcome",),
            )
        )
    y = simulator.draw(n_sim, seed, first)
    return simulator.outcome(y) if outcome else y


@dataclass(frozen=True, slots=True)
class Simulator:
    """Draws responses for n rows.

    The mean of a draw is X beta, or the lines of the levels that are kept. With ``parameters``,
    beta and the effects that are kept vary jointly as their errors do (Henderson 1975), so that
    draws of kept levels have the distribution that predictions have: their mean is the estimate,
    their variance the square of ``prediction_std_error``. Theta and sigma are as estimated.

    Attributes:
        rows: row numbers, from 0, in the table that was read, (n,).
        mean: (n,).
        sources: what the draws vary by.
        inverse: the way back to the response's column, if there is one.
    """

    rows: NDArray[np.int64]
    mean: Floats
    sources: tuple[Source, ...]
    inverse: Inverse | None

    @classmethod
    def of(cls, fit: Fit, frame: Frame, *, use_modes: bool, parameters: bool) -> Simulator:
        """For rows that have been read; the options are those of :func:`simulate`."""
        rows, scale = Rows.of(fit, Needs.of(fit, Chosen.of(fit)), frame), fit.units.y
        response = fit.design.response
        mean = np.asarray(rows.x @ fit.solution.beta)
        if use_modes:
            mean = mean + _modes(fit, frame, rows) / scale
        found: list[Source] = list(_effects(fit, frame, rows, use_modes))
        if use_modes and parameters:
            found += sources(fit, rows.x, rows.z, rows.index)
        elif parameters:
            found.append(Shared(rows.x @ fixed_root(fit)))
        weights = np.ones(frame.n_rows) if rows.weights is None else rows.weights
        found.append(Noise(fit.solution.sigma / np.sqrt(weights)))
        return cls(
            rows=np.arange(frame.n_rows) if frame.rows is None else frame.rows,
            mean=scale * mean + fit.y_centre + rows.offset,
            sources=tuple(_Scaled(own, scale) for own in found),
            inverse=invert(response.expr, response.states),
        )

    @classmethod
    def of_fit(
        cls, fit: Fit, data: pd.DataFrame | pa.Table, *, use_modes: bool, parameters: bool
    ) -> Simulator:
        """For the rows that the model was fitted to, read again; those it left out are left out.

        Raises:
            EngineError: these are other rows.
        """
        frame = Scan.of(fit, data).frame
        return cls.of(fit, frame, use_modes=use_modes, parameters=parameters)

    @classmethod
    def of_columns(
        cls,
        fit: Fit,
        columns: Mapping[str, Values],
        n_rows: int,
        *,
        use_modes: bool,
        parameters: bool,
    ) -> Simulator:
        """For new rows by column, as :func:`predict` takes them.

        Raises:
            SpecError: columns missing or too many, or of unequal length.
            DataError: values that do not fit, one problem each, with path ("rows", i, name).
        """
        frame = read_frame(fit, Needs.of(fit, Chosen.of(fit)), columns, n_rows)
        return cls.of(fit, frame, use_modes=use_modes, parameters=parameters)

    def draw(self, n_sim: int, seed: int, first: int = 0) -> Floats:
        """Draws ``first`` to ``first + n_sim`` of a seed, (n, n_sim).

        Raises:
            LimitError: a number is out of range.
        """
        _require_numbers(len(self.mean), n_sim, seed, first)
        drawn = np.empty((n_sim, len(self.mean)))
        for i in range(n_sim):
            generator = np.random.default_rng((seed, first + i))
            drawn[i] = sum((source.draw(generator) for source in self.sources), self.mean)
        return drawn.T

    def outcome(self, y: Floats) -> Floats:
        """Draws on the scale of the response's column, (n, n_sim); NaN without a way back."""
        if self.inverse is None:
            return np.full(y.shape, np.nan)
        return self.inverse.backward(y.ravel()).reshape(y.shape)


class _Scaled(Struct, frozen=True):
    """A source in the data's units."""

    source: Source
    scale: float

    def draw(self, generator: np.random.Generator) -> Floats:
        return self.scale * self.source.draw(generator)


def _effects(fit: Fit, frame: Frame, rows: Rows, use_modes: bool) -> Iterator[ByLevel]:
    """Effects that are drawn anew: of all levels, or of those not seen; in the pilots' units."""
    solution = fit.solution
    for grouping, t, z, index in zip(
        fit.design.groupings, solution.t, rows.z, rows.index, strict=True
    ):
        factor = grouping.factor(frame)
        drawn = np.asarray(z @ t * solution.sigma)
        if use_modes:
            drawn[index >= 0] = 0.0
        if drawn.any():
            yield ByLevel(drawn, factor.codes, len(factor.levels))


def _modes(fit: Fit, frame: Frame, rows: Rows) -> Floats:
    """Z b of the conditional modes, (n,)."""
    total = np.zeros(frame.n_rows)
    for grouping, effects, index in zip(fit.design.groupings, fit.random, rows.index, strict=True):
        z = np.column_stack(grouping.z_columns(frame))
        known = index >= 0
        total[known] += np.einsum("nk,nk->n", z[known], effects.modes[index[known]])
    return total


def _require_numbers(n_rows: int, n_sim: int, seed: int, first: int) -> None:
    if n_sim < 1 or n_rows * n_sim > MAX_VALUES:
        raise LimitError(
            Problem(
                "bad_simulations",
                f"n_sim is less than 1, or {n_rows} rows times n_sim more than {MAX_VALUES} values",
                "draw in several calls, each going on where the last ended: first",
                ("n_sim",),
            )
        )
    for name, value in (("seed", seed), ("first", first)):
        if value < 0:
            raise LimitError(
                Problem(f"bad_{name}", f"{name} is negative", "use 0 or more", (name,))
            )
