"""The root of the estimated gradient, by steps of average information, with probes enough.

The gradient's traces are means over fixed probes, so its root is a fixed theta, which differs from
the optimum by the error of the probes. That error is estimated from their spread: with information
I and gradient g, cov(phi) = I^-1 cov(g) I^-1 for the probes and 2 I^-1 for the data. Probes are
added until the first is a small part of the second.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from engine.approximation import Approximation
from engine.descent import Optimum
from engine.iterative.criterion import IterativeCriterion, IterativeFactor, Slope, slow
from engine.iterative.moments import start
from engine.progress import unwatched
from engine.table import Floats

PROBES = (16, 64, 256)
ENOUGH = 0.02
"""The error of theta by the probes, relative to its standard error by the data."""
PROMISE = 1e-7
"""The step that promises less than this of the criterion is the last one."""
MAX_STEPS = 60
LONGEST = 1.0
"""No step is longer, in the logarithm of theta."""
FLOOR = 1e-3
"""A theta that falls below is taken as zero."""


class Found(Struct, frozen=True):
    """Where the search ended.

    Attributes:
        optimum: theta, and the value there.
        factor: what was solved there.
        slope: the derivatives there.
        errors: standard errors of theta by the probes, (f,).
        relative: the largest of them relative to the standard error by the data.
    """

    optimum: Optimum
    factor: IterativeFactor
    slope: Slope
    errors: Floats
    relative: float


def search(criterion: IterativeCriterion, watch: Callable[[], None] = unwatched) -> Optimum:
    """Theta from so many probes that their error does not matter, or from the most."""
    theta, evaluations = start(criterion.blocks), 0
    for count in PROBES:
        criterion.space.enlarge(count)
        found = _root(criterion, theta, watch)
        evaluations += found.optimum.evaluations
        theta = found.optimum.theta
        if found.relative <= ENOUGH:
            break
    approximation = Approximation(
        count,
        float(np.sqrt(found.factor.determinant.covariance[0, 0])),
        found.errors,
        found.relative,
        np.array([_typical(*own) for own in found.factor.traces.diagonals]),
        found.slope.joint,
        found.slope.pairs,
        tuple(
            theta * x[:, :-1]
            for theta, x in zip(found.optimum.theta, found.factor.solutions, strict=True)
        ),
    )
    return structs.replace(found.optimum, evaluations=evaluations, approximation=approximation)


def lowest(criterion: IterativeCriterion, near: Floats) -> float:
    """The value at the optimum near a theta: what one step promises is taken on trust."""
    factor, slope = _at(criterion, near)
    step = _step(slope, near > 0.0)
    return criterion.value(factor) + 0.5 * float(slope.gradient @ step)


def _typical(diagonal: Floats, errors: Floats) -> float:
    """The typical relative error of square roots of estimates."""
    return float(np.sqrt(np.mean(np.square(0.5 * errors / diagonal))))


def _root(criterion: IterativeCriterion, theta: Floats, watch: Callable[[], None]) -> Found:
    """Steps of average information until none promises anything."""
    longest, before = LONGEST, np.inf
    for evaluations in range(1, MAX_STEPS + 1):
        watch()
        factor, slope = _at(criterion, theta)
        free = (theta > FLOOR) | (slope.gradient < 0.0)
        step = _step(slope, free)
        promise = -0.5 * float(slope.gradient @ step)
        if promise < PROMISE or evaluations == MAX_STEPS:
            break
        if promise > before:
            longest *= 0.5
        before = promise
        step *= min(1.0, longest / float(np.abs(step).max()))
        theta = np.maximum(theta * np.exp(step), FLOOR)
    if not free.all():
        theta = np.where(free, theta, 0.0)
        factor, slope = _at(criterion, theta)
        evaluations += 1
    steepest = float(np.abs(slope.gradient[free]).max(initial=0.0))
    optimum = Optimum(
        theta, criterion.value(factor), steepest, promise < PROMISE, evaluations, 1, 1
    )
    errors, relative = _errors(slope, free)
    return Found(optimum, factor, slope, errors, relative)


def _at(criterion: IterativeCriterion, theta: Floats) -> tuple[IterativeFactor, Slope]:
    factor = criterion.factorise(theta)
    if factor is None:
        raise slow()
    return factor, criterion.slope(factor)


def _step(slope: Slope, free: NDArray[np.bool_]) -> Floats:
    step = np.zeros(len(free))
    if free.any():
        information = slope.information[np.ix_(free, free)]
        step[free] = -np.linalg.solve(information, slope.gradient[free])
    return step


def _errors(slope: Slope, free: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Standard errors of log theta by the probes; the largest relative to that by the data."""
    errors = np.zeros(len(free))
    if not free.any():
        return errors, 0.0
    own = np.ix_(free, free)
    inverse = np.linalg.inv(slope.information[own])
    errors[free] = np.sqrt((inverse @ slope.covariance[own] @ inverse).diagonal())
    return errors, float((errors[free] / np.sqrt(2.0 * inverse.diagonal())).max())
