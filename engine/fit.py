"""Fitting: from a specification and data to a frozen result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.approximation import Approximation
from engine.cholesky import semidefinite_root, triangular_inverse
from engine.convergence import Convergence, convergence_of
from engine.criterion import Criterion, Factorised, Structure
from engine.crossproducts import CrossProducts
from engine.design import Design
from engine.errors import DataError, LimitError, Problem
from engine.forms import criterion_of
from engine.formula import Formula
from engine.optimum import minimise
from engine.prepared import PERFECT_FIT, Prepared, prepare
from engine.progress import Progress, part, silent, steps
from engine.randomeffects import RandomEffects, random_effects
from engine.solution import Solution
from engine.spec import Spec
from engine.statistics import Statistics, summarise
from engine.sums import CHUNK_ROWS
from engine.table import Data, Floats
from engine.units import Units, joined
from engine.version import __version__

PREPARED = 0.3
"""The share of the time of a fit that is taken to pass before the search begins."""
SEARCHED = 0.9
"""The share of the rest that is taken to pass before the search ends."""


@dataclass(frozen=True)
class Fit:
    """A fitted model: everything that effects, predictions and tests need, and no rows.

    Attributes:
        engine_version: of the engine that fitted it.
        spec: what was asked.
        design: how rows become columns, with levels and learned constants.
        n_rows: rows fitted.
        n_dropped: rows left out because a value was missing.
        coefficients: names of the p fixed effects.
        dropped_terms: names of aliased columns, left out.
        beta: fixed effects (p,).
        covariance: of beta given theta, sigma^2 (X'V^-1X)^-1 (lme4's vcov), (p, p).
        theta: elements of the relative covariance factors, in lme4's order: factors with most
            levels first, (t,).
        sigma: residual standard deviation.
        random: one entry per grouping factor.
        statistics: criterion, likelihood and what follows from them.
        convergence: the record of the search.
        products: the cross-products.
        kept: columns of M that are X.
        solution: the factor at the optimum.
        approximation: what is estimated by random probes and how well it is known; ``None`` where
            all is exact.
    """

    engine_version: str
    spec: Spec
    design: Design
    n_rows: int
    n_dropped: int
    coefficients: tuple[str, ...]
    dropped_terms: tuple[str, ...]
    beta: Floats
    covariance: Floats
    theta: Floats
    sigma: float
    random: tuple[RandomEffects, ...]
    statistics: Statistics
    convergence: Convergence
    products: CrossProducts
    kept: NDArray[np.intp]
    solution: Solution
    approximation: Approximation | None = None

    @cached_property
    def units(self) -> Units:
        """Maps from the pilots' units to those of the data."""
        return Units.of(self.design, self.products, self.kept)

    @property
    def y_centre(self) -> float:
        """What was taken from the response before it was scaled."""
        return float(self.products.pilot.centre[-1])

    @cached_property
    def at_optimum(self) -> tuple[Criterion, Factorised]:
        """The criterion and its factor at theta, made again from the cross-products.

        Raises:
            LimitError: the crossed effects are too many for it.
        """
        if self.approximation is not None:
            raise self.without_joint_covariances()
        sizes = tuple(size for effects in self.random for size in effects.sizes)
        structure = Structure.of(sizes)
        criterion = criterion_of(self.products, self.kept, structure, self.spec.method)
        factor = criterion.factorise(structure.theta(joined(self.solution.t)))
        if factor is None:
            raise ValueError("a fit has a factor at its optimum")
        return criterion, factor

    def without_joint_covariances(self) -> LimitError:
        """The refusal of what an approximate fit cannot tell."""
        return LimitError(
            Problem(
                "approximate_fit",
                f"the crossed effects of {self.spec.formula.text} are too many for exact joint "
                "covariances of them",
                "ask for estimates, standard errors, Satterthwaite's tests, Wald's intervals and "
                "effects of levels; profiles, bootstraps, Kenward-Roger's tests and predictions "
                "for known levels of several factors are not to be had",
                ("formula",),
            )
        )

    @property
    def std_errors(self) -> Floats:
        """Standard errors of beta (p,)."""
        return np.sqrt(self.covariance.diagonal())


