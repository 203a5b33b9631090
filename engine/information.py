"""The search of costly criteria: average information in place of the exact Hessian.

The exact Hessian of a crossed criterion takes several products of dense matrices, the average
information none (``CrossedCriterion.informed``). What it leaves out is learned on the way: the
change of the gradient from one point to the next corrects it by symmetric rank one, as in the
structured secant methods for least squares (Dennis, Gay, Welsch 1981, ACM Trans. Math. Softw. 7,
348; Nocedal, Wright 2006, Numerical Optimization, section 6.2). The gradient is exact, so that the
search ends where an exact one does.
"""

from __future__ import annotations

import numpy as np
from msgspec import structs

from engine.criterion import Evaluation
from engine.crossed import CrossedCriterion
from engine.table import Floats

SHORT = 1.0
"""Steps are learned from where the criterion, twice a log-likelihood, bends less than this."""
UNCLEAR = 1e-8
"""A correction is skipped when its denominator is less than this part of what it is made of."""


class Informed:
    """A costly criterion as the search sees it: the value, its gradient and a corrected Hessian."""

    def __init__(self, criterion: CrossedCriterion) -> None:
        self._criterion = criterion
        t = len(criterion.structure.rows)
        self._left_out = np.zeros((t, t))
        self._last: tuple[Floats, Floats] | None = None

    def __call__(self, theta: Floats) -> Evaluation | None:
        """Value, gradient and Hessian; ``None`` where they do not exist."""
        there = self._criterion.informed(theta)
        if there is None:
            return None
        if self._last is not None:
            self._correct(theta - self._last[0], there.gradient - self._last[1], there.hessian)
        self._last = theta, there.gradient
        return structs.replace(there, hessian=there.hessian + self._left_out)

    def _correct(self, step: Floats, change: Floats, hessian: Floats) -> None:
        """Let the Hessian here explain how the gradient changed over the last step, if short."""
        if not 0.0 < float(step @ hessian @ step) < SHORT:
            return
        missed = change - (hessian + self._left_out) @ step
        along = float(missed @ step)
        if abs(along) > UNCLEAR * float(np.linalg.norm(missed) * np.linalg.norm(step)):
            self._left_out = self._left_out + np.outer(missed, missed) / along
