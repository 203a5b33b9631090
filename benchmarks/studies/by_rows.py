"""The criterion from the rows, by a QR of the penalised least squares problem.

A judge for the optima of different programs, and for the digits of their own arithmetic: slow, and
exact to about 1e-16 times the condition of the rows, not of their cross-products.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import linalg

from benchmarks.studies.designs import Floats
from engine.spec import Spec
from tests.engine.simulated import Rows, rows


class ByRows:
    """-2 log-likelihood, restricted for REML, of a model at any theta (lme4's, of the data)."""

    def __init__(self, spec: Spec, data: pd.DataFrame) -> None:
        self._rows: Rows = rows(spec, data, piloted=False)
        self._reml = spec.method == "REML"

    def at(self, blocks: tuple[Floats, ...]) -> float:
        """The criterion at T, the relative covariance factor of each grouping factor, (k, k).

        With [sqrt(W) Z T, sqrt(W) [X y]] above [I, 0] = Q R, the diagonal of R has |L|, |R_X| and r
        of Bates, Maechler, Bolker, Walker (2015), J. Stat. Softw. 67(1), equations 39 to 41.
        """
        own = self._rows
        root = np.sqrt(own.weights)[:, None]
        zt = root * np.hstack(
            [_spread(z @ t, level) for (z, level), t in zip(own.groups, blocks, strict=True)]
        )
        q, (n, p) = zt.shape[1], own.x.shape
        top = np.hstack([zt, root * own.x, root * own.y[:, None]])
        whole = np.vstack([top, np.eye(q, top.shape[1])])
        (upper,) = linalg.qr(whole, mode="r", check_finite=False)
        diagonal = np.abs(upper.diagonal()[: q + p + 1])
        count = n - p if self._reml else n
        value = 2.0 * np.log(diagonal[:q]).sum() - np.log(own.weights).sum()
        if self._reml:
            value += 2.0 * np.log(diagonal[q : q + p]).sum()
        return float(value + count * (1.0 + np.log(2.0 * np.pi * diagonal[-1] ** 2 / count)))


def _spread(columns: Floats, level: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    """Z of one factor: the k columns of each row at its level's place, (n, levels k)."""
    n, k = columns.shape
    out = np.zeros((n, int(level.max()) + 1, k))
    out[np.arange(n), level] = columns
    return out.reshape(n, -1)
