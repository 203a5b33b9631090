"""The optimum of the criterion: Newton steps in a trust region, from several starts.

The criterion depends on theta through G = T T' alone, so the sign of a column of T does not matter
and theta may range over all reals: there is no constraint to handle. A variance at its boundary is
a stationary point with a positive definite Hessian when it is an optimum, and a saddle when it is
not, which the exact Hessian tells apart (Nocedal, Wright 2006, Numerical Optimization, chapter 4,
with the subproblem solved by an eigendecomposition).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from engine.cholesky import semidefinite_root
from engine.criterion import Criterion, Evaluation
from engine.crossed import CrossedCriterion
from engine.information import Informed
from engine.starts import blocks_of, starts
from engine.table import Floats

Objective: TypeAlias = Callable[[Floats], Evaluation | None]
"""What is minimised: value, gradient and Hessian at a point, ``None`` where it does not exist."""

MAX_STEPS = 200
ACCURACY = 1e-9
"""The Newton step that promises less than this of the criterion is the last one."""
VALUE_ACCURACY = 1e-6
"""As much, where only the value counts: its error is the promise's own, of a higher order."""
INFORMED_ACCURACY = 1e-8
"""The same for a search by average information, whose promise is right to some parts in ten."""
CLOSE = 1e-2
"""The Newton step that promises less than this leads to the optimum, if it is one already known."""
LAST_STEP = 1e-3
"""A last step longer than this part of the trusted radius is not Newton's: it is left out."""
SAME_OPTIMUM = 1e-6
"""Two optima whose values differ by less than this are one."""
BOUNDARY = 1e-3
"""A column of T shorter than this is tried at exactly zero."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the search ended.

    Attributes:
        theta: the best point found, boundary values exactly zero.
        value: the criterion there.
        gradient_norm: largest element of the gradient at the last evaluation.
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

    One start more than theta has elements is followed to its end, and all of them when there is
    doubt: when they end in different places, or at the boundary.

    Args:
        criterion: to be minimised.
        near: a point known to be close to the optimum (the optimum of the other criterion): it
            comes first, and with it only the best start is followed when there is no doubt.
    """
    if not len(criterion.structure.rows):
        value = criterion.value_at(np.zeros(0))
        return Optimum(np.zeros(0), value, 0.0, bool(np.isfinite(value)), 1, 0, 1)
    scalar = criterion.structure.k == 1
    known = near is not None and (scalar or criterion.costly)
    points, tried = ([], 0) if known else starts(criterion)
    enough = len(points) if scalar else len(criterion.structure.rows) + 1
    if near is not None:
        points, enough = [near, *points], 2
    ends: list[Optimum] = []
    for point in points:
        if len(ends) >= enough and not _doubtful(criterion, ends):
            break
        ends.append(descend(_searched(criterion), point, ends))
    evaluations = tried + sum(end.evaluations for end in ends)
    best = min(ends, key=lambda end: end.value)
    found: list[float] = []
    for end in ends:
        if end.converged and all(abs(end.value - value) > SAME_OPTIMUM for value in found):
            found.append(end.value)
    settled = settle(criterion, best)
    return replace(
        settled,
        evaluations=evaluations + settled.evaluations,
        starts=len(ends),
        optima=max(1, len(found)),
    )


def _searched(criterion: Criterion) -> Objective:
    """The criterion as it is searched: with less than an exact Hessian where that is costly."""
    if isinstance(criterion, CrossedCriterion) and criterion.costly:
        return Informed(criterion)
    return criterion


def lowest_value(criterion: Criterion, near: Floats) -> float:
    """The value of the criterion at its optimum, where the optimum itself is not asked for.

    The gain that the last Newton step promises is taken on trust.

    Args:
        criterion: to be minimised.
        near: a point known to be close to the optimum.
    """
    if criterion.structure.k == 1:
        return descend(criterion, near, enough=VALUE_ACCURACY).value
    if criterion.costly:
        return descend(_searched(criterion), near, enough=INFORMED_ACCURACY).value
    return minimise(criterion, near).value


