"""A model without the rows of one level, from its cross-products less those of the level."""

from __future__ import annotations

import numpy as np
import scipy
from msgspec import Struct, structs
from numpy.typing import NDArray

from engine.cholesky import independent_columns, triangular_inverse
from engine.cooccurrence import Cooccurrence
from engine.criterion import Structure
from engine.crossproducts import CrossProducts, GroupProducts
from engine.fit import Fit
from engine.forms import criterion_of
from engine.optimum import minimise
from engine.table import Codes, Floats
from engine.units import Units

ROUNDING = 1e-12
"""What subtraction leaves of a column that has no other rows."""


class Deleted(Struct, frozen=True):
    """What is left of a fit without one level, in the data's units; NaN where it has no answer.

    Attributes:
        beta: (p,).
        std_errors: of beta (p,).
        sigma: residual standard deviation.
        std_dev: of all random effects, factor by factor, (k,).
    """

    beta: Floats
    std_errors: Floats
    sigma: float
    std_dev: Floats


def less(whole: CrossProducts, part: CrossProducts) -> CrossProducts:
    """The cross-products of the rows of ``whole`` that are not in ``part``; levels left empty go.

    ``part`` has all levels of ``whole`` and the same pilots.
    """
    rest = [a.rows - b.rows for a, b in zip(whole.groups, part.groups, strict=True)]
    groups = tuple(
        _group(a, b, rows) for a, b, rows in zip(whole.groups, part.groups, rest, strict=True)
    )
    mm = whole.mm - part.mm
    gone = mm.diagonal() <= ROUNDING * whole.mm.diagonal()
    mm[gone] = 0.0
    mm[:, gone] = 0.0
    return structs.replace(
        whole,
        n=whole.n - part.n,
        log_weights=whole.log_weights - part.log_weights,
        mm=mm,
        groups=groups,
        meetings=tuple(
            _meeting(a, b, rest[a.first], rest[a.second])
            for a, b in zip(whole.meetings, part.meetings, strict=True)
        ),
    )


def _group(whole: GroupProducts, part: GroupProducts, rows: Codes) -> GroupProducts:
    left = np.flatnonzero(rows)
    return structs.replace(
        whole,
        levels=tuple(whole.levels[j] for j in left.tolist()),
        rows=rows[left],
        zz=whole.zz[left] - part.zz[left],
        zm=whole.zm[left] - part.zm[left],
    )


def _meeting(whole: Cooccurrence, part: Cooccurrence, rows: Codes, columns: Codes) -> Cooccurrence:
    both = whole + structs.replace(part, values=-part.values)
    left = (rows[both.rows] > 0) & (columns[both.columns] > 0)
    kept = structs.replace(
        both, rows=both.rows[left], columns=both.columns[left], values=both.values[left]
    )
    return kept.reindexed(np.cumsum(rows > 0) - 1, np.cumsum(columns > 0) - 1)


def refit(fit: Fit, products: CrossProducts, *, search: bool) -> Deleted:
    """Fit a model to other cross-products, theta searched for anew or as it is.

    Args:
        fit: the model.
        products: of some of its rows.
        search: for theta; without it theta stays that of the fit.
    """
    first = 0 if fit.design.fixed.intercept else 1
    own = independent_columns(products.mm[first:-1, first:-1]) + first
    kept = own[np.isin(own, fit.kept)]
    nothing = _nothing(fit)
    if not _possible(products, kept):
        return nothing
    structure = Structure.of(tuple(size for effects in fit.random for size in effects.sizes))
    criterion = criterion_of(products, kept, structure, fit.spec.method)
    theta = structure.theta(np.asarray(scipy.linalg.block_diag(*fit.solution.t)))
    if search:
        theta = minimise(criterion, theta).theta
    factor = criterion.factorise(theta)
    if factor is None:
        return nothing
    units = Units.of(fit.design, products, kept)
    inverse = triangular_inverse(factor.upper[:-1, :-1])
    sigma = float(np.sqrt(factor.r2 / criterion.count)) * units.y
    half = units.x @ inverse * sigma
    at = np.searchsorted(fit.kept, kept)
    beta, errors = np.array(nothing.beta), np.array(nothing.std_errors)
    beta[at] = units.y * (units.x @ (inverse @ factor.upper[:-1, -1])) + units.constant
    errors[at] = np.sqrt(np.square(half).sum(axis=1))
    return Deleted(beta, errors, sigma, sigma * relative_std_dev(fit, factor.t))


def relative_std_dev(fit: Fit, t: Floats) -> Floats:
    """Standard deviations of all random effects in units of sigma, in the data's units, (k,)."""
    variances: Floats = np.square(fit.units.z_joint @ t).sum(axis=1)
    return np.sqrt(variances)


def _possible(products: CrossProducts, kept: NDArray[np.intp]) -> bool:
    """Whether there are levels and rows enough to fit the model."""
    return products.n > len(kept) and all(
        len(group.levels) >= 2 and len(group.levels) * group.zz.shape[-1] < products.n
        for group in products.groups
    )


def _nothing(fit: Fit) -> Deleted:
    p, k = len(fit.beta), sum(len(own.terms) for own in fit.random)
    return Deleted(np.full(p, np.nan), np.full(p, np.nan), np.nan, np.full(k, np.nan))
