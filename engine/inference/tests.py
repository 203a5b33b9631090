"""Tests of hypotheses L beta = rhs: t for one row, F for several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.inference.approximation import Approximation, half_covariance
from engine.inference.contrasts import Contrast, contrast, hypothesis
from engine.inference.denominator import approximation
from engine.table import Floats

INDEPENDENT = 1e-9
"""A singular value less than this part of the greatest, of rows of equal length, is zero."""


@dataclass(frozen=True, slots=True)
class FTest:
    """A test of several linear functions of the fixed effects at once.

    Attributes:
        statistic: F, scaled as the method asks.
        df_num: numerator degrees of freedom: how many of the rows are independent.
        df_den: denominator degrees of freedom; ``None`` for a chi-square by its df_num.
        p_value: of the F distribution; NaN where the method gives none.
        unscaled: F before it was scaled, the mean of squares; the same but for Kenward-Roger.
    """

    statistic: float
    df_num: int
    df_den: float | None
    p_value: float
    unscaled: float


def t_test(
    fit: Fit, L: ArrayLike, rhs: float = 0.0, *, df: str = "satterthwaite", level: float = 0.95
) -> Contrast:
    """Test one linear function of the fixed effects, L (p,); see :func:`contrast`.

    Raises:
        SpecError: L is not one row, or an option is wrong.
    """
    (only,) = contrast(
        fit, np.reshape(np.asarray(L, dtype=np.float64), (1, -1)), rhs, df=df, level=level
    )
    return only


def f_test(
    fit: Fit, L: ArrayLike, rhs: float | Sequence[float] = 0.0, *, df: str = "satterthwaite"
) -> FTest:
    """Test L beta = rhs for all rows of L (q, p) together, as lmerTest's contestMD.

    Args:
        fit: the model.
        L: a number for each of ``fit.coefficients`` in each row; rows may depend on each other.
        rhs: one value for all rows, or (q,).
        df: "satterthwaite", "kenward-roger" (F as pbkrtest's KRmodcomp), "residual" or "none".

    Raises:
        SpecError: shapes do not fit, or an option is wrong.
    """
    rows, values = hypothesis(fit, L, rhs)
    return joint_test(fit, approximation(fit, df), rows, values)


def joint_test(fit: Fit, by: Approximation, rows: Floats, values: Floats) -> FTest:
    """The F test of rows (q, p) times beta against values (q,).

    Raises:
        SpecError: the rows depend on each other and the values are not all zero.
    """
    half = rows @ half_covariance(fit)
    away = rows @ fit.beta - values
    q = _rank(half)
    if q < len(rows):
        if values.any():
            raise SpecError(_dependent())
        turned, _, _ = np.linalg.svd(half)
        rows, away = turned[:, :q].T @ rows, turned[:, :q].T @ away
    unit = 1.0 / np.sqrt(np.einsum("cp,pq,cq->c", rows, by.covariance, rows))
    scaled = rows * unit[:, None]
    away = away * unit
    f = float(away @ np.linalg.solve(scaled @ by.covariance @ scaled.T, away)) / q
    scale, df = by.f_approximation(rows)
    if np.isinf(df):
        return FTest(f, q, None, float(scipy.special.chdtrc(q, q * f)), f)
    return FTest(scale * f, q, df, float(scipy.special.fdtrc(q, df, scale * f)), f)


def _rank(rows: Floats) -> int:
    """How many of the rows are independent, whatever the length of each."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    singular = np.linalg.svd(rows / length, compute_uv=False)
    return int((singular > INDEPENDENT * singular[0]).sum())


def _dependent() -> Problem:
    return Problem(
        "dependent_contrasts",
        "rows of L depend on each other, so that their values cannot be chosen freely",
        "leave out the rows that follow from the others",
        ("L",),
    )
