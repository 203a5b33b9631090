"""The pass over the rows: cross-products as running sums, some thousands of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np
from msgspec import Struct

from engine import native
from engine.adder import LEAST_ROWS, LevelSums
from engine.columns import LARGEST, Columns
from engine.cooccurrence import MeetingSums
from engine.crossproducts import CrossProducts, GroupProducts, Pilot
from engine.design import Design, Grouping
from engine.errors import LimitError, Problem
from engine.frame import Frame
from engine.progress import Progress, silent
from engine.table import Codes, Factor, Floats

MAX_LEVELS = 20_000_000
"""Most levels of a grouping factor: each has sums of its own."""
CHUNK_ROWS = 262_144
"""Most rows whose columns are held at once."""
CHUNK_CELLS = 1 << 18 if native.LIBRARY is None else 1 << 21
"""About as many numbers of M are held at once: two megabytes, which numpy goes over several times,
stay in a processor's cache; compiled sums go over them once, and take longer the more calls."""
Pilots: TypeAlias = Callable[[Design, Columns], tuple[Pilot, ...]]
"""Pilots of M, then of Z of each grouping factor, from a design and the first rows."""
FEW = 8
"""Levels are few beside rows of which there are so many times as many."""


class Order(Struct, frozen=True):
    """The levels of a grouping factor, and the index among them of each code that rows came with.

    Attributes:
        levels: names, in the order that the sums shall have.
        ranks: by code, -1 for codes without rows; ``None`` when the codes are the indices.
    """

    levels: tuple[str, ...]
    ranks: Codes | None = None


