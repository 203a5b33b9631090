"""The optimum of the criterion: Newton steps in a trust region, from several starts.

The criterion depends on theta through G = T T' alone, so the sign of a column of T does not matter
and theta may range over all reals: there is no constraint to handle. A variance at its boundary is
a stationary point with a positive definite Hessian when it is an optimum, and a saddle when it is
not, which the exact Hessian tells apart (see ``step``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeGuard

import numpy as np
from msgspec import structs

from engine.cholesky import semidefinite_root
from engine.criterion import Criterion, Structure
from engine.crossed import CrossedCriterion
from engine.descent import ACCURACY, Known, Objective, Optimum, Start, descend, descend_together
from engine.information import Informed
from engine.iterative.criterion import IterativeCriterion
from engine.iterative.search import lowest, search
from engine.progress import unwatched
from engine.ridges import LADDER, beyond
from engine.scoring import scored
from engine.starts import MANY_PARAMETERS, MAX_WORK, blocks_of, starts
from engine.surface import StackedCriterion
from engine.table import Floats

VALUE_ACCURACY = 1e-6
"""The last step where only the value counts: its error is the promise's own, of a higher order."""
INFORMED_ACCURACY = 1e-8
"""The same for a search by average information, whose promise is right to some parts in ten."""
SAME_OPTIMUM = 1e-6
"""Two optima whose values differ by less than this are one."""
FEWEST = 2
"""As many starts are followed whatever the surface looks like."""
SAME_POINT = 1e-6
"""Two starts closer than this, in every element of theta, are one."""
NO_SIZE, LIKE_SIZE, LIKE_SCALAR = 0.01, 1.2, 0.5
"""Standard deviations of effects are alike when their logarithms are, those near zero all."""
BOUNDARY = 1e-3
"""A column of T shorter than this is tried at exactly zero."""


def minimise(
    criterion: Criterion, near: Floats | None = None, watch: Callable[[], None] = unwatched
) -> Optimum:
    """The global optimum, as far as the starts can tell.

    The dips of a scan are followed to their ends, two starts at least, then what lies beyond the
    ridges around the lowest end, and all starts when there is doubt: when searches end in different
    places, or at the boundary.

    Args:
        criterion: to be minimised.
        near: a point known to be close to the optimum (the optimum of the other criterion): it
            comes first, and with it only those dips of the scan are followed that are far from it.
        watch: called before every evaluation of a search; what it raises ends the search.
    """
    if isinstance(criterion, IterativeCriterion):
        return search(criterion, watch)
    if not len(criterion.structure.rows):
        value = criterion.value_at(np.zeros(0))
        return Optimum(np.zeros(0), value, 0.0, bool(np.isfinite(value)), 1, 0, 1)
    ends, tried = _ends(criterion, near, ACCURACY, watch)
    evaluations = tried + sum(end.evaluations for end in ends)
    best = _lowest(ends)
    found: list[float] = []
    for end in ends:
        if end.converged and all(abs(end.value - value) > SAME_OPTIMUM for value in found):
            found.append(end.value)
    settled = settle(criterion, best)
    return structs.replace(
        settled,
        evaluations=evaluations + settled.evaluations,
        starts=len(ends),
        optima=max(1, len(found)),
    )


def lowest_value(criterion: Criterion, near: Floats) -> float:
    """The value of the criterion at its optimum, where the optimum itself is not asked for.

    The gain that the last Newton step promises is taken on trust.

    Args:
        criterion: to be minimised.
        near: a point known to be close to the optimum.
    """
    if isinstance(criterion, IterativeCriterion):
        return lowest(criterion, near)
    if not len(near):
        return criterion.value_at(near)
    return min(end.value for end in _ends(criterion, near, VALUE_ACCURACY)[0])


def _ends(
    criterion: Criterion,
    near: Floats | None,
    enough: float,
    watch: Callable[[], None] = unwatched,
) -> tuple[list[Optimum], int]:
    """Ends of searches, and how many values it took to choose their starts."""
    structure = criterion.structure
    if _learns(criterion):
        return _learned_ends(criterion, near, enough, watch)
    found = starts(criterion, FEWEST if near is None else 0)
    dips = found.points[: found.dips]
    if near is None:
        first = found.points[: max(FEWEST, found.dips)]
    else:
        first = [near, *(dip for dip in dips if not _alike(structure, dip, near))]
    known = Known(structure, [])
    ends = descend_together(criterion, _improved(criterion, first), known, enough, watch)
    tried = found.tried
    if isinstance(criterion, StackedCriterion):
        tried += _follow_ridges(criterion, ends, known, enough, watch)
    if structure.k > 1 and _doubtful(criterion, ends):
        every = starts(criterion) if isinstance(criterion, StackedCriterion) else found
        followed = first if near is None else dips
        others = [Start(theta) for theta in every.points if not _among(theta, followed)]
        before = _lowest(ends)
        ends += descend_together(criterion, others, known, enough, watch)
        if (
            isinstance(criterion, StackedCriterion)
            and _lowest(ends).value < before.value - SAME_OPTIMUM
        ):
            tried += _follow_ridges(criterion, ends, known, enough, watch)
    return ends, tried


