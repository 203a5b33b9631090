"""What each level of a group does to the estimates: the model without it.

Few levels are left out exactly: the model is fitted again to the cross-products less those of the
level. For many the step is exact in beta and sigma, with theta as it is: in a model with one
grouping factor, with D_j = [X y]_j'V_j^-1[X y]_j, the model without level j has D - D_j (Demidenko,
Stukel 2005, Statist. Med. 24, 893).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from msgspec import Struct

from engine.cholesky import batched_cholesky, batched_forward, batched_root
from engine.diagnostics.deletion import Deleted, less, refit, relative_std_dev
from engine.diagnostics.scan import CHUNK_CELLS, Scan
from engine.effects import random_effects
from engine.errors import LimitError, Problem
from engine.fit import Fit
from engine.progress import Progress, silent
from engine.table import Codes, Data, Floats

EXACT_LEVELS = 200
"""Up to so many levels the model is fitted again without each of them."""
EXACT_WORK = 20_000
"""Likewise of a model with several grouping factors: levels left out times levels of all groups."""
MAX_WORK = 500_000
"""Most levels left out times levels of all groups, of a model with several grouping factors."""


@dataclass(frozen=True, slots=True)
class LevelInfluence:
    """The fit without each of J levels of a group, in the data's units.

    NaN where the rest cannot be fitted, and for a coefficient that the rest does not determine.

    Attributes:
        group: name of the factor.
        levels: J names.
        n: rows per level (J,).
        exact: whether theta was estimated again; else it stays that of the fit, and only beta and
            sigma change.
        coefficients: beta without the level, (J, p).
        dfbetas: change of beta, with the level less without it, over its standard error without the
            level, (J, p).
        cooks_distance: change' Cov(beta)^-1 change / p, (J,), as influence.ME; lme4's
            cooks.distance of an influence has it times (J - p) / J.
        sigma: without the level (J,).
        effects: names of all random effects, (group, term).
        std_dev: of the random effects without the level, (J, k).
    """

    group: str
    levels: tuple[str, ...]
    n: Codes
    exact: bool
    coefficients: Floats
    dfbetas: Floats
    cooks_distance: Floats
    sigma: Floats
    effects: tuple[tuple[str, str], ...]
    std_dev: Floats


def level_influence(
    fit: Fit, data: Data, group: str, *, progress: Progress = silent
) -> LevelInfluence:
    """Leave out each level of a group.

    Args:
        fit: the model.
        data: the table it was fitted to.
        group: name of a grouping factor.
        progress: told before every level, or run of levels; raise from it to cancel.

    Raises:
        SpecError: the model has no such group.
        LimitError: too many levels, in a model with several grouping factors.
        EngineError: the rows are not those that the model was fitted to.
    """
    which, effects = random_effects(fit, group)
    n_levels, crossed = len(effects.levels), len(fit.random) > 1
    work = n_levels * sum(len(own.levels) for own in fit.random) if crossed else 0
    if work > MAX_WORK:
        raise LimitError(_too_many(n_levels))
    exact = n_levels <= EXACT_LEVELS and work <= EXACT_WORK
    scan, edges = Scan.of(fit, data).by_level(which)
    one_by_one = exact or crossed
    found = (
        _refits(scan, edges, progress, search=exact)
        if one_by_one
        else _steps(scan, edges, progress)
    )
    change = fit.beta - found.beta
    with np.errstate(invalid="ignore", divide="ignore"):
        dfbetas = change / found.std_errors
    p = len(fit.beta)
    distance = np.einsum("jp,jp->j", change @ np.linalg.inv(fit.covariance), change) / (p or np.nan)
    return LevelInfluence(
        group=group,
        levels=effects.levels,
        n=effects.rows,
        exact=exact,
        coefficients=found.beta,
        dfbetas=dfbetas,
        cooks_distance=distance,
        sigma=found.sigma,
        effects=tuple((own.group, term) for own in fit.random for term in own.terms),
        std_dev=found.std_dev,
    )


class _Without(Struct, frozen=True):
    """What ``Deleted`` has, of all levels: (J, p), (J, p), (J,), (J, k)."""

    beta: Floats
    std_errors: Floats
    sigma: Floats
    std_dev: Floats


def _refits(scan: Scan, edges: Codes, progress: Progress, *, search: bool) -> _Without:
    """Every level left out of the cross-products, one after the other."""
    fit = scan.fit

    def without(j: int, start: int, stop: int) -> Deleted:
        progress(j / (len(edges) - 1), f"without level {j + 1} of {len(edges) - 1}")
        return refit(fit, less(fit.products, scan.products(start, stop)), search=search)

    found = [without(j, a, b) for j, (a, b) in enumerate(pairwise(edges.tolist()))]
    return _Without(
        beta=np.array([own.beta for own in found]),
        std_errors=np.array([own.std_errors for own in found]),
        sigma=np.array([own.sigma for own in found]),
        std_dev=np.array([own.std_dev for own in found]),
    )


def _steps(scan: Scan, edges: Codes, progress: Progress) -> _Without:
    """Beta and sigma without each level of the one grouping factor, theta as it is."""
    fit, solution, units = scan.fit, scan.fit.solution, scan.fit.units
    whole = solution.upper.T @ solution.upper
    count = fit.n_rows - (len(fit.beta) if fit.spec.method == "REML" else 0)
    betas, errors, sigmas = [], [], []
    for first, last in _batches(edges, len(whole)):
        progress(first / (len(edges) - 1), f"without level {first + 1} of {len(edges) - 1}")
        left = whole - _products_by_level(scan, edges, first, last)
        rows = fit.products.groups[0].rows[first:last]
        lower = _cholesky(left)
        inverse = np.linalg.inv(lower[:, :-1, :-1])  # R^-T
        beta = (np.swapaxes(inverse, 1, 2) @ lower[:, -1, :-1, None])[:, :, 0]
        df = np.where(rows < count, count - rows, np.nan)
        sigma = lower[:, -1, -1] / np.sqrt(df) * units.y
        betas.append(units.y * (beta @ units.x.T) + units.constant)
        errors.append(
            sigma[:, None] * np.sqrt(np.square(units.x @ np.swapaxes(inverse, 1, 2)).sum(2))
        )
        sigmas.append(sigma)
    sigma = np.concatenate(sigmas)
    return _Without(
        beta=np.concatenate(betas),
        std_errors=np.concatenate(errors),
        sigma=sigma,
        std_dev=np.outer(sigma, relative_std_dev(fit, solution.t[0])),
    )


def _products_by_level(scan: Scan, edges: Codes, first: int, last: int) -> Floats:
    """D_j of the levels from ``first`` to ``last``, (L, p + 1, p + 1)."""
    fit, start = scan.fit, int(edges[first])
    part = scan.part(start, int(edges[last]))
    m = np.column_stack([part.x, part.y])
    outer = (m * part.weights[:, None])[:, :, None] * m[:, None, :]
    own = np.add.reduceat(outer, edges[first:last] - start, axis=0)
    columns = np.append(fit.kept, len(fit.products.mm) - 1)
    group, t = fit.products.groups[0], fit.solution.t[0]
    root, inner = batched_root(group.zz[first:last], group.zm[first:last][:, :, columns])
    rt = root @ t
    half = batched_forward(batched_cholesky(rt @ np.swapaxes(rt, 1, 2) + np.eye(len(t))), inner)
    transposed = np.swapaxes(inner, 1, 2)
    found: Floats = own - transposed @ inner + np.swapaxes(half, 1, 2) @ half
    return found


def _batches(edges: Codes, width: int) -> Iterator[tuple[int, int]]:
    """Runs of levels whose rows are no more than can be held at once, one level at least."""
    most, first, n_levels = max(1, CHUNK_CELLS // width**2), 0, len(edges) - 1
    while first < n_levels:
        last = int(np.searchsorted(edges, edges[first] + most, side="right")) - 1
        last = min(max(last, first + 1), n_levels)
        yield first, last
        first = last


def _cholesky(a: Floats) -> Floats:
    """Lower factors of (L, q, q); NaN where a matrix is not positive definite."""
    smallest = np.linalg.eigvalsh(a)[:, 0]
    bad = smallest <= 1e-12 * np.trace(a, axis1=1, axis2=2)
    out = np.linalg.cholesky(np.where(bad[:, None, None], np.eye(a.shape[-1]), a))
    out[bad] = np.nan
    return np.asarray(out, dtype=np.float64)


def _too_many(n_levels: int) -> Problem:
    return Problem(
        "too_many_levels",
        f"leaving out each of the {n_levels} levels of this group takes too long in a model with "
        "several grouping factors",
        "ask for a group of fewer levels, or fit a model with one grouping factor",
        ("group",),
    )