def chunk_size(design: Design, most: int = CHUNK_ROWS) -> int:
    """Rows that are best held at once, and no more than ``most``."""
    width = 2 + sum(len(block.names) for block in design.fixed.blocks)
    width += sum(len(grouping.names) for grouping in design.groupings)
    return min(most, max(LEAST_ROWS, CHUNK_CELLS // width))


def accumulate(
    design: Design,
    frame: Frame,
    weights: str | None = None,
    *,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = silent,
    pilots: Pilots | None = None,
) -> CrossProducts:
    """Cross-products of all rows of a frame, a chunk at a time, by default with its first's pilots.

    Raises:
        DataError: weights that are not positive, an expression that is not finite.
    """
    factors = [grouping.factor(frame) for grouping in design.groupings]
    sums: Sums | None = None
    step = chunk_size(design, chunk_rows)
    for start in range(0, frame.n_rows, step):
        progress(start / frame.n_rows, f"cross-products: row {start + 1} of {frame.n_rows}")
        columns = Columns.of(design, frame.slice(start, start + step), weights)
        if sums is None:
            sizes = [len(factor.levels) for factor in factors]
            own = columns.pilots(design) if pilots is None else pilots(design, columns)
            sums = Sums(design, own, sizes, weights is not None)
        sums.add(columns, [factor.codes[start : start + step] for factor in factors])
    if sums is None:
        raise ValueError("a frame without rows has no cross-products")
    return sums.total([Order(factor.levels) for factor in factors])


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
    columns = Columns.of(design, frame, weights)
    sizes = [len(factor.levels) for factor in factors]
    sums = Sums(design, pilots or columns.pilots(design), sizes, weights is not None)
    sums.add(columns, [factor.codes for factor in factors])
    return sums.total([Order(factor.levels) for factor in factors])


class Sums:
    """Running cross-products. Rows are added in place; levels may come as they appear.

    Args:
        design: how rows become columns.
        pilots: of M, then of Z of each grouping factor.
        sizes: levels known of each grouping factor.
        weighted: whether the rows have weights.
    """

    def __init__(
        self, design: Design, pilots: tuple[Pilot, ...], sizes: Sequence[int], weighted: bool
    ) -> None:
        m = len(pilots[0].centre)
        self._pilots = pilots
        self._n, self._log_weights = 0, 0.0
        self._groups = [
            _GroupSums(grouping, pilot, m, size, weighted)
            for grouping, pilot, size in zip(design.groupings, pilots[1:], sizes, strict=True)
        ]
        # What the first column of M, which is 1, gives with the others is the sum over levels.
        constants = [own.intercepts for own in design.groupings]
        self._ones = next(((i, c.index(True)) for i, c in enumerate(constants) if any(c)), None)
        self._first = 0 if self._ones is None else 1
        self._adder = native.new(pilots, self._first, constants)
        self._mm = np.zeros((m - self._first, m - self._first))
        self._bounds = [pilot.lengths_within(LARGEST) for pilot in pilots]
        self._bounds[0] = self._bounds[0][self._first :]
        self._meetings = [
            MeetingSums((a, b), (len(pilots[a + 1].centre), len(pilots[b + 1].centre)))
            for a, b in combinations(range(len(self._groups)), 2)
        ]

    @np.errstate(over="ignore", invalid="ignore")  # what is too large is refused
    def add(self, columns: Columns, codes: Sequence[Codes]) -> None:
        """Add rows: their columns and their levels, (n,) each.

        Raises:
            DataError: a number is too large.
        """
        weights, n = columns.weights, len(columns.m[0])
        self._n += n
        if weights is not None:
            self._log_weights += float(np.log(weights).sum())
        parts = [group.part(code) for group, code in zip(self._groups, codes, strict=True)]
        mm, squares = self._adder.add(columns, codes, parts)
        within = map(np.less_equal, map(np.sqrt, squares), self._bounds)  # false for NaN
        if not all(own.all() for own in within):
            columns.require_bounded()
        self._mm += mm
        for group, part in zip(self._groups, parts, strict=True):
            group.add(part)
        if self._meetings:
            z = [
                None if own is None else pilot.apply(own)
                for own, pilot in zip(columns.z, self._pilots[1:], strict=True)
            ]
            for meeting, (a, b) in zip(self._meetings, combinations(range(len(z)), 2), strict=True):
                meeting.add((codes[a], codes[b]), _pairs(z[a], z[b], weights, n))

    def rows(self, which: int) -> Codes:
        """Rows so far of each code of a grouping factor."""
        return self._groups[which].rows

    def total(self, orders: Sequence[Order]) -> CrossProducts:
        """The cross-products of all rows, levels in the order given; all have ranks or none."""
        meetings = []
        for meeting in self._meetings:
            own = meeting.total()
            first, second = orders[own.first].ranks, orders[own.second].ranks
            if first is not None and second is not None:
                own = own.reindexed(first, second).gathered()
            meetings.append(own)
        groups = tuple(
            group.total(order) for group, order in zip(self._groups, orders, strict=True)
        )
        return CrossProducts(
            n=self._n,
            log_weights=self._log_weights,
            mm=self._whole_mm(groups),
            pilot=self._pilots[0],
            groups=groups,
            meetings=tuple(meetings),
        )

    def _whole_mm(self, groups: Sequence[GroupProducts]) -> Floats:
        """M'WM; its first row is added in the order of levels, whatever their codes."""
        if self._ones is None:
            return self._mm
        group, column = self._ones
        first = groups[group].zm[:, column].sum(axis=0)
        return np.block([[first[:1, None], first[None, 1:]], [first[1:, None], self._mm]])


class _GroupSums:
    """Running sums of one grouping factor, as ``LevelSums`` has them."""

    def __init__(self, grouping: Grouping, pilot: Pilot, m: int, size: int, weighted: bool) -> None:
        self._name, self._pilot, self._m, self._weighted = grouping.name, pilot, m, weighted
        _require_few_levels(grouping.name, size)
        self._ones = grouping.intercepts
        k = len(self._ones)
        slopes = [a for a in range(k) if not self._ones[a]]
        self._slopes = [(a, b) for a in slopes for b in slopes if a <= b]
        self._sums = np.zeros((size, k * m + len(self._slopes)))
        self.rows = np.zeros(size, dtype=np.int64)
        self._met = 0

    def part(self, codes: Codes) -> LevelSums:
        """Where rows of these levels are to be added: to sums of their own, where levels are few.

        Sums of few rows that are added up are nearer the truth than one sum of all of them.
        """
        self._grow(codes)
        sums = np.zeros_like(self._sums) if self._few(len(codes)) else self._sums
        return LevelSums(sums, self.rows)

    def add(self, part: LevelSums) -> None:
        """Add what has been added to a part."""
        if part.sums is not self._sums:
            self._sums += part.sums

    def total(self, order: Order) -> GroupProducts:
        """The sums, levels in the order given."""
        rows, sums = self._ordered(order)
        k, m = len(self._ones), self._m
        zm = np.ascontiguousarray(sums[:, : k * m]).reshape(-1, k, m)
        zz = np.empty((len(zm), k, k))
        for a in range(k):
            for b in range(k):
                if self._ones[a]:  # the first column of M is 1
                    zz[:, a, b] = zm[:, b, 0]
                elif self._ones[b]:
                    zz[:, a, b] = zm[:, a, 0]
        for (a, b), values in zip(self._slopes, sums[:, k * m :].T, strict=True):
            zz[:, a, b] = zz[:, b, a] = values
        return GroupProducts(self._name, order.levels, rows, zz, zm, self._pilot)

    def _ordered(self, order: Order) -> tuple[Codes, Floats]:
        """Rows and sums by level; those of codes that have one rank are added."""
        if not self._weighted:
            for a, constant in enumerate(self._ones):
                if constant:
                    self._sums[:, a * self._m] = self.rows
        if order.ranks is None:
            return self.rows, self._sums
        used = np.flatnonzero(order.ranks >= 0)
        ranks = order.ranks[used]
        rows = np.zeros(len(order.levels), dtype=np.int64)
        np.add.at(rows, ranks, self.rows[used])
        sums = np.zeros((len(order.levels), self._sums.shape[1]))
        for total, own in zip(sums.T, self._sums[used].T, strict=True):
            np.add.at(total, ranks, own)
        return rows, sums

    def _few(self, n_rows: int) -> bool:
        """Whether few levels have had rows so far, beside the rows there are now.

        Rounding depends on it, so it must not depend on how levels are numbered, which can differ
        from one reading of the same rows to the next: polars numbers texts from several threads.
        """
        if FEW * len(self.rows) <= n_rows:
            return True
        if FEW * self._met <= n_rows:
            self._met = int(np.count_nonzero(self.rows))
        return FEW * self._met <= n_rows

    def _grow(self, codes: Codes) -> None:
        """Make room for the codes; it is doubled, so that a level is moved a few times."""
        need, room = int(codes.max()) + 1, len(self.rows)
        if need > room:
            _require_few_levels(self._name, need)
            more = max(need, 2 * room) - room
            self.rows = np.pad(self.rows, (0, more))
            self._sums = np.pad(self._sums, ((0, more), (0, 0)))


def _require_few_levels(name: str, count: int) -> None:
    if count > MAX_LEVELS:
        raise LimitError(
            Problem(
                "too_many_groups",
                f"grouping factor {name} has more than {MAX_LEVELS} levels",
                "use a coarser group",
                ("formula",),
            )
        )


def _pairs(a: Floats | None, b: Floats | None, weights: Floats | None, n: int) -> Floats:
    """Products of every column of one Z with every column of the other, (k_a k_b, n)."""
    left, right = (np.ones((1, n)) if z is None else z for z in (a, b))
    if weights is not None:
        left = left * weights
    return np.asarray((left[:, None] * right).reshape(-1, n))