def _follow_ridges(
    criterion: StackedCriterion,
    ends: list[Optimum],
    known: Known,
    enough: float,
    watch: Callable[[], None],
) -> int:
    """Search beyond the ridges around the lowest end, and again around a lower one.

    Not where that takes long: with many levels the surface is smoother. Returns how many values it
    took to find them.
    """
    levels, effects = len(criterion.blocks.root), criterion.structure.k
    if effects * len(LADDER) * levels > MAX_WORK or len(criterion.structure.rows) > MANY_PARAMETERS:
        return 0
    tried, best = 0, None
    while best is None or _lowest(ends).value < best.value - SAME_OPTIMUM:
        best = _lowest(ends)
        if not np.isfinite(best.value):
            break
        others = beyond(criterion, best.theta, best.value)
        tried += (len(LADDER) + 1) * effects
        ends += descend_together(criterion, others, known, enough, watch)
    return tried


def _among(theta: Floats, others: Sequence[Floats]) -> bool:
    return any(np.array_equal(theta, other) for other in others)


def _lowest(ends: Sequence[Optimum]) -> Optimum:
    return min(ends, key=lambda end: end.value)


def _improved(criterion: Criterion, thetas: Sequence[Floats]) -> list[Start]:
    """Starts a step of scoring nearer to their optimum; those that come to one point are one."""
    if not isinstance(criterion, StackedCriterion) or not thetas:
        return [Start(theta) for theta in thetas]
    distinct: list[Start] = []
    for start in scored(criterion, np.array(thetas)):
        if all(np.abs(start.theta - own.theta).max() > SAME_POINT for own in distinct):
            distinct.append(start)
    return distinct


def _learns(criterion: Criterion) -> TypeGuard[CrossedCriterion]:
    """Whether an exact Hessian is so costly that the search does with less."""
    return isinstance(criterion, CrossedCriterion) and criterion.costly


def _searched(criterion: Criterion) -> Objective:
    """The criterion as one search sees it."""
    return Informed(criterion) if _learns(criterion) else criterion


def _learned_ends(
    criterion: CrossedCriterion,
    near: Floats | None,
    enough: float,
    watch: Callable[[], None],
) -> tuple[list[Optimum], int]:
    """The ends of searches that go one after the other, each learning the Hessian on its way."""
    if near is not None:
        accuracy = min(enough, INFORMED_ACCURACY)
        return [descend(Informed(criterion), near, enough=accuracy, watch=watch)], 0
    found = starts(criterion)
    ends: list[Optimum] = []
    for point in found.points:
        if len(ends) >= found.dips and not _doubtful(criterion, ends):
            break
        ends.append(descend(Informed(criterion), point, watch=watch))
    return ends, found.tried


def _alike(structure: Structure, one: Floats, other: Floats) -> bool:
    """Whether two points are of like sizes, and no correlation is of another sign."""
    if structure.k == 1:
        sizes = [abs(float(theta[0])) + NO_SIZE for theta in (one, other)]
        return abs(math.log(sizes[0] / sizes[1])) < LIKE_SCALAR
    covariances = [t @ t.T for t in map(structure.matrix, (one, other))]
    lengths = [np.sqrt(g.diagonal()) + NO_SIZE for g in covariances]
    if float(np.abs(np.log(lengths[0] / lengths[1])).max()) > LIKE_SIZE:
        return False
    left, right = (g / np.outer(d, d) for g, d in zip(covariances, lengths, strict=True))
    return float(np.abs(left - right).max()) < 1.0


def _doubtful(criterion: Criterion, ends: Sequence[Optimum]) -> bool:
    """Whether searches ended in different places or not at all, or the best end is singular."""
    best = _lowest(ends)
    if not all(end.converged and end.value - best.value <= SAME_OPTIMUM for end in ends):
        return True
    structure = criterion.structure
    if _regular(structure, best.theta):
        return False
    return bool(_gone(canonical(criterion, structure.matrix(best.theta))))


def _regular(structure: Structure, theta: Floats) -> bool:
    """Whether no diagonal element of T, and so no column, nearly vanishes."""
    return float(np.abs(theta[structure.on_diagonal]).min()) >= BOUNDARY


def _gone(t: Floats) -> list[int]:
    """The columns of T that nearly vanish."""
    short = (t * t).sum(axis=0) < BOUNDARY**2
    return [column for column, gone in enumerate(short.tolist()) if gone]


def canonical(criterion: Criterion, t: Floats) -> Floats:
    """The T with non-negative diagonal that gives the same G, block by block."""
    g = t @ t.T
    out = np.zeros_like(t)
    for block in blocks_of(criterion.structure):
        out[block, block] = semidefinite_root(g[block, block])
    return out


def settle(criterion: Criterion, end: Optimum) -> Optimum:
    """The same optimum in canonical form, columns of T that vanish set to exactly zero."""
    structure = criterion.structure
    if _regular(structure, end.theta):  # T is lower triangular: no more than signs differ
        signs = np.sign(structure.matrix(end.theta).diagonal())
        return structs.replace(end, theta=end.theta * signs[structure.cols], evaluations=0)
    t = canonical(criterion, structure.matrix(end.theta))
    theta, value, evaluations = structure.theta(t), end.value, 0
    for column in _gone(t):
        if not t[:, column].any():
            continue
        flat = t.copy()
        flat[:, column] = 0.0
        there = criterion.value_at(structure.theta(flat))
        evaluations += 1
        if there <= value + 1e-11 + 1e-13 * abs(value):
            t, theta, value = flat, structure.theta(flat), there
    if not evaluations or value == end.value:
        return structs.replace(end, theta=theta, evaluations=evaluations)
    again = descend(_searched(criterion), theta)
    if again.converged and (again.theta[theta == 0.0] == 0.0).all():
        return structs.replace(
            again,
            theta=structure.theta(canonical(criterion, structure.matrix(again.theta))),
            evaluations=evaluations + again.evaluations,
        )
    return structs.replace(
        end, theta=theta, value=value, evaluations=evaluations + again.evaluations
    )
