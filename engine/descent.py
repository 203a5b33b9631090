"""From starts to local optima: Newton's method in a trust region, one search or several at once.

A search is a generator that yields the points it wants evaluated, so that searches may go on
together and several points be evaluated at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from typing import TypeAlias

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from engine.approximation import Approximation
from engine.criterion import Criterion, Evaluation, Structure
from engine.progress import unwatched
from engine.step import length, relative_step, step_within
from engine.table import Floats

Objective: TypeAlias = Callable[[Floats], Evaluation | None]
"""What is minimised: value, gradient and Hessian at a point, ``None`` where it does not exist."""

MAX_STEPS = 200
ACCURACY = 1e-9
"""The Newton step that promises less than this of the criterion is the last one."""
CLOSE = 1e-2
"""The Newton step that promises less than this leads to the optimum, if it is one already known."""
LAST_STEP = 1e-3
"""A last step longer than this part of the trusted radius is not Newton's: it is left out."""
ABSOLUTE = 0.1
"""Near an optimum, where less than this is promised, all steps are in theta itself."""
RELATIVE_RADIUS = 1.0
"""How far a step relative to T may go at first: by a factor e."""


class Optimum(Struct, frozen=True):
    """Where a search ended.

    Attributes:
        theta: the best point found, boundary values exactly zero.
        value: the criterion there.
        gradient_norm: largest element of the gradient at the last evaluation.
        converged: whether the last step promised nothing more and no direction goes down.
        evaluations: of the criterion, all starts together.
        starts: how many starts were followed to their end.
        optima: how many distinct local optima they found.
        approximation: how well the end is known where the criterion is an estimate.
    """

    theta: Floats
    value: float
    gradient_norm: float
    converged: bool
    evaluations: int
    starts: int
    optima: int
    approximation: Approximation | None = None


class Start(Struct, frozen=True):
    """Where a search starts.

    Attributes:
        theta: the point (t,).
        origin: where the search starts instead, unless the criterion at theta is lower.
        value: of the criterion at the origin.
        held: which elements stay as they are until the others have come to their optimum.
    """

    theta: Floats
    origin: Floats | None = None
    value: float = math.inf
    held: NDArray[np.bool_] | None = None


Search: TypeAlias = Generator[list[Floats], Sequence[Evaluation | None], Optimum]
"""Yields the points to be evaluated, one or two; returns where it ended."""


class Known(Struct, frozen=True):
    """Ends of other searches: a search that comes close to one of them ends there.

    Attributes:
        structure: where theta stands in T.
        ends: of other searches; more may be added while a search goes on.
    """

    structure: Structure
    ends: list[Optimum]

    def met(self, theta: Floats, promise: float) -> Optimum | None:
        """The end that a step to theta leads to, where the criterion is to be ``promise``."""
        for end in self.ends:
            if end.converged and abs(promise - end.value) < 0.1 * CLOSE:
                own, other = map(self.structure.matrix, (theta, end.theta))
                own, other = own @ own.T, other @ other.T
                if float(np.abs(own - other).max()) <= 0.1 * float(np.abs(other).max()):
                    return end
        return None


def descend(
    criterion: Objective,
    theta: Floats,
    known: Known | None = None,
    enough: float = ACCURACY,
    watch: Callable[[], None] = unwatched,
) -> Optimum:
    """Newton's method in a trust region from one start to a local optimum.

    A step that promises less than ``enough`` is the last one. ``watch`` is called before every
    evaluation.
    """
    search = newton(Start(theta), known, enough)
    points = next(search)
    while True:
        watch()
        try:
            points = search.send([criterion(point) for point in points])
        except StopIteration as stop:
            end: Optimum = stop.value
            return end


def descend_together(
    criterion: Criterion,
    starts: Sequence[Start],
    known: Known,
    enough: float = ACCURACY,
    watch: Callable[[], None] = unwatched,
) -> list[Optimum]:
    """The ends of searches from several starts, in their order; they are added to those known.

    ``watch`` is called before the points of all searches are evaluated together.
    """
    if criterion.at_once == 1:
        for start in starts:
            known.ends.append(descend(criterion, start.theta, known, enough, watch))
        return known.ends[-len(starts) :] if len(starts) else []
    ends: dict[int, Optimum] = {}
    for first in range(0, len(starts), criterion.at_once):
        group = range(first, min(first + criterion.at_once, len(starts)))
        both = criterion.at_once >= 2 * len(group)
        going = [(i, newton(starts[i], known, enough, both)) for i in group]
        wanted = [next(search) for _, search in going]
        while going:
            watch()
            found = iter(criterion.several(np.array([point for own in wanted for point in own])))
            still, asked, wanted = [], wanted, []
            for (i, search), own in zip(going, asked, strict=True):
                try:
                    wanted.append(search.send([next(found) for _ in own]))
                    still.append((i, search))
                except StopIteration as stop:
                    ends[i] = stop.value
                    known.ends.append(stop.value)
            going = still
    return [ends[i] for i in range(len(starts))]


