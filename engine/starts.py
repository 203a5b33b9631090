"""Where the search for theta starts: the dips of the criterion over a grid.

The criterion of few levels, or of effects that nearly vanish, can have several local optima, and a
search from one place finds the nearest. So it is scanned: over sizes of every effect and, where
effects are correlated, over patterns of signs. Every dip of the scan is a start, and after the dips
the lowest points that are not near a start already.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, pairwise, product

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.criterion import Criterion, Structure
from engine.crossed import CrossedCriterion
from engine.dense import DenseCriterion
from engine.moments import relative_deviations
from engine.scalar import ScalarCriterion
from engine.slopes import SlopesCriterion
from engine.table import Floats

OCTAVES = 0.5
SCALAR_GRID = np.concatenate([[0.0], 2.0 ** np.arange(-7.0, 7.0 + OCTAVES, OCTAVES)])
SIZES = ((0.02, 0.1, 0.5, 2.5, 12.0, 60.0), (0.1, 0.5, 2.5), (0.1, 1.0))
"""Standard deviations of the effects relative to the residual one, from the finest grid on."""
DENSE_SIZES = (0.1, 0.5, 2.5, 12.0)
FEW_EFFECTS, MORE_EFFECTS = 3, 5
"""Of several factors: most effects in all whose sizes are scanned each; and if there is doubt."""
CORRELATION, EDGE = 0.9, 0.9999
MAX_PATTERNS = 8
MAX_STARTS = 12
MANY_PARAMETERS = 21
FEW_STARTS = 3
"""As many when theta has more than ``MANY_PARAMETERS`` elements, as each search takes long."""
MAX_POINTS, MAX_EDGE_POINTS = 1_200, 200
MAX_WORK = 1 << 18
"""Most points times levels of a scan; with more levels the surface is smoother, too."""
NEAR = 2
"""Two points of the grid are near when they are less than so many sizes apart in every effect."""


class Starts(Struct, frozen=True):
    """Points to start from.

    Attributes:
        points: best first, dips before all others.
        dips: how many of them are dips of the scan.
        tried: how many values it took to choose them.
    """

    points: list[Floats]
    dips: int
    tried: int


def starts(criterion: Criterion, fewest: int | None = None) -> Starts:
    """Choose the points to start from.

    After the dips come the lowest points that are not near a start already, up to three times as
    many starts as theta has elements; where one matrix or one pass holds all levels, no more than
    make up the ``fewest``, if told. A scalar theta is scanned over eight orders of two either side
    of 1, and starts at its dips only. Of several factors with more effects the scan is coarse, and
    its best point passes for the only dip.
    """
    if isinstance(criterion, ScalarCriterion):
        return _scalar_starts(criterion)
    if isinstance(criterion, SlopesCriterion):
        return _slopes_starts(criterion, fewest)
    return _crossed_starts(criterion, fewest)


def _scalar_starts(criterion: ScalarCriterion) -> Starts:
    values = criterion.scan(SCALAR_GRID)
    padded = [np.inf, *values.tolist(), np.inf]
    dips = [i for i in range(len(values)) if padded[i] >= padded[i + 1] < padded[i + 2]]
    dips.sort(key=lambda i: padded[i + 1])
    points = [_lowest(padded, i) for i in dips] or [np.ones(1)]
    return Starts(points, len(points), len(values))


def _slopes_starts(criterion: SlopesCriterion, fewest: int | None) -> Starts:
    grid, shape, edge = _grid(criterion.structure, len(criterion.blocks.root))
    t = grid.shape[1]
    count = min(3 * t, MAX_STARTS) if t <= MANY_PARAMETERS else FEW_STARTS
    chosen, dips = _choose(criterion.scan(grid).reshape(shape), count, fewest, edge=edge)
    if not chosen:  # there is no value anywhere
        return Starts([grid[0]], 1, len(grid))
    return Starts([grid[i] for i in chosen], dips, len(grid))


def _crossed_starts(criterion: Criterion, fewest: int | None) -> Starts:
    """Uncorrelated effects of three sizes, lowest first; from moments where a value is costly."""
    structure = criterion.structure
    if isinstance(criterion, CrossedCriterion) and criterion.costly:
        return Starts([structure.theta(np.diag(relative_deviations(criterion.blocks)))], 1, 0)
    sizes = _dense_sizes(structure.k, fewest) if isinstance(criterion, DenseCriterion) else ()
    if sizes:
        thetas = _uncorrelated(structure, sizes, each=True)
        values = criterion.scan(thetas).reshape(1, *(len(sizes),) * structure.k)
        chosen, dips = _choose(values, MAX_STARTS, fewest, edge=False)
        if chosen:
            return Starts([thetas[i] for i in chosen], dips, len(thetas))
    thetas = _uncorrelated(structure, SIZES[1], each=structure.k <= FEW_EFFECTS)
    order = np.argsort(criterion.scan(thetas), kind="stable")
    return Starts([thetas[i] for i in order[:MAX_STARTS]], 1, len(thetas))


def _dense_sizes(k: int, fewest: int | None) -> tuple[float, ...]:
    """The sizes that each of k effects takes in a scan; none where there are too many effects.

    With a few more it is scanned when all starts are asked for, which is when there is doubt.
    """
    if k <= FEW_EFFECTS:
        return DENSE_SIZES
    return SIZES[1] if k <= MORE_EFFECTS and fewest is None else ()


@lru_cache(maxsize=16)
def _uncorrelated(structure: Structure, sizes: tuple[float, ...], *, each: bool) -> Floats:
    """Thetas of uncorrelated effects (s, t): each effect of all sizes, or all effects of one."""
    k = structure.k
    scales = list(product(sizes, repeat=k)) if each else [(size,) * k for size in sizes]
    return np.array([structure.theta(np.diag(scale)) for scale in scales])


def _lowest(padded: list[float], dip: int) -> Floats:
    """The lowest point of the parabola in log theta through a dip and its two neighbours."""
    before, at, after = padded[dip : dip + 3]
    if dip < 2 or not np.isfinite(before + after):  # theta = 0 is a start of its own
        return np.array([SCALAR_GRID[dip]])
    shift = 0.5 * (before - after) / (before - 2.0 * at + after)
    return np.array([SCALAR_GRID[dip] * 2.0 ** (OCTAVES * shift)])


@lru_cache(maxsize=64)
def blocks_of(structure: Structure) -> list[slice]:
    """The effects of each random term: T is block diagonal."""
    joined = np.zeros((structure.k, structure.k), dtype=bool)
    joined[structure.rows, structure.cols] = True
    edges = [i for i in range(structure.k) if not joined[i, :i].any()] + [structure.k]
    return [slice(a, b) for a, b in pairwise(edges)]


@lru_cache(maxsize=16)
def _grid(structure: Structure, n_levels: int) -> tuple[Floats, tuple[int, ...], bool]:
    """Thetas (s, t); the shape of the grid: patterns, then sizes of each effect; if it has an edge.

    The patterns are no correlation, every pattern of signs, and where there is room every pattern
    of signs at the edge, where the effects are functions of one another.
    """
    k = structure.k
    correlated = list(_patterns(structure, CORRELATION))
    edge = bool(correlated) and (1 + 2 * len(correlated)) * len(SIZES[0]) ** k <= MAX_EDGE_POINTS
    outer = _patterns(structure, EDGE) if edge else ()
    patterns = np.array([np.eye(k), *correlated, *outer])
    for sizes in SIZES:
        count = len(patterns) * len(sizes) ** k
        if count <= MAX_POINTS and count * n_levels <= MAX_WORK:
            scales, shape = np.array(list(product(sizes, repeat=k))), [len(sizes)] * k
            break
    else:  # effects of one size
        sizes = SIZES[0] if len(patterns) * len(SIZES[0]) * n_levels <= MAX_WORK else SIZES[1]
        scales, shape = np.outer(sizes, np.ones(k)), [len(sizes)]
    grid = (patterns[:, None] * scales[None, :, :, None]).reshape(-1, k, k)
    return grid[:, structure.rows, structure.cols], (len(patterns), *shape), edge


def _patterns(structure: Structure, correlation: float) -> Iterator[Floats]:
    """Factors of correlation matrices: each pattern of signs within blocks."""
    k = structure.k
    inside = np.zeros((k, k), dtype=bool)
    free = np.zeros(k, dtype=bool)
    for block in blocks_of(structure):
        inside[block, block] = True
        free[block.start + 1 : block.stop] = True
    if not free.any():
        return
    choices = [(1.0, -1.0) if able else (1.0,) for able in free.tolist()]
    for signs in islice(product(*choices), MAX_PATTERNS):
        correlations = correlation * np.outer(signs, signs) * inside
        np.fill_diagonal(correlations, 1.0)
        yield np.asarray(np.linalg.cholesky(correlations), dtype=np.float64)


def _choose(values: Floats, count: int, fewest: int | None, *, edge: bool) -> tuple[list[int], int]:
    """Indices of the starts, the dips first, and how many are dips.

    Along sizes the neighbours of a point are all points one size apart or less; a pattern of signs
    has the same sizes without correlation and, if they are there, at the edge for neighbours. What
    is not a dip is lowest, and not near a start before it.
    """
    around = values
    for axis in range(1, values.ndim):
        around = _lowest_around(around, axis)
    dip = (values <= around) & np.isfinite(values)
    n_patterns = (len(values) - 1) // 2 if edge else len(values) - 1
    inner, outer = slice(1, 1 + n_patterns), slice(1 + n_patterns, None)
    dip[0] &= values[0] <= values[: 1 + n_patterns].min(axis=0)
    dip[inner] &= values[inner] < values[0]
    if edge:
        dip[inner] &= values[inner] <= values[outer]
        dip[outer] &= values[outer] < values[inner]
    flat = values.ravel()
    found: list[int] = np.flatnonzero(dip).tolist()
    chosen = sorted(found, key=flat.__getitem__)[:count]
    dips = len(chosen)
    if fewest is not None:
        count = min(count, fewest)
    if dips >= count:
        return chosen, dips
    places = _places(values.shape)
    far = min(NEAR, values.shape[-1] - 1)
    left = flat.copy()
    for i in chosen:
        left[_near(places, i, far)] = np.inf
    while len(chosen) < count:
        lowest = int(left.argmin())
        if not np.isfinite(left[lowest]):
            break
        chosen.append(lowest)
        left[_near(places, lowest, far)] = np.inf
    return chosen, dips


def _lowest_around(values: Floats, axis: int) -> Floats:
    """The lowest of each value and its neighbours along an axis."""
    around = values.copy()
    before, after = ((*[slice(None)] * axis, own) for own in (slice(None, -1), slice(1, None)))
    np.minimum(around[after], values[before], out=around[after])
    np.minimum(around[before], values[after], out=around[before])
    return around


@lru_cache(maxsize=16)
def _places(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """The index of each point of a grid along every axis, (points, axes)."""
    return np.indices(shape).reshape(len(shape), -1).T


def _near(places: NDArray[np.intp], i: int, far: int) -> NDArray[np.bool_]:
    """The points less than ``far`` sizes from a point, of the same pattern."""
    apart = np.abs(places[:, 1:] - places[i, 1:]).max(axis=1)
    return np.asarray((apart < far) & (places[:, 0] == places[i, 0]))
