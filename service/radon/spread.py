"""How much single houses differ, state by state.

One standard deviation for all states is too small for Pennsylvania and too large for North Dakota.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import Fit, row_diagnostics


def spread_by_state(fit: Fit, table: Any, states: Sequence[str]) -> dict[str, float]:
    """Return the residual standard deviation of each state.

    The squared residuals of its houses over their number less their leverages, which is what of
    their degrees of freedom the model leaves.

    Args:
        fit: a model.
        table: the rows it was fitted to.
        states: the state of each row of the table, also of those that the model dropped.
    """
    found = row_diagnostics(fit, table)
    levels, codes = np.unique(np.asarray(states, dtype=str)[found.row], return_inverse=True)
    squares = np.bincount(codes, np.square(found.residual))
    free = np.bincount(codes, 1.0 - found.leverage)
    return dict(zip(levels.tolist(), np.sqrt(squares / free).tolist(), strict=True))