def fit(
    formula: str | Formula,
    data: Data,
    *,
    method: str = "REML",
    weights: str | None = None,
    offset: str | None = None,
    categorical: Iterable[str] = (),
    contrasts: Mapping[str, str] | None = None,
    missing: str = "drop",
    progress: Progress = silent,
) -> Fit:
    """Fit a linear mixed model, or least squares when the formula has no random term.

    Args:
        formula: in lme4's language, ``"log(radon + 0.1) ~ floor + (1 | county)"``.
        data: the rows, in memory or as a scan; only the columns named are read.
        method: "REML" or "ML".
        weights: column of prior weights, as lme4's ``weights``.
        offset: column taken from the response.
        categorical: columns of numbers that are factors.
        contrasts: coding by column, "treatment" (default), "sum" or "helmert".
        missing: "drop" rows that miss a value, or "fail".
        progress: told how far the fit has come; raise from it to cancel.

    Raises:
        EngineError: with every problem found; see ``engine.errors``.
    """
    return fit_spec(
        Spec.of(
            formula,
            method=method,
            weights=weights,
            offset=offset,
            categorical=categorical,
            contrasts=contrasts,
            missing=missing,
        ),
        data,
        progress=progress,
    )


def fit_spec(
    spec: Spec,
    data: Data,
    *,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = silent,
) -> Fit:
    """Fit a specification; see :func:`fit`."""
    prepared = prepare(spec, data, chunk_rows=chunk_rows, progress=part(progress, 0.0, PREPARED))
    fitted = fit_products(prepared, part(progress, PREPARED, 1.0))
    progress(1.0, "fitted")
    return fitted


@np.errstate(over="ignore", invalid="ignore")  # what is beyond all doubles is refused
def fit_products(prepared: Prepared, progress: Progress = silent) -> Fit:
    """Fit a prepared model from its cross-products alone.

    Raises:
        DataError: the predictors reproduce the response, so that there is no likelihood; or the
            answers are too large for doubles.
    """
    spec, design, products = prepared.spec, prepared.design, prepared.products
    criterion = prepared.criterion
    optimum = minimise(criterion, watch=steps(part(progress, 0.0, SEARCHED), "search for theta"))
    progress(SEARCHED, "effects and their covariances")
    factor = criterion.factorise(optimum.theta)
    if factor is None or factor.r2 <= PERFECT_FIT * products.mm[-1, -1]:
        raise DataError(
            Problem(
                "perfect_fit",
                "the model reproduces the response without error: there is no residual variance",
                "is the response among the predictors, or constant within every level?",
                ("formula",),
            )
        )
    units = Units.of(design, products, prepared.kept)
    inverse = triangular_inverse(factor.upper[:-1, :-1])
    beta = inverse @ factor.upper[:-1, -1]
    sigma = float(np.sqrt(factor.r2 / criterion.count))
    t = tuple(factor.t[span, span] for span in prepared.spans)
    solution = Solution(t, factor.upper, beta, sigma)
    half = units.x @ inverse * (solution.sigma * units.y)
    covariance = half @ half.T
    names, dropped = prepared.names
    random = random_effects(prepared, criterion, factor, solution, units)
    to_data = units.z_joint @ factor.t
    theta = criterion.structure.theta(semidefinite_root(to_data @ to_data.T))
    _require_doubles(covariance, random)
    statistics = summarise(
        criterion, optimum, spec.method, products, prepared.kept, units, solution
    )
    return Fit(
        engine_version=__version__,
        spec=spec,
        design=design,
        n_rows=products.n,
        n_dropped=prepared.n_dropped,
        coefficients=names,
        dropped_terms=dropped,
        beta=units.y * (units.x @ beta) + units.constant,
        covariance=covariance,
        theta=theta,
        sigma=solution.sigma * units.y,
        random=random,
        statistics=statistics,
        convergence=convergence_of(optimum, criterion.structure, random),
        products=products,
        kept=prepared.kept,
        solution=solution,
        approximation=optimum.approximation,
    )


def _require_doubles(covariance: Floats, random: Sequence[RandomEffects]) -> None:
    variances = [covariance, *(effects.covariance for effects in random)]
    if not all(np.isfinite(each).all() for each in variances):
        raise DataError(
            Problem(
                "too_large_values",
                "the variance of an estimate is too large a number",
                "take the columns in units of like size",
                ("formula",),
            )
        )
