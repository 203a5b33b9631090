"""Where the search for theta starts: the dips of the criterion over a grid.

The criterion of few levels, or of effects that nearly vanish, can have several local optima, and a
search from one place finds the nearest. So it is scanned: over sizes of every effect and, where
effects are correlated, over patterns of signs. Every dip of the scan is a start, and after the dips
the lowest points that are not near a start already.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from engine.cholesky import batched_cholesky, batched_forward
from engine.criterion import Criterion
from engine.crossed import CrossedCriterion
from engine.dense import DenseCriterion
from engine.moments import relative_deviations
from engine.scalar import ScalarCriterion
from engine.table import Floats

OCTAVES = 0.5
SCALAR_GRID = np.concatenate([[0.0], 2.0 ** np.arange(-7.0, 7.0 + OCTAVES, OCTAVES)])
SIZES = ((0.02, 0.1, 0.5, 2.5, 12.0, 60.0), (0.1, 0.5, 2.5), (0.1, 1.0))
"""Standard deviations of the effects relative to the residual one, from the finest grid on."""
CORRELATION = 0.9
MAX_PATTERNS = 9
MAX_STARTS = 12
MANY_PARAMETERS = 21
FEW_STARTS = 3
"""As many when theta has more than ``MANY_PARAMETERS`` elements, as each search takes long."""
MAX_POINTS = 1_200
MAX_WORK = 1 << 18
"""Most points times levels of a scan; with more levels the surface is smoother, too."""
BATCH = 1 << 16
"""Points times levels that are worked on at once."""
NEAR = 2
"""Two points of the grid are near when they are less than so many sizes apart in every effect."""


def starts(criterion: Criterion) -> tuple[list[Floats], int]:
    """Points to start from, best first, and how many values it took to choose them.

    The dips come first, then the lowest points that are not near a start already, up to twice as
    many starts as theta has elements. A scalar theta is scanned over eight orders of two either
    side of 1, and starts at its dips only.
    """
    if isinstance(criterion, ScalarCriterion):
        return _scalar_starts(criterion)
    if isinstance(criterion, CrossedCriterion | DenseCriterion):
        return _crossed_starts(criterion)
    grid, shape = _grid(criterion)
    values = scan(criterion, grid)
    t = len(criterion.structure.rows)
    count = min(2 * t, MAX_STARTS) if t <= MANY_PARAMETERS else FEW_STARTS
    chosen = _choose(values.reshape(shape), count) or [0]  # there may be no value anywhere
    return [criterion.structure.theta(grid[i]) for i in chosen], len(grid)


def scan(criterion: Criterion, factors: Floats) -> Floats:
    """Values at many T (s, k, k) at once, less a constant; infinite where there is none."""
    step = max(1, BATCH // max(1, len(criterion.blocks.root)))
    parts = [_values(criterion, factors[i : i + step]) for i in range(0, len(factors), step)]
    return np.concatenate(parts)


def _values(criterion: Criterion, factors: Floats) -> Floats:
    blocks, s = criterion.blocks, len(factors)
    n_levels, k, q = blocks.inner.shape
    rt = (blocks.root.reshape(n_levels * k, k) @ factors).reshape(s * n_levels, k, k)
    lower = batched_cholesky(rt @ np.swapaxes(rt, 1, 2) + np.eye(k))
    repeated = np.broadcast_to(blocks.inner, (s, n_levels, k, q)).reshape(-1, k, q)
    inner = batched_forward(lower, repeated).reshape(s, n_levels * k, q)
    d = blocks.within + np.swapaxes(inner, 1, 2) @ inner
    sign, log_d = np.linalg.slogdet(d)
    x_sign, log_x = np.linalg.slogdet(d[:, :-1, :-1])
    logs = np.log(np.diagonal(lower, axis1=1, axis2=2)).reshape(s, -1).sum(axis=1)
    values = 2.0 * logs + criterion.count * (log_d - log_x) + (log_x if criterion.reml else 0.0)
    return np.where((sign > 0) & (x_sign > 0) & np.isfinite(values), values, np.inf)


def _scalar_starts(criterion: ScalarCriterion) -> tuple[list[Floats], int]:
    values = criterion.scan(SCALAR_GRID)
    padded = [np.inf, *values.tolist(), np.inf]
    dips = [i for i in range(len(values)) if padded[i] >= padded[i + 1] < padded[i + 2]]
    dips.sort(key=lambda i: values[i])
    return [_lowest(padded, i) for i in dips] or [np.ones(1)], len(values)


def _crossed_starts(criterion: CrossedCriterion | DenseCriterion) -> tuple[list[Floats], int]:
    """Uncorrelated effects of three sizes, lowest first; from moments where a value is costly."""
    structure = criterion.structure
    if isinstance(criterion, CrossedCriterion) and criterion.costly:
        return [structure.theta(np.diag(relative_deviations(criterion.blocks)))], 0
    sizes = SIZES[1]
    if structure.k <= 3:
        diagonals = [np.array(choice) for choice in product(sizes, repeat=structure.k)]
    else:
        diagonals = [np.full(structure.k, size) for size in sizes]
    thetas = [structure.theta(np.diag(diagonal)) for diagonal in diagonals]
    if isinstance(criterion, DenseCriterion):
        values = criterion.scan(np.array(thetas)).tolist()
    else:
        values = [criterion.value_at(theta) for theta in thetas]
    order = sorted(range(len(thetas)), key=values.__getitem__)
    return [thetas[i] for i in order[:MAX_STARTS]], len(thetas)


def _lowest(padded: list[float], dip: int) -> Floats:
    """The lowest point of the parabola in log theta through a dip and its two neighbours."""
    before, at, after = padded[dip : dip + 3]
    if dip < 2 or not np.isfinite(before + after):  # theta = 0 is a start of its own
        return np.array([SCALAR_GRID[dip]])
    shift = 0.5 * (before - after) / (before - 2.0 * at + after)
    return np.array([SCALAR_GRID[dip] * 2.0 ** (OCTAVES * shift)])


def blocks_of(criterion: Criterion) -> list[slice]:
    """The effects of each random term: T is block diagonal."""
    structure = criterion.structure
    joined = np.zeros((structure.k, structure.k), dtype=bool)
    joined[structure.rows, structure.cols] = True
    edges = [i for i in range(structure.k) if not joined[i, :i].any()] + [structure.k]
    return [slice(a, b) for a, b in pairwise(edges)]


def _grid(criterion: Criterion) -> tuple[Floats, tuple[int, ...]]:
    """Factors T (s, k, k), and the shape of the grid: patterns, then sizes of each effect."""
    k, n_levels = criterion.structure.k, len(criterion.blocks.root)
    patterns = np.array(list(_patterns(criterion)))
    for sizes in SIZES:
        count = len(patterns) * len(sizes) ** k
        if count <= MAX_POINTS and count * n_levels <= MAX_WORK:
            scales, shape = np.array(list(product(sizes, repeat=k))), [len(sizes)] * k
            break
    else:  # effects of one size
        sizes = SIZES[0] if len(patterns) * len(SIZES[0]) * n_levels <= MAX_WORK else SIZES[1]
        scales, shape = np.outer(sizes, np.ones(k)), [len(sizes)]
    grid = (patterns[:, None] * scales[None, :, :, None]).reshape(-1, k, k)
    return grid, (len(patterns), *shape)


def _patterns(criterion: Criterion) -> Iterator[Floats]:
    """Factors of correlation matrices: none first, then each pattern of signs within blocks."""
    k = criterion.structure.k
    yield np.eye(k, dtype=np.float64)
    inside = np.zeros((k, k), dtype=bool)
    free = np.zeros(k, dtype=bool)
    for block in blocks_of(criterion):
        inside[block, block] = True
        free[block.start + 1 : block.stop] = True
    choices = [(1.0, -1.0) if able else (1.0,) for able in free.tolist()]
    if not free.any():
        return
    for i, signs in enumerate(product(*choices)):
        if i + 1 == MAX_PATTERNS:
            return
        correlations = CORRELATION * np.outer(signs, signs) * inside
        np.fill_diagonal(correlations, 1.0)
        yield np.asarray(np.linalg.cholesky(correlations), dtype=np.float64)


def _choose(values: Floats, count: int) -> list[int]:
    """Indices of the starts: the dips, then the lowest points that are not near one of them.

    Along sizes the neighbours of a point are all points one size apart or less; a pattern of signs
    has the same sizes without correlation for a neighbour.
    """
    around = np.stack([minimum_filter(part, size=3, mode="nearest") for part in values])
    dip = (values <= around) & np.isfinite(values)
    dip[0] &= values[0] <= values.min(axis=0)
    dip[1:] &= values[1:] < values[0]
    flat, places = values.ravel(), np.array(list(np.ndindex(*values.shape)))
    order = np.argsort(flat, kind="stable")
    chosen = [i for i in order.tolist() if dip.ravel()[i]][:count]
    far = min(NEAR, values.shape[-1] - 1)
    near = np.zeros(len(flat), dtype=bool)
    for i in chosen:
        near |= _near(places, i, far)
    for i in order.tolist():
        if len(chosen) >= count or not np.isfinite(flat[i]):
            break
        if not near[i]:
            chosen.append(i)
            near |= _near(places, i, far)
    return chosen


def _near(places: NDArray[np.intp], i: int, far: int) -> NDArray[np.bool_]:
    """The points less than ``far`` sizes from a point, of the same pattern."""
    apart = np.abs(places[:, 1:] - places[i, 1:]).max(axis=1)
    return np.asarray((apart < far) & (places[:, 0] == places[i, 0]))