def _doubtful(criterion: Criterion, ends: Sequence[Optimum]) -> bool:
    """Whether searches ended in different places or not at all, or the best end is singular."""
    values = [end.value for end in ends]
    if max(values) - min(values) > SAME_OPTIMUM or not all(end.converged for end in ends):
        return True
    t = canonical(criterion, criterion.structure.matrix(ends[int(np.argmin(values))].theta))
    return bool((np.linalg.norm(t, axis=0) < BOUNDARY).any())


def descend(
    criterion: Objective, theta: Floats, known: Sequence[Optimum] = (), enough: float = ACCURACY
) -> Optimum:
    """Newton's method in a trust region from one start to a local optimum.

    Where it comes close to the end of another search, that end is its end too. A step that promises
    less than ``enough`` is the last one.
    """
    here = criterion(theta)
    evaluations = 1
    if here is None:
        return Optimum(theta, np.inf, np.inf, False, evaluations, 1, 0)
    radius = 1.0 + _length(theta)
    for _ in range(MAX_STEPS):
        step, promised = _step(here, radius)
        if promised < CLOSE and (end := _met(criterion, theta + step, here, promised, known)):
            return replace(end, evaluations=evaluations)
        noise = 1e-13 * (1.0 + abs(here.value))
        if promised <= 1e-3 * noise or promised < enough != ACCURACY:
            return _polished(theta, here, radius, evaluations, enough)
        there = criterion(theta + step)
        evaluations += 1
        gain = -np.inf if there is None else here.value - there.value
        last = there is not None and promised < ACCURACY  # Newton's error is squared by each step
        if there is not None and (gain > 0.1 * promised or promised < noise):
            if gain > 0.7 * promised and _length(step) > 0.9 * radius:
                radius *= 2.0
            theta, here = theta + step, there
        elif not last:
            radius = 0.25 * min(radius, _length(step))
        if last:
            return _polished(theta, here, radius, evaluations, enough)
    return Optimum(theta, here.value, _steepness(here), False, evaluations, 1, 1)


def _polished(
    theta: Floats, here: Evaluation, radius: float, evaluations: int, enough: float
) -> Optimum:
    """The end of a search, with one more step that costs no evaluation."""
    step, promised = _step(here, radius)
    value = here.value
    if promised < enough and (_length(step) < LAST_STEP * radius or enough != ACCURACY):
        theta, value = theta + step, value - promised
    return Optimum(theta, value, _steepness(here), True, evaluations, 1, 1)


def _steepness(here: Evaluation) -> float:
    return float(np.abs(here.gradient).max())


def _met(
    criterion: Objective,
    theta: Floats,
    here: Evaluation,
    promised: float,
    known: Sequence[Optimum],
) -> Optimum | None:
    """The known end that a step leads to, which promises as much as there is to gain."""
    if not isinstance(criterion, Criterion):  # what it would end at is not told by theta alone
        return None
    for end in known:
        if end.converged and abs(here.value - promised - end.value) < 0.1 * CLOSE:
            own, other = map(criterion.structure.matrix, (theta, end.theta))
            own, other = own @ own.T, other @ other.T
            if float(np.abs(own - other).max()) <= 0.1 * float(np.abs(other).max()):
                return end
    return None


def _step(here: Evaluation, radius: float) -> tuple[Floats, float]:
    """The step that minimises the quadratic model within the radius, and the gain it promises."""
    if len(here.gradient) == 1:
        gradient, hessian = float(here.gradient[0]), float(here.hessian[0, 0])
        if hessian > 1e-12 and abs(gradient) <= radius * hessian:
            return np.array([-gradient / hessian]), 0.5 * gradient * gradient / hessian
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


def _length(step: Floats) -> float:
    return math.sqrt(float(step @ step))


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
    for block in blocks_of(criterion):
        out[block, block] = semidefinite_root(g[block, block])
    return out


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
    again = descend(_searched(criterion), theta)
    if again.converged and (again.theta[theta == 0.0] == 0.0).all():
        return replace(
            again,
            theta=structure.theta(canonical(criterion, structure.matrix(again.theta))),
            evaluations=evaluations + again.evaluations,
        )
    return replace(end, theta=theta, value=value, evaluations=evaluations + again.evaluations)
