"""The optimum of the criterion: Newton steps in a trust region, from several starts.

The criterion depends on theta through G = T T' alone, so the sign of a column of T does not matter
and theta may range over all reals: there is no constraint to handle. A variance at its boundary is
a stationary point with a positive definite Hessian when it is an optimum, and a saddle when it is
not, which the exact Hessian tells apart (Nocedal, Wright 2006, Numerical Optimization, chapter 4,
with the subproblem solved by an eigendecomposition).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import TypeAlias

import numpy as np

from engine.cholesky import semidefinite_root
from engine.criterion import Criterion, Evaluation
from engine.scalar import ScalarCriterion
from engine.table import Floats

Objective: TypeAlias = Callable[[Floats], Evaluation | None]
"""What is minimised: value, gradient and Hessian at a point, ``None`` where it does not exist."""

MAX_STEPS = 200
ACCURACY = 1e-9
"""The Newton step that promises less than this of the criterion is the last one."""
SAME_OPTIMUM = 1e-6
"""Two optima whose values differ by less than this are one."""
BOUNDARY = 1e-3
"""A column of T shorter than this is tried at exactly zero."""

SCALAR_GRID = np.concatenate([[0.0], 2.0 ** np.arange(-7.0, 8.0)])


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the search ended.

    Attributes:
        theta: the best point found, boundary values exactly zero.
        value: the criterion there.
        gradient_norm: largest element of the gradient there.
        converged: whether the last step promised nothing more and no direction goes down.
        evaluations: of the criterion, all starts together.
        starts: how many starts were followed to their end.
        optima: how many distinct local optima they found.
    """

    theta: Floats
    value: float
    gradient_norm: float
    converged: bool
    evaluations: int
    starts: int
    optima: int


def minimise(criterion: Criterion, near: Floats | None = None) -> Optimum:
    """The global optimum, as far as the starts can tell.

    Args:
        criterion: to be minimised.
        near: a point known to be close to the optimum (the optimum of the other criterion); one
            more start.
    """
    if not len(criterion.structure.rows):
        value = criterion.value_at(np.zeros(0))
        return Optimum(np.zeros(0), value, 0.0, bool(np.isfinite(value)), 1, 0, 1)
    if near is not None and criterion.structure.k == 1:
        points, tried = [near], 0
    else:
        points, tried = starts(criterion)
    if near is not None and criterion.structure.k > 1:
        points = [near, *points[:1]]
    ends = [descend(criterion, point) for point in points]
    best = min(ends, key=lambda end: end.value)
    if near is None and criterion.structure.k > 1 and _doubtful(criterion, ends):
        ends += [descend(criterion, point) for point in _more_starts(criterion)]
        best = min(ends, key=lambda end: end.value)
    found: list[float] = []
    for end in ends:
        if end.converged and all(abs(end.value - value) > SAME_OPTIMUM for value in found):
            found.append(end.value)
    evaluations = tried + sum(end.evaluations for end in ends)
    settled = settle(criterion, best)
    return replace(
        settled,
        evaluations=evaluations + settled.evaluations,
        starts=len(ends),
        optima=max(1, len(found)),
    )


def starts(criterion: Criterion) -> tuple[list[Floats], int]:
    """Points to start from, best first, and how many values it took to choose them.

    A scalar theta is scanned over eight orders of two either side of 1: every dip becomes a start.
        Otherwise
    uncorrelated effects of several sizes are tried and the two best become starts.
    """
    structure = criterion.structure
    if isinstance(criterion, ScalarCriterion):
        values = criterion.scan(SCALAR_GRID)
        padded = [np.inf, *values.tolist(), np.inf]
        dips = [i for i in range(len(values)) if padded[i] >= padded[i + 1] < padded[i + 2]]
        dips.sort(key=lambda i: values[i])
        return [_lowest(padded, i) for i in dips] or [np.ones(1)], len(values)
    sizes = (0.1, 0.4, 1.6)
    if structure.k == 1:
        diagonals = [np.ones(1)]
    elif structure.k <= 3:
        diagonals = [np.array(choice) for choice in product(sizes, repeat=structure.k)]
    else:
        diagonals = [np.full(structure.k, size) for size in sizes]
    ranked = sorted(
        (
            (criterion.value_at(theta), i, theta)
            for i, theta in enumerate(structure.theta(np.diag(diagonal)) for diagonal in diagonals)
        ),
        key=lambda item: item[:2],
    )
    return [theta for _, _, theta in ranked[:2]], len(ranked)


def _lowest(padded: list[float], dip: int) -> Floats:
    """The lowest point of the parabola in log theta through a dip and its two neighbours."""
    before, at, after = padded[dip : dip + 3]
    if dip < 2 or not np.isfinite(before + after):  # theta = 0 is a start of its own
        return np.array([SCALAR_GRID[dip]])
    shift = 0.5 * (before - after) / (before - 2.0 * at + after)
    return np.array([SCALAR_GRID[dip] * 2.0**shift])


def _doubtful(criterion: Criterion, ends: list[Optimum]) -> bool:
    """Whether starts disagree, one failed, or the best end is singular: look further then."""
    best = min(ends, key=lambda end: end.value)
    lengths = np.linalg.norm(canonical(criterion, criterion.structure.matrix(best.theta)), axis=0)
    values = [end.value for end in ends]
    return (
        max(values) - min(values) > SAME_OPTIMUM
        or not all(end.converged for end in ends)
        or bool((lengths < BOUNDARY).any())
    )


