"""Where an end of a search may not be the lowest: beyond the ridges around it.

The misses of a scan are of two kinds: an effect far outside the sizes that are scanned, and an
optimum where one effect vanishes beside one where it does not. Both show along lines through an
end, on which the size of one effect goes from nearly nothing to more than any scan has.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from engine.criterion import Structure
from engine.descent import Start
from engine.surface import StackedCriterion
from engine.table import Floats

LADDER = (0.1, 1.5, 20.0, 300.0)
"""Standard deviations of one effect relative to the residual one."""
CORNER = 6.0
"""Where leaving a column of T out costs less than this, the optimum without it is looked for."""
GONE = 1e-3
"""A column of T shorter than this is out already."""


def beyond(criterion: StackedCriterion, theta: Floats, value: float) -> list[Start]:
    """Starts beyond the ridges around the end of a search at theta, where there are any.

    They are the dips along each line but for the end itself, and the corners where a column of T
    that is hardly missed is zero: an effect is gone, or a function of those before it.
    """
    structure = criterion.structure
    t = structure.matrix(theta)
    k, steps = structure.k, len(LADDER)
    sizes = np.sqrt((t * t).sum(axis=1))
    lines = _lines(structure, t, sizes)
    corners = np.where(structure.cols == np.arange(k)[:, None], 0.0, theta)
    values = criterion.heights(np.concatenate([lines.reshape(k * steps, -1), corners]))
    found = []
    for line, heights, size in zip(
        lines, values[: k * steps].reshape(k, -1).tolist(), sizes.tolist(), strict=True
    ):
        own = bisect_left(LADDER, size)
        padded = [np.inf, *heights[:own], value, *heights[own:], np.inf]
        places = [*range(own), None, *range(own, steps)]
        for i, place in enumerate(places, start=1):
            if place is not None and padded[i - 1] >= padded[i] < padded[i + 1]:
                found.append(Start(line[place]))
    for column, corner in enumerate(corners):
        if values[k * steps + column] - value < CORNER and np.linalg.norm(t[:, column]) > GONE:
            found.append(Start(corner, held=structure.cols == column))
    return found


def _lines(structure: Structure, t: Floats, lengths: Floats) -> Floats:
    """The thetas at which one effect has the sizes of the ladder, (effects, sizes, t)."""
    k = len(t)
    units = np.eye(k)
    there = lengths > LADDER[0]
    units[there] = t[there] / lengths[there, None]
    out = np.empty((k, len(LADDER), k, k))
    out[:] = t
    out[range(k), :, range(k)] = units[:, None] * np.array(LADDER)[:, None]
    return out[:, :, structure.rows, structure.cols]
