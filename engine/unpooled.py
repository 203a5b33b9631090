"""No pooling: the lines that levels have by their own rows, beside complete and partial pooling.

All levels have all random effects as fixed ones (``y ~ 0 + level + level:x + X`` for
``(x | level)``), and the other predictors one slope for all levels. With Z_j = Q_j R_j and
M = [1 X y] the cross-products give C_j = R_j^+ Q_j'M, what is left of M within levels, and from
that the common slopes; a line of level j is z'C_jy + (x - C_jx'z)'slopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.cholesky import batched_root, dense_cholesky, independent_columns, triangular_inverse
from engine.chosen import Chosen
from engine.design import INTERCEPT
from engine.effects import random_effects
from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.needs import Needs
from engine.newdata import Rows, Values
from engine.prediction import predict
from engine.table import Floats
from engine.within import CONSTANT

SPANNED = 1e-9
"""A row is within what the rows of a level span when no more of its length is left over."""


@dataclass(frozen=True, slots=True)
class Unpooled:
    """Coefficients of J levels by their own rows, in the data's units.

    Attributes:
        group: name of the factor.
        levels: J names.
        terms: k names of random effects.
        coefficients: least squares with all levels as fixed effects, the other predictors at zero;
            NaN for a level whose rows do not tell them apart; (J, k).
    """

    group: str
    levels: tuple[str, ...]
    terms: tuple[str, ...]
    coefficients: Floats


@dataclass(frozen=True, slots=True)
class PooledLines:
    """Lines of r rows in three ways, offset included, in the data's units; (r,) each.

    Attributes:
        complete: least squares without random terms.
        none: with the level's own effects; NaN for a level not seen, or whose rows do not tell.
        partial: of the model.
    """

    complete: Floats
    none: Floats
    partial: Floats


def unpooled(fit: Fit, group: str) -> Unpooled:
    """The coefficients of each level of a group by its own rows.

    Raises:
        SpecError: the model has no such group.
    """
    which, random = random_effects(fit, group)
    within = _Own.of(fit, which)
    at_zero = -(fit.products.pilot.centre / fit.products.pilot.scale)[within.slopes]
    own = within.coefficients[:, :, -1] - within.coefficients[:, :, within.slopes] @ within.beta
    in_data = fit.units.y * (own @ fit.units.z[which].T)
    if INTERCEPT in random.terms:
        shift = fit.units.y * float(at_zero @ within.beta) + fit.y_centre
        in_data[:, random.terms.index(INTERCEPT)] += shift
    in_data[~within.told] = np.nan
    return Unpooled(group, random.levels, random.terms, in_data)


def pooled_lines(fit: Fit, columns: Mapping[str, Values]) -> PooledLines:
    """The lines of new rows by complete, no and partial pooling; columns as for ``predict``.

    Raises:
        SpecError: columns missing or too many, or the model has not one grouping factor.
        DataError: values that do not fit.
    """
    if len(fit.random) != 1:
        detail = "lines are compared for models with one grouping factor"
        hint = "fit the model with one group alone"
        raise SpecError(Problem("not_comparable", detail, hint, ("formula",)))
    rows = Rows.read(fit, Needs.of(fit, Chosen.of(fit)), columns)
    complete, own = rows.x @ _least_squares(fit), _Own.of(fit, 0)
    places = [fit.kept.tolist().index(column) for column in own.slopes.tolist()]
    none = own.lines(rows.x[:, places], rows.z[0], rows.index[0])

    def in_data(values: Floats) -> Floats:
        return fit.units.y * values + fit.y_centre + rows.offset

    return PooledLines(in_data(complete), in_data(none), predict(fit, columns).estimate)


class _Own(Struct, frozen=True):
    """What the rows of each level say of M = [1 X y], in the pilots' units.

    Attributes:
        root: R_j (J, k, k).
        inverse: its pseudoinverse.
        coefficients: C_j (J, k, m).
        told: whether the rows of a level span all k columns (J,).
        slopes: columns of X that vary beside them.
        beta: their slopes.
    """

    root: Floats
    inverse: Floats
    coefficients: Floats
    told: NDArray[np.bool_]
    slopes: NDArray[np.intp]
    beta: Floats

    @classmethod
    def of(cls, fit: Fit, which: int) -> _Own:
        products, group = fit.products, fit.products.groups[which]
        root, inner = batched_root(group.zz, group.zm)
        told = np.asarray((np.diagonal(root, axis1=1, axis2=2) > 0.0).all(axis=1))
        inverse = np.asarray(np.linalg.pinv(root))
        within = products.mm - np.einsum("jka,jkb->ab", inner, inner)
        columns = fit.kept[fit.kept > 0]
        varies = within.diagonal()[columns] > CONSTANT * products.mm.diagonal()[columns]
        varying = columns[varies]
        slopes = varying[independent_columns(within[np.ix_(varying, varying)])]
        beta = np.linalg.solve(within[np.ix_(slopes, slopes)], within[slopes, -1])
        return cls(root, inverse, inverse @ inner, told, slopes, beta)

    def lines(self, x: Floats, z: Floats, index: NDArray[np.intp]) -> Floats:
        """z'C_y + (x - C_x'z)'beta of rows whose x are the slopes' columns."""
        own = np.einsum("rk,rkm->rm", z, self.coefficients[index])
        spanned = np.einsum("rk,rkl,rlm->rm", z, self.inverse[index], self.root[index])
        left = np.abs(z - spanned).max(axis=1, initial=0.0)
        out: Floats = own[:, -1] + (x - own[:, self.slopes]) @ self.beta
        out[(index < 0) | (left > SPANNED * np.abs(z).max(axis=1, initial=1.0))] = np.nan
        return out


def _least_squares(fit: Fit) -> Floats:
    """Beta of least squares without random terms, in the pilots' units (p,)."""
    columns = np.append(fit.kept, len(fit.products.mm) - 1)
    upper = dense_cholesky(fit.products.mm[np.ix_(columns, columns)])
    if upper is None:
        return np.full(len(fit.kept), np.nan)
    return np.asarray(triangular_inverse(upper[:-1, :-1]) @ upper[:-1, -1])
