"""The sufficient statistics of a linear mixed model: sums of products of the columns, which add up.

With M = [1 X y] and Z the columns of the random effects without the split by level, a model needs
M'M and, for every level j of the grouping factor, Z_j'Z_j and Z_j'M_j (Bates, Maechler, Bolker,
Walker 2015, J. Stat. Softw. 67(1), section 3; Luo et al. 2022, Nat. Commun. 13:1678). Whatever
makes these sums, the model after them never sees a row.

Columns are shifted and scaled by pilot values fixed before the pass, so that no digits are lost in
sums of squares of columns far from zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from engine.cooccurrence import Cooccurrence, cooccurrence
from engine.design import Design, Grouping, TermSet
from engine.errors import DataError, Problem
from engine.frame import Frame
from engine.progress import Progress, silent
from engine.table import Codes, Factor, Floats

CHUNK_ROWS = 65_536
"""Rows whose columns are held at once."""
LARGEST = 1e100
"""The largest number of a column: sums of fourth powers must be doubles; of weights, either way."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """A column x is summed as (x - centre) / scale; scales are powers of two, hence exact.

    Attributes:
        centre: by column.
        scale: by column.
    """

    centre: Floats
    scale: Floats

    def apply(self, columns: Floats) -> Floats:
        """Shifted and scaled columns, (columns, n)."""
        out: Floats = columns - self.centre[:, None]
        out /= self.scale[:, None]
        return out


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
        meetings: one entry per pair of them.
    """

    n: int
    log_weights: float
    mm: Floats
    pilot: Pilot
    groups: tuple[GroupProducts, ...]
    meetings: tuple[Cooccurrence, ...] = ()

    @property
    def pilots(self) -> tuple[Pilot, ...]:
        """Pilots of M, then of Z of each grouping factor."""
        return (self.pilot, *(group.pilot for group in self.groups))

    @property
    def n_effects(self) -> int:
        """Random effects of all levels of all factors."""
        return sum(group.zz.shape[0] * group.zz.shape[1] for group in self.groups)

    def __add__(self, other: CrossProducts) -> CrossProducts:
        """Sums of the rows of both.

        Raises:
            ValueError: the pilots differ.
        """
        if not all(
            a is b or (np.array_equal(a.centre, b.centre) and np.array_equal(a.scale, b.scale))
            for a, b in zip(self.pilots, other.pilots, strict=True)
        ):
            raise ValueError("cross-products add up only when they were made with equal pilots")
        groups = tuple(a + b for a, b in zip(self.groups, other.groups, strict=True))
        return CrossProducts(
            n=self.n + other.n,
            log_weights=self.log_weights + other.log_weights,
            mm=self.mm + other.mm,
            pilot=self.pilot,
            groups=groups,
            meetings=tuple(
                _reindexed(a, self.groups, groups) + _reindexed(b, other.groups, groups)
                for a, b in zip(self.meetings, other.meetings, strict=True)
            ),
        )


def _reindexed(
    meeting: Cooccurrence, old: Sequence[GroupProducts], new: Sequence[GroupProducts]
) -> Cooccurrence:
    """The cells of a meeting with the indices that its levels have in the sum."""
    places = []
    for index in (meeting.first, meeting.second):
        if old[index].levels == new[index].levels:
            places.append(np.arange(len(new[index].levels)))
        else:
            place = {level: j for j, level in enumerate(new[index].levels)}
            places.append(np.array([place[level] for level in old[index].levels]))
    return meeting.reindexed(*places)


def accumulate(
    design: Design,
    frame: Frame,
    weights: str | None = None,
    *,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = silent,
) -> CrossProducts:
    """Cross-products of all rows of a frame, a chunk at a time, with the first chunk's pilots.

    Raises:
        DataError: weights that are not positive, an expression that is not finite.
    """
    factors = [grouping.factor(frame) for grouping in design.groupings]
    total: CrossProducts | None = None
    for start in range(0, frame.n_rows, chunk_rows):
        progress(start / frame.n_rows, f"cross-products: row {start + 1} of {frame.n_rows}")
        part = products_of(
            design,
            frame.slice(start, start + chunk_rows),
            [Factor(factor.codes[start : start + chunk_rows], factor.levels) for factor in factors],
            weights,
            None if total is None else total.pilots,
        )
        total = part if total is None else total + part
    if total is None:
        raise ValueError("a frame without rows has no cross-products")
    return total


