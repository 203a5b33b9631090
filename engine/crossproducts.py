"""The sufficient statistics of a linear mixed model: sums of products of the columns, which add up.

With M = [1 X y] and Z the columns of the random effects without the split by level, a model needs
M'M and, for every level j of the grouping factor, Z_j'Z_j and Z_j'M_j (Bates, Maechler, Bolker,
Walker 2015, J. Stat. Softw. 67(1), section 3; Luo et al. 2022, Nat. Commun. 13:1678). Whatever
makes these sums, the model after them never sees a row.

Columns are shifted and scaled by pilot values fixed before the pass, so that no digits are lost in
sums of squares of columns far from zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct, structs

from engine.cooccurrence import Cooccurrence
from engine.table import Codes, Floats


class Pilot(Struct, frozen=True):
    """A column x is summed as (x - centre) / scale; scales are powers of two, hence exact.

    Attributes:
        centre: by column.
        scale: by column.
    """

    centre: Floats
    scale: Floats

    @classmethod
    def none(cls, n_columns: int) -> Pilot:
        """Columns as they are."""
        return cls(np.zeros(n_columns), np.ones(n_columns))

    def apply(self, columns: Sequence[Floats] | Floats) -> Floats:
        """Shifted and scaled columns, (columns, n)."""
        out = np.empty((len(columns), len(columns[0])))
        for own, column, centre, scale in zip(
            out, columns, self.centre.tolist(), self.scale.tolist(), strict=True
        ):
            if centre:
                np.subtract(column, centre, out=own)
            else:
                own[:] = column
            if scale != 1.0:
                np.multiply(own, 1.0 / scale, out=own)  # a power of two: exact
        return out

    def lengths_within(self, largest: float) -> Floats:
        """Lengths of shifted columns up to which no number was beyond ``largest`` before."""
        return np.maximum(largest - np.abs(self.centre), 0.0) / self.scale


class GroupProducts(Struct, frozen=True):
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
            return structs.replace(
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
        return structs.replace(self, levels=levels, rows=rows, zz=zz, zm=zm)


class CrossProducts(Struct, frozen=True):
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

    def arranged(self, order: Sequence[int]) -> CrossProducts:
        """The same with the grouping factors in another order."""
        place = {old: new for new, old in enumerate(order)}
        moved = {}
        for meeting in self.meetings:
            a, b = place[meeting.first], place[meeting.second]
            moved[min(a, b), max(a, b)] = structs.replace(
                meeting if a < b else meeting.turned(), first=min(a, b), second=max(a, b)
            )
        return structs.replace(
            self,
            groups=tuple(self.groups[old] for old in order),
            meetings=tuple(moved[pair] for pair in sorted(moved)),
        )

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