class _Trust(Struct):
    """How far a model is trusted, and the trial that it makes.

    Attributes:
        radius: of the steps it may make.
        size: length of its step.
        promised: what the step is to gain.
    """

    radius: float
    size: float = 0.0
    promised: float = 0.0

    def judge(self, gain: float, noise: float) -> bool:
        """Whether what was gained is enough of what was promised; trust more or less from now."""
        if gain > 0.1 * self.promised or self.promised < noise:
            if gain > 0.7 * self.promised and self.size > 0.9 * self.radius:
                self.radius *= 2.0
            return True
        self.radius = 0.25 * min(self.radius, self.size)
        return False


def newton(
    start: Start, known: Known | None = None, enough: float = ACCURACY, both: bool = False
) -> Search:
    """The search from one start.

    With ``both`` a step in theta and one relative to T are tried at once, and the better is taken;
    else the other one is tried where a step in theta has failed.
    """
    theta, evaluations = start.theta, 1
    if start.held is not None:
        corner = yield from _holding(newton(Start(theta), enough=CLOSE), start.held)
        theta, evaluations = corner.theta, 1 + corner.evaluations
    (here,) = yield [theta]
    if start.origin is not None and (here is None or here.value >= start.value):
        theta = start.origin
        (here,) = yield [theta]
        evaluations += 1
    if here is None:
        return Optimum(theta, np.inf, np.inf, False, evaluations, 1, 0)
    plain, relative = _Trust(1.0 + length(theta)), _Trust(RELATIVE_RADIUS)
    failed = False
    for _ in range(MAX_STEPS):
        step, plain.promised = step_within(here, plain.radius)
        promised = plain.promised
        if known and promised < CLOSE and (end := known.met(theta + step, here.value - promised)):
            return structs.replace(end, evaluations=evaluations)
        noise = 1e-13 * (1.0 + abs(here.value))
        if promised <= 1e-3 * noise or promised < enough != ACCURACY:
            return _polished(theta, here, plain.radius, evaluations, enough)
        plain.size = length(step)
        trials = [(plain, theta + step)]
        if known and promised > ABSOLUTE and (both or failed):
            point, relative.promised, relative.size = relative_step(
                known.structure, theta, here, relative.radius
            )
            trials.append((relative, point))
        found = yield [point for _, point in trials]
        evaluations += len(trials)
        last = promised < ACCURACY and found[0] is not None  # Newton squares its error by each step
        trusted = plain.radius
        better = _best(here, trials, found, noise)
        failed = better is None
        if better is not None:
            point, there = better
            plain.radius = max(plain.radius, length(point - theta))
            theta, here = point, there
        if last:
            return _polished(theta, here, trusted, evaluations, enough)
    return Optimum(theta, here.value, _steepness(here), False, evaluations, 1, 1)


def _holding(search: Search, held: NDArray[np.bool_]) -> Search:
    """A search that leaves some elements of theta as they are."""
    free = ~held
    points = next(search)
    while True:
        found = yield points
        seen = [
            each and Evaluation(each.value, each.gradient * free, _without(each.hessian, held))
            for each in found
        ]
        try:
            points = search.send(seen)
        except StopIteration as stop:
            end: Optimum = stop.value
            return end


def _without(hessian: Floats, held: NDArray[np.bool_]) -> Floats:
    """The Hessian with ones for the elements that are held, so that no step moves them."""
    out = np.where(held[:, None] | held, 0.0, hessian)
    out[held, held] = 1.0
    return out


def _best(
    here: Evaluation,
    trials: Sequence[tuple[_Trust, Floats]],
    found: Sequence[Evaluation | None],
    noise: float,
) -> tuple[Floats, Evaluation] | None:
    """The lowest of the points that gained enough of what was promised; all trusts are judged."""
    best: tuple[Floats, Evaluation] | None = None
    for (trust, point), there in zip(trials, found, strict=True):
        gain = -math.inf if there is None else here.value - there.value
        good = trust.judge(gain, noise)
        if good and there is not None and (best is None or there.value < best[1].value):
            best = point, there
    return best


def _polished(
    theta: Floats, here: Evaluation, radius: float, evaluations: int, enough: float
) -> Optimum:
    """The end of a search, with one more step that costs no evaluation."""
    step, promised = step_within(here, radius)
    value = here.value
    if promised < enough and (length(step) < LAST_STEP * radius or enough != ACCURACY):
        theta, value = theta + step, value - promised
    return Optimum(theta, value, _steepness(here), True, evaluations, 1, 1)


def _steepness(here: Evaluation) -> float:
    return float(np.abs(here.gradient).max())
