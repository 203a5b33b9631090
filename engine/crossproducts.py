"""The sufficient statistics of a linear mixed model: sums of products of the columns, which add up.

With M = [1 X y] and Z the columns of the random effects without the split by level, a model needs M'M and, for every
level j of the grouping factor, Z_j'Z_j and Z_j'M_j (Bates, Maechler, Bolker, Walker 2015, J. Stat. Softw. 67(1),
section 3; Luo et al. 2022, Nat. Commun. 13:1678). Whatever makes these sums, the model after them never sees a row.

Columns are shifted and scaled by pilot values fixed before the pass, so that no digits are lost in sums of squares of
columns far from zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.design import Design, Grouping, TermSet
from engine.errors import DataError, Problem
from engine.frame import Frame
from engine.table import Codes, Floats

CHUNK_ROWS = 65_536
"""Rows whose columns are held at once."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """A column x is summed as (x - centre) / scale. Scales are powers of two, so that scaling is exact.

    Attributes:
        centre: by column.
        scale: by column.
    """

    centre: Floats
    scale: Floats


@dataclass(frozen=True, slots=True)
class GroupProducts:
    """The sums of one grouping factor with J levels and k random effects per level.

    Attributes:
        name: of the grouping factor.
        levels: J names.
        rows: rows per level (J,).
        zz: Z_j'W_jZ_j, (J, k, k).
        zm: Z_j'W_jM_j, (J, k, m).
        pilot: of the columns of Z.
    """

    name: str
    levels: tuple[str, ...]
    rows: Codes
    zz: Floats
    zm: Floats
    pilot: Pilot

    def __add__(self, other: GroupProducts) -> GroupProducts:
        """Sums of the rows of both; levels are matched by name."""
        if self.levels == other.levels:
            return replace(
                self, rows=self.rows + other.rows, zz=self.zz + other.zz, zm=self.zm + other.zm
            )
        levels = tuple(sorted({*self.levels, *other.levels}))
        place = {level: j for j, level in enumerate(levels)}
        rows = np.zeros(len(levels), dtype=np.int64)
        zz = np.zeros((len(levels), *self.zz.shape[1:]))
        zm = np.zeros((len(levels), *self.zm.shape[1:]))
        for part in (self, other):
            at = [place[level] for level in part.levels]
            rows[at] += part.rows
            zz[at] += part.zz
            zm[at] += part.zm
        return replace(self, levels=levels, rows=rows, zz=zz, zm=zm)


@dataclass(frozen=True, slots=True)
class CrossProducts:
    """Everything a model needs of its rows; two of them add up to those of all rows.

    Attributes:
        n: rows.
        log_weights: sum of log w over the rows; 0 without weights.
        mm: M'WM for M = [1 X y] without X's own intercept, (m, m).
        pilot: of the columns of M.
        groups: one entry per grouping factor.
    """

    n: int
    log_weights: float
    mm: Floats
    pilot: Pilot
    groups: tuple[GroupProducts, ...]

    def __add__(self, other: CrossProducts) -> CrossProducts:
        """Sums of the rows of both.

        Raises:
            ValueError: the pilots differ.
        """
        mine = (self.pilot, *(group.pilot for group in self.groups))
        yours = (other.pilot, *(group.pilot for group in other.groups))
        if not all(
            np.array_equal(a.centre, b.centre) and np.array_equal(a.scale, b.scale)
            for a, b in zip(mine, yours, strict=True)
        ):
            raise ValueError("cross-products add up only when they were made with equal pilots")
        return CrossProducts(
            n=self.n + other.n,
            log_weights=self.log_weights + other.log_weights,
            mm=self.mm + other.mm,
            pilot=self.pilot,
            groups=tuple(a + b for a, b in zip(self.groups, other.groups, strict=True)),
        )


def accumulate(
    design: Design, frame: Frame, weights: str | None = None, *, chunk_rows: int = CHUNK_ROWS
) -> CrossProducts:
    """Cross-products of all rows of a frame, a chunk at a time.

    Raises:
        DataError: weights that are not positive, an expression that is not finite.
    """
    factors = [(grouping, grouping.factor(frame)) for grouping in design.groupings]
    maker: _Maker | None = None
    total: CrossProducts | None = None
    for start in range(0, frame.n_rows, chunk_rows):
        chunk = frame.slice(start, start + chunk_rows)
        if maker is None:
            maker = _Maker(design, chunk, weights)
        codes = [factor.codes[start : start + chunk_rows] for _, factor in factors]
        part = maker.products(chunk, codes, [factor.levels for _, factor in factors])
        total = part if total is None else total + part
    if total is None:
        raise ValueError("a frame without rows has no cross-products")
    return total


class _Maker:
    """Makes the cross-products of chunks, with pilots fixed on the first one."""

    def __init__(self, design: Design, pilot_rows: Frame, weights: str | None) -> None:
        self.design = design
        self.weights = weights
        anchored = bool(design.fixed.constant())
        columns = [
            *_x_columns(design.fixed, pilot_rows),
            design.response.values(pilot_rows),
        ]
        indicator = [*_indicators(design.fixed), False]
        self.pilot = _pilot(
            [np.ones(pilot_rows.n_rows), *columns], [True, *indicator], [anchored] * (len(columns) + 1)
        )
        self.z_pilots = [
            _pilot(
                grouping.z_columns(pilot_rows),
                [flag for term in grouping.terms
                 for flag in ((True,) if term.intercept else ()) + _indicators(term)],
                [term.intercept for term in grouping.terms for _ in term.names],
            )
            for grouping in design.groupings
        ]  # fmt: skip

    def products(
        self, frame: Frame, codes: list[Codes], levels: list[tuple[str, ...]]
    ) -> CrossProducts:
        """Cross-products of the rows of a frame."""
        m = _columns(
            [np.ones(frame.n_rows), *_x_columns(self.design.fixed, frame),
             self.design.response.values(frame)],
            self.pilot,
        )  # fmt: skip
        weights = self._weights(frame)
        weighted = m if weights is None else m * weights
        groups = tuple(
            _group_products(grouping, frame, own_codes, own_levels, pilot, weighted, weights)
            for grouping, own_codes, own_levels, pilot in zip(
                self.design.groupings, codes, levels, self.z_pilots, strict=True
            )
        )
        log_weights = 0.0 if weights is None else float(np.log(weights).sum())
        return CrossProducts(frame.n_rows, log_weights, weighted @ m.T, self.pilot, groups)

    def _weights(self, frame: Frame) -> Floats | None:
        if self.weights is None:
            return None
        weights = frame.numbers[self.weights]
        if not (weights > 0).all():
            raise DataError(
                Problem("bad_weights", f"weights are not positive in row {frame.row_numbers(weights <= 0)}",
                        "weights are positive; leave rows of no weight out of the data", ("weights",))
            )  # fmt: skip
        return weights


def _group_products(
    grouping: Grouping,
    frame: Frame,
    codes: Codes,
    levels: tuple[str, ...],
    pilot: Pilot,
    weighted: Floats,
    weights: Floats | None,
) -> GroupProducts:
    """Sums by level. ``weighted`` is (m, n): the columns of M times the weights."""
    z_columns = _columns(grouping.z_columns(frame), pilot)
    k, m, n_levels = len(z_columns), len(weighted), len(levels)
    zz, zm = np.empty((k, k, n_levels)), np.empty((k, m, n_levels))

    def sums(values: Floats) -> Floats:
        return np.bincount(codes, weights=values, minlength=n_levels)

    constant = [bool((z == 1.0).all()) for z in z_columns]
    for a, z in enumerate(z_columns):
        for c in range(m):
            zm[a, c] = sums(weighted[c] if constant[a] else z * weighted[c])
        for b in range(a, k):
            if constant[a] and constant[b]:
                zz[a, b] = zm[a, 0]  # the first column of M is 1
            else:
                both = z * z_columns[b]
                zz[a, b] = sums(both if weights is None else both * weights)
            zz[b, a] = zz[a, b]
    rows = np.bincount(codes, minlength=n_levels)
    return GroupProducts(
        grouping.name,
        levels,
        rows,
        np.ascontiguousarray(np.moveaxis(zz, -1, 0)),
        np.ascontiguousarray(np.moveaxis(zm, -1, 0)),
        pilot,
    )


def _x_columns(fixed: TermSet, frame: Frame) -> list[Floats]:
    return [column for block in fixed.blocks for column in block.columns(frame)]


def _indicators(terms: TermSet) -> tuple[bool, ...]:
    return tuple(block.indicator for block in terms.blocks for _ in block.names)


def _pilot(columns: list[Floats], indicator: list[bool], anchored: list[bool]) -> Pilot:
    """Mean and spread of each column; coded levels stay as they are, and nothing moves without a constant."""
    centre, scale = np.zeros(len(columns)), np.ones(len(columns))
    for i, column in enumerate(columns):
        if indicator[i]:
            continue
        if anchored[i]:
            centre[i] = column.mean()
        spread = float(np.sqrt(np.mean((column - centre[i]) ** 2)))
        if spread > 0.0:
            scale[i] = 2.0 ** np.round(np.log2(spread))
    return Pilot(centre, scale)


def _columns(columns: list[Floats], pilot: Pilot) -> Floats:
    """Shifted and scaled columns, (columns, n)."""
    out = np.empty((len(columns), len(columns[0])))
    for i, column in enumerate(columns):
        np.subtract(column, pilot.centre[i], out=out[i])
        out[i] /= pilot.scale[i]
    return out
