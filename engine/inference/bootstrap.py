"""The parametric bootstrap: the model fitted again to responses that it draws itself.

The responses are drawn as sums (``redraw``), so a replicate costs a search and no pass over the
rows. Intervals are percentiles (Efron, Tibshirani 1993, An Introduction to the Bootstrap, section
13.3), as lme4's ``confint(method = "boot", boot.type = "perc")`` but with quantiles of R's type 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, wait
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.cholesky import triangular_inverse
from engine.criterion import Criterion, Structure
from engine.descent import Optimum, descend
from engine.errors import LimitError, Problem
from engine.fit import Fit
from engine.forms import form_of
from engine.inference.fixed import require_level
from engine.inference.parameters import Parameter, parameters, values
from engine.optimum import BOUNDARY, minimise
from engine.progress import Progress, silent
from engine.redraw import Redraw
from engine.spec import Method
from engine.table import Floats
from engine.units import Units

MAX_SIMULATIONS = 1_000_000
CHUNK = 25
"""Fewest replicates that are handed out at once; the result does not depend on it."""
CHUNKS = 100
"""Most of them."""
ENOUGH = 0.5
"""The share of replicates that must be fitted for intervals to be given."""


@dataclass(frozen=True, slots=True)
class BootstrapInterval:
    """What the replicates say of one parameter; ``None`` where too few could be fitted.

    Attributes:
        parameter: which.
        estimate: of the fit.
        mean, std_error: of the replicates.
        lower, upper: their percentiles.
        n: replicates that have the parameter (a correlation needs two effects that vary).
    """

    parameter: Parameter
    estimate: float
    mean: float | None
    std_error: float | None
    lower: float | None
    upper: float | None
    n: int


@dataclass(frozen=True)
class Bootstrap:
    """The result of a parametric bootstrap.

    Attributes:
        parameters: q of them.
        estimates: of the fit, (q,).
        samples: of the replicates, NaN where one could not be fitted, (n_sim, q).
        seed: of the draws.
        level: of the intervals.
        n_singular: replicates with a variance at zero or a correlation at -1 or 1; they count.
        n_failed: replicates that could not be fitted; they do not.
    """

    parameters: tuple[Parameter, ...]
    estimates: Floats
    samples: Floats
    seed: int
    level: float
    n_singular: int
    n_failed: int

    @property
    def n_sim(self) -> int:
        """How many replicates were drawn."""
        return len(self.samples)

    @property
    def intervals(self) -> tuple[BootstrapInterval, ...]:
        """One row per parameter."""
        return tuple(
            _interval(parameter, float(estimate), own[np.isfinite(own)], self.level, len(own))
            for parameter, estimate, own in zip(
                self.parameters, self.estimates, self.samples.T, strict=True
            )
        )


def _interval(
    parameter: Parameter, estimate: float, own: Floats, level: float, n_sim: int
) -> BootstrapInterval:
    if len(own) < max(2.0, ENOUGH * n_sim):
        return BootstrapInterval(parameter, estimate, None, None, None, None, len(own))
    lower, upper = np.quantile(own, [0.5 - level / 2.0, 0.5 + level / 2.0]).tolist()
    mean, error = float(own.mean()), float(own.std(ddof=1))
    return BootstrapInterval(parameter, estimate, mean, error, lower, upper, len(own))


def bootstrap(
    fit: Fit,
    *,
    n_sim: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    executor: Executor | None = None,
    drawn: Iterable[Replicates] | None = None,
    progress: Progress = silent,
) -> Bootstrap:
    """Fit the model again to ``n_sim`` responses drawn from it, by its own criterion.

    Every replicate has a generator of its own, spawned from the seed, so that the result is the
    same whatever the executor.

    Args:
        fit: the model.
        n_sim: replicates.
        seed: of the draws, not negative.
        level: of the intervals.
        executor: where replicates run, threads or processes; here and now when ``None``.
        drawn: all replicates, when they have been made elsewhere (by ``replicates``, of this fit
            and seed), in any order.
        progress: told after every replicate, or chunk of an executor; raise from it to cancel.

    Raises:
        SpecError: the level is no probability.
        LimitError: ``n_sim`` is less than 1 or more than ``MAX_SIMULATIONS``, the seed negative.
    """
    require_level(level)
    _require_numbers(n_sim, seed)
    wanted = parameters(fit)
    samples, n_singular, done = np.empty((n_sim, len(wanted))), 0, 0
    if drawn is None:
        drawn = _drawn(Plan.of(fit, wanted), n_sim, seed, executor)
    for own in drawn:
        samples[own.start : own.start + len(own.samples)] = own.samples
        n_singular += int(own.singular.sum())
        done += len(own.samples)
        progress(done / n_sim, f"{done} of {n_sim} replicates")
    return Bootstrap(
        parameters=wanted,
        estimates=values(wanted, [own.covariance for own in fit.random], fit.sigma, fit.beta),
        samples=samples,
        seed=seed,
        level=level,
        n_singular=n_singular,
        n_failed=int(np.isnan(samples).all(axis=1).sum()),
    )


def _require_numbers(n_sim: int, seed: int) -> None:
    if not 1 <= n_sim <= MAX_SIMULATIONS:
        raise LimitError(
            Problem(
                "bad_simulations",
                f"n_sim is not between 1 and {MAX_SIMULATIONS}",
                "1000 replicates give 95 % intervals two digits",
                ("n_sim",),
            )
        )
    if seed < 0:
        raise LimitError(Problem("bad_seed", "the seed is negative", "use 0 or more", ("seed",)))


class Plan(Struct, frozen=True, dict=True):
    """What every replicate needs, made once.

    Attributes:
        redraw: draws new responses.
        structure, method: of the criterion.
        theta: of the fit, where each search starts.
        units, spans: to bring a solution to the data's units, factor by factor.
        wanted: the parameters.
    """

    redraw: Redraw
    structure: Structure
    method: Method
    theta: Floats
    units: Units
    spans: tuple[slice, ...]
    wanted: tuple[Parameter, ...]

    @classmethod
    def of(cls, fit: Fit, wanted: tuple[Parameter, ...]) -> Plan:
        """Everything that does not depend on the response."""
        criterion, factor = fit.at_optimum
        structure = criterion.structure
        edges = np.cumsum([0, *(len(own.terms) for own in fit.random)]).tolist()
        spans = tuple(slice(a, b) for a, b in pairwise(edges))
        theta = structure.theta(factor.t)
        return cls(Redraw.of(fit), structure, fit.spec.method, theta, fit.units, spans, wanted)

    def replicate(self, generator: np.random.Generator) -> tuple[Floats, bool]:
        """The parameters of one replicate, NaN where it cannot be fitted, and if it is singular."""
        criterion = form_of(self.redraw(generator), self.structure, self.method)
        optimum = self._optimum(criterion)
        factor = criterion.factorise(optimum.theta) if optimum.converged else None
        if factor is None:
            return np.full(len(self.wanted), np.nan), False
        inverse, scale = triangular_inverse(factor.upper[:-1, :-1]), self.units.y
        beta = scale * (self.units.x @ (inverse @ factor.upper[:-1, -1])) + self.units.constant
        sigma = scale * float(np.sqrt(factor.r2 / criterion.count))
        halves = [
            sigma * (z @ factor.t[span, span])
            for z, span in zip(self.units.z, self.spans, strict=True)
        ]
        singular = bool((optimum.theta[self.structure.diagonal] == 0.0).any())
        return values(self.wanted, [half @ half.T for half in halves], sigma, beta), singular

    def _optimum(self, criterion: Criterion) -> Optimum:
        """From theta of the fit, and with the starts of any fit where that ends at a boundary."""
        if not len(self.theta):
            return minimise(criterion)
        end = descend(criterion, self.theta)
        lengths = np.linalg.norm(self.structure.matrix(end.theta), axis=0)
        if end.converged and lengths.min() >= BOUNDARY:
            return end
        return minimise(criterion, near=end.theta if self.structure.k > 1 else None)


@dataclass(frozen=True, slots=True)
class Replicates:
    """Some of the replicates of a bootstrap.

    Attributes:
        start: index of the first.
        samples: their parameters, NaN where one could not be fitted, (m, q).
        singular: which have a variance at zero or a correlation at -1 or 1, (m,).
    """

    start: int
    samples: Floats
    singular: NDArray[np.bool_]


def replicates(
    fit: Fit, start: int, stop: int, seed: int, *, progress: Progress = silent
) -> Replicates:
    """Replicates from one index up to another, for a ``bootstrap`` with this seed.

    Each has the generator of its index, so it is the same whoever makes it.
    """
    return _replicates(Plan.of(fit, parameters(fit)), start, stop, seed, progress)


def chunks(n_sim: int) -> tuple[tuple[int, int], ...]:
    """Indices from and up to which replicates are best handed out together."""
    size = max(CHUNK, -(-n_sim // CHUNKS))
    return tuple((start, min(start + size, n_sim)) for start in range(0, n_sim, size))


def _replicates(
    plan: Plan, start: int, stop: int, seed: int, progress: Progress = silent
) -> Replicates:
    samples = np.empty((stop - start, len(plan.wanted)))
    singular = np.zeros(stop - start, dtype=np.bool_)
    for i in range(start, stop):
        progress((i - start) / (stop - start), f"replicate {i + 1}")
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i,)))
        samples[i - start], singular[i - start] = plan.replicate(generator)
    return Replicates(start, samples, singular)


def _drawn(plan: Plan, n_sim: int, seed: int, executor: Executor | None) -> Iterator[Replicates]:
    """All replicates, in whatever order they are done."""
    if executor is None:
        yield from (_replicates(plan, start, start + 1, seed) for start in range(n_sim))
        return
    futures = {executor.submit(_replicates, plan, *edges, seed) for edges in chunks(n_sim)}
    try:
        while futures:
            finished, futures = wait(futures, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    finally:
        for future in futures:
            future.cancel()