def _more_starts(criterion: Criterion) -> list[Floats]:
    """Correlated starts, one pair of effects after the other, of either sign and two sizes."""
    structure = criterion.structure
    diagonal = np.flatnonzero(structure.diagonal)
    below = np.flatnonzero(~structure.diagonal)
    points = []
    for size in (0.2, 1.0):
        base = np.zeros(len(structure.rows))
        base[diagonal] = size
        if not len(below):
            points.append(base)
        for sign, pair in product((-1.0, 1.0), below[:12]):
            point = base.copy()
            point[pair] = sign * size
            point[diagonal[structure.rows[diagonal] == structure.rows[pair]]] *= 0.5
            points.append(point)
    return points


def descend(criterion: Objective, theta: Floats) -> Optimum:
    """Newton's method in a trust region from one start to a local optimum."""
    here = criterion(theta)
    evaluations = 1
    if here is None:
        return Optimum(theta, np.inf, np.inf, False, evaluations, 1, 0)
    radius = 1.0 + float(np.linalg.norm(theta))
    converged = False
    for _ in range(MAX_STEPS):
        step, promised = _step(here, radius)
        noise = 1e-13 * (1.0 + abs(here.value))
        if promised <= 1e-3 * noise:
            converged = True
            break
        there = criterion(theta + step)
        evaluations += 1
        gain = -np.inf if there is None else here.value - there.value
        if there is not None and (gain > 0.1 * promised or promised < noise):
            if gain > 0.7 * promised and float(np.linalg.norm(step)) > 0.9 * radius:
                radius *= 2.0
            theta, here = theta + step, there
            if (
                promised < ACCURACY
            ):  # Newton's error is squared by each step: this one was the last that counts
                converged = True
                break
        elif there is not None and promised < ACCURACY:
            converged = True
            break
        else:
            radius = 0.25 * min(radius, float(np.linalg.norm(step)))
    return Optimum(
        theta, here.value, float(np.abs(here.gradient).max()), converged, evaluations, 1, 1
    )


def _step(here: Evaluation, radius: float) -> tuple[Floats, float]:
    """The step that minimises the quadratic model within the radius, and the gain it promises."""
    if len(here.gradient) == 1:
        curvature, axes = here.hessian[0], np.ones((1, 1))
    else:
        curvature, axes = np.linalg.eigh(here.hessian)
    slope = axes.T @ here.gradient
    floor = 1e-12 * max(1.0, float(np.abs(curvature).max()))
    if curvature[0] > floor:
        move = -slope / curvature
        if move @ move <= radius * radius:
            return axes @ move, float(-(slope @ move) / 2.0)
    if (
        curvature[0] >= -1e-7 * max(1.0, float(np.abs(curvature).max()))
        and float(np.abs(slope).max()) < 1e-7
    ):
        return np.zeros_like(slope), 0.0
    move = _on_sphere(slope, curvature, radius)
    return axes @ move, float(-(slope @ move + 0.5 * (curvature * move) @ move))


def _on_sphere(slope: Floats, curvature: Floats, radius: float) -> Floats:
    """Minimise slope'm + m'diag(curvature)m / 2 with |m| = radius, curvature ascending."""
    low = max(0.0, -float(curvature[0]))
    high = low + float(np.linalg.norm(slope)) / radius + 1e-8
    tiny = 1e-10 * max(1.0, low)
    at_low = -slope / (curvature + low + tiny)
    if np.linalg.norm(at_low) < radius:  # the hard case: make up the length along the lowest axis
        move = at_low.copy()
        move[0] = 0.0
        rest = max(0.0, radius**2 - float(move @ move))
        move[0] = np.copysign(rest**0.5, at_low[0])
        return move
    low += tiny
    for _ in range(60):
        middle = (low + high) / 2.0
        if np.linalg.norm(slope / (curvature + middle)) > radius:
            low = middle
        else:
            high = middle
        if high - low <= 1e-3 * high:
            break
    return -slope / (curvature + high)


def canonical(criterion: Criterion, t: Floats) -> Floats:
    """The T with non-negative diagonal that gives the same G, block by block."""
    g = t @ t.T
    out = np.zeros_like(t)
    for block in _blocks(criterion):
        out[block, block] = semidefinite_root(g[block, block])
    return out


def _blocks(criterion: Criterion) -> list[slice]:
    structure = criterion.structure
    joined = np.zeros((structure.k, structure.k), dtype=bool)
    joined[structure.rows, structure.cols] = True
    edges = [i for i in range(structure.k) if not joined[i, :i].any()] + [structure.k]
    return [slice(a, b) for a, b in pairwise(edges)]


def settle(criterion: Criterion, end: Optimum) -> Optimum:
    """The same optimum in canonical form, columns of T that vanish set to exactly zero."""
    structure = criterion.structure
    if structure.k == 1 and abs(end.theta[0]) >= BOUNDARY:
        return replace(end, theta=np.abs(end.theta), evaluations=0)
    t = canonical(criterion, structure.matrix(end.theta))
    theta, value, evaluations = structure.theta(t), end.value, 0
    for column in np.flatnonzero(np.linalg.norm(t, axis=0) < BOUNDARY):
        if not t[:, column].any():
            continue
        flat = t.copy()
        flat[:, column] = 0.0
        there = criterion.value_at(structure.theta(flat))
        evaluations += 1
        if there <= value + 1e-11 + 1e-13 * abs(value):
            t, theta, value = flat, structure.theta(flat), there
    if not evaluations or value == end.value:
        return replace(end, theta=theta, evaluations=evaluations)
    again = descend(criterion, theta)
    if again.converged and (again.theta[theta == 0.0] == 0.0).all():
        return replace(
            again,
            theta=structure.theta(canonical(criterion, structure.matrix(again.theta))),
            evaluations=evaluations + again.evaluations,
        )
    return replace(end, theta=theta, value=value, evaluations=evaluations + again.evaluations)