def products_of(
    design: Design,
    frame: Frame,
    factors: Sequence[Factor],
    weights: str | None = None,
    pilots: tuple[Pilot, ...] | None = None,
) -> CrossProducts:
    """Cross-products of some rows, whose columns are held at once.

    Args:
        design: how rows become columns.
        frame: the rows.
        factors: the level of each row in each grouping factor; levels without rows have zeros.
        weights: column of weights.
        pilots: of M, then of Z of each factor; those of these rows by default.

    Raises:
        DataError: weights that are not positive, an expression that is not finite.
    """
    columns = _Columns.of(design, frame, weights)
    return columns.products(design, factors, pilots or columns.pilots(design))


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of some rows as they are: M (m, n), each Z (k, n), and weights (n,)."""

    m: Floats
    z: tuple[Floats, ...]
    weights: Floats | None

    @classmethod
    def of(cls, design: Design, frame: Frame, weights: str | None) -> _Columns:
        x = [column for block in design.fixed.blocks for column in block.columns(frame)]
        m = np.array([np.ones(frame.n_rows), *x, design.response.values(frame)])
        z = tuple(np.array(grouping.z_columns(frame)) for grouping in design.groupings)
        for columns in (m, *z):
            if not max(columns.max(), -columns.min()) <= LARGEST:  # nor when it is NaN
                raise _too_large(columns, frame)
        return cls(m, z, None if weights is None else _weights(frame, weights))

    def pilots(self, design: Design) -> tuple[Pilot, ...]:
        """Pilots of M, then of each Z; nothing is shifted without a constant to hold it."""
        anchored = bool(design.fixed.constant())
        own = [_pilot(self.m, (True, *_coded(design.fixed), False), [anchored] * len(self.m))]
        for grouping, z in zip(design.groupings, self.z, strict=True):
            coded, held = [], []
            for term in grouping.terms:
                coded += [True] * term.intercept + list(_coded(term))
                held += [term.intercept] * len(term.names)
            own.append(_pilot(z, coded, held))
        return tuple(own)

    def products(
        self, design: Design, factors: Sequence[Factor], pilots: tuple[Pilot, ...]
    ) -> CrossProducts:
        m = pilots[0].apply(self.m)
        weighted = m if self.weights is None else m * self.weights
        groups = tuple(
            _group_products(grouping, z, factor, pilot, weighted, self.weights)
            for grouping, z, factor, pilot in zip(
                design.groupings, self.z, factors, pilots[1:], strict=True
            )
        )
        log_weights = 0.0 if self.weights is None else float(np.log(self.weights).sum())
        z = [pilot.apply(raw) for pilot, raw in zip(pilots[1:], self.z, strict=True)]
        meetings = tuple(
            cooccurrence((a, b), (factors[a], factors[b]), (z[a], z[b]), self.weights)
            for a, b in combinations(range(len(z)), 2)
        )
        return CrossProducts(m.shape[1], log_weights, weighted @ m.T, pilots[0], groups, meetings)


def _weights(frame: Frame, name: str) -> Floats:
    weights = frame.numbers[name]
    if weights.max() > LARGEST or 0.0 < weights.min() < 1.0 / LARGEST:
        raise DataError(
            Problem(
                "bad_weights",
                f"weights are larger than {LARGEST:g}, or smaller than its inverse",
                "divide all weights by the same number",
                ("weights",),
            )
        )
    if not (weights > 0).all():
        raise DataError(
            Problem(
                "bad_weights",
                f"weights are not positive in row {frame.row_numbers(weights <= 0)}",
                "weights are positive; leave rows of no weight out of the data",
                ("weights",),
            )
        )
    return weights


def _too_large(columns: Floats, frame: Frame) -> DataError:
    bad = ~np.asarray((np.abs(columns) <= LARGEST).all(axis=0))
    return DataError(
        Problem(
            "too_large_values",
            f"a column of the model is larger than {LARGEST:g} in row {frame.row_numbers(bad)}",
            "take the column in a larger unit",
            ("formula",),
        )
    )


def _group_products(
    grouping: Grouping,
    raw: Floats,
    factor: Factor,
    pilot: Pilot,
    weighted: Floats,
    weights: Floats | None,
) -> GroupProducts:
    """Sums by level of the columns of Z (k, n) and of M times the weights (m, n)."""
    z = pilot.apply(raw)
    k, m, n_levels = len(z), len(weighted), len(factor.levels)
    zz, zm = np.empty((n_levels, k, k)), np.empty((n_levels, k, m))

    def sums(values: Floats) -> Floats:
        return np.bincount(factor.codes, weights=values, minlength=n_levels).astype(
            np.float64, copy=False
        )

    intercepts = grouping.intercepts
    for a in range(k):
        for c in range(m):
            zm[:, a, c] = sums(weighted[c] if intercepts[a] else z[a] * weighted[c])
        for b in range(a, k):
            if intercepts[a] and intercepts[b]:
                zz[:, a, b] = zm[:, a, 0]  # the first column of M is 1
            else:
                both = z[a] * z[b]
                zz[:, a, b] = sums(both if weights is None else both * weights)
            zz[:, b, a] = zz[:, a, b]
    rows = np.bincount(factor.codes, minlength=n_levels)
    return GroupProducts(grouping.name, factor.levels, rows, zz, zm, pilot)


def _coded(terms: TermSet) -> tuple[bool, ...]:
    return tuple(block.indicator for block in terms.blocks for _ in block.names)


def _pilot(columns: Floats, coded: Sequence[bool], held: Sequence[bool]) -> Pilot:
    """Mean and spread of each column; coded levels stay, and so does all without a constant."""
    if all(coded):
        return Pilot(np.zeros(len(columns)), np.ones(len(columns)))
    centre = np.where(held, columns.mean(axis=1), 0.0)
    centre[list(coded)] = 0.0
    deviations = columns - centre[:, None]
    squares = np.einsum("cn,cn->c", deviations, deviations).tolist()
    n = columns.shape[1]
    scale = [
        1.0 if fixed or not square else 2.0 ** round(math.log2(square / n) / 2.0)
        for fixed, square in zip(coded, squares, strict=True)
    ]
    return Pilot(centre, np.array(scale))
