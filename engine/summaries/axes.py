"""From the columns that one part's sums are made of to those of all parts, along one axis.

With columns b = (x - c) / s, the sums about another centre c' in units s' are those of
b' = (s / s') b + (c - c') / s' 1, so each follows from the old ones and the sums of the constant 1
beside it. It is done with twice the digits of a double.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.crossproducts import Pilot
from engine.summaries.doubled import Doubled
from engine.table import Floats

Index = NDArray[np.intp]


class Moments(Struct, frozen=True):
    """What the sums of one part tell of each column of an axis, in all parts' columns.

    A column that the part does not have is zero in each of its rows.

    Attributes:
        places: where the part's own columns stand, (m_own,).
        pilot: of all columns, (m,).
        weight: sum of the weights of the rows.
        sums: of each column, (m,); zero where the sums of no constant are known.
        squares: likewise, (m,).
    """

    places: Index
    pilot: Pilot
    weight: float
    sums: Floats
    squares: Floats

    @classmethod
    def of(
        cls, places: Index, size: int, pilot: Pilot, weight: float, own: tuple[Floats, Floats]
    ) -> Moments:
        """``pilot`` and ``own``, the sums and squares, are those of the part's columns."""
        centre, scale, sums, squares = np.zeros(size), np.ones(size), np.zeros(size), np.zeros(size)
        centre[places], scale[places] = pilot.centre, pilot.scale
        sums[places], squares[places] = own
        return cls(places, Pilot(centre, scale), weight, sums, squares)


class Axis(Struct, frozen=True):
    """The columns of all parts together.

    Attributes:
        pilot: their centres and units.
        anchor: the constant by which each can be shifted, -1 without one, (m,).
    """

    pilot: Pilot
    anchor: Index

    @classmethod
    def pooled(cls, parts: Sequence[Moments], anchor: Index, coded: Sequence[bool]) -> Axis:
        """Centres at the mean of all rows, to the nearest multiple of the unit.

        The unit is the power of two nearest to the standard deviation. Both follow from the sums,
        and so tell nothing beyond them. Coded columns, and those without an anchor, stay.
        """
        weight = math.fsum(part.weight for part in parts)
        mean = sum(p.pilot.centre * p.weight + p.pilot.scale * p.sums for p in parts) / weight
        mean = np.where((anchor < 0) | coded, 0.0, mean)
        spread = np.zeros(len(anchor))
        for part in parts:
            away, unit = part.pilot.centre - mean, part.pilot.scale
            spread += unit**2 * part.squares + 2.0 * unit * away * part.sums
            spread += away**2 * part.weight
        unit = np.array(
            [
                1.0 if fixed or not 0.0 < each < math.inf else 2.0 ** round(math.log2(each) / 2.0)
                for fixed, each in zip(coded, (spread / weight).tolist(), strict=True)
            ]
        )
        return cls(Pilot(unit * np.round(mean / unit) + 0.0, unit), anchor)  # no -0

    def move(self, part: Moments) -> Move:
        """How the columns of a part become these."""
        return Move(
            part.places,
            part.pilot.scale / self.pilot.scale,
            (part.pilot.centre - self.pilot.centre) / self.pilot.scale,
            self.anchor,
        )


class Move(Struct, frozen=True):
    """The linear map of one axis.

    Attributes:
        places: where a part's columns stand among all.
        ratio: old unit over new, (m,).
        away: old centre less new, in new units, (m,).
        anchor: the constant, (m,).
    """

    places: Index
    ratio: Floats
    away: Floats
    anchor: Index

    def along(self, values: Doubled) -> Doubled:
        """The last axis (..., m_own) in the columns of all parts, (..., m)."""
        wide = Doubled.zeros(*values.high.shape[:-1], len(self.ratio))
        wide.high[..., self.places] = values.high
        wide.low[..., self.places] = values.low
        out = wide.times(self.ratio)
        moved = np.flatnonzero(self.away)
        if moved.size:
            shifted = out.take(moved) + wide.take(self.anchor[moved]).times(self.away[moved])
            out.high[..., moved], out.low[..., moved] = shifted.high, shifted.low
        return out

    def across(self, values: Floats, other: Move) -> Doubled:
        """The last two axes (..., m_own, m'_own): this map for one, ``other`` for the last."""
        return self.along(other.along(Doubled.of(values)).swapped()).swapped()
