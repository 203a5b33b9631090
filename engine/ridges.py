"""Where an end of a search may not be the lowest: beyond the ridges around it.

The misses of a scan are of two kinds: an effect far outside the sizes that are scanned, and an
optimum where one effect vanishes beside one where it does not. Both show along lines through an
end, on which the size of one effect goes from nearly nothing to more than any scan has.
"""

from __future__ import annotations

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
    lines = np.array([_line(structure, t, effect) for effect in range(k)]).reshape(k, steps, -1)
    corners = np.where(structure.cols == np.arange(k)[:, None], 0.0, theta)
    values = criterion.heights(np.concatenate([lines.reshape(k * steps, -1), corners]))
    sizes = np.linalg.norm(t, axis=1)
    found = []
    for line, heights, size in zip(
        lines, values[: k * steps].reshape(k, -1).tolist(), sizes.tolist(), strict=True
    ):
        own = int(np.searchsorted(LADDER, size))
        padded = [np.inf, *heights[:own], value, *heights[own:], np.inf]
        places = [*range(own), None, *range(own, steps)]
        for i, place in enumerate(places, start=1):
            if place is not None and padded[i - 1] >= padded[i] < padded[i + 1]:
                found.append(Start(line[place]))
    for column, corner in enumerate(corners):
        if values[k * steps + column] - value < CORNER and np.linalg.norm(t[:, column]) > GONE:
            found.append(Start(corner, held=structure.cols == column))
    return found


def _line(structure: Structure, t: Floats, effect: int) -> Floats:
    """The thetas at which one effect has the sizes of the ladder, (sizes, t)."""
    row = t[effect]
    size = float(np.linalg.norm(row))
    unit = row / size if size > LADDER[0] else np.eye(len(t))[effect]
    out = np.repeat(t[None], len(LADDER), axis=0)
    out[:, effect] = np.multiply.outer(LADDER, unit)
    return np.asarray(out[:, structure.rows, structure.cols])
