"""Whether two fits saw the same rows, as far as their sums can tell."""

from __future__ import annotations

import numpy as np

from engine.fit import Fit

ROUNDING = 1e-9
"""How far equal sums may be apart that were made in other chunks, about other pilots."""


def same_rows(first: Fit, second: Fit) -> str | None:
    """How the rows of two fits of one response differ, in words; ``None`` when nothing tells.

    Compared are the number of rows, the weights, mean and variance of the response, and the rows
    of every level of the grouping factors that both have.
    """
    if first.n_rows != second.n_rows:
        return f"{first.n_rows} and {second.n_rows} rows"
    if not _close(first.products.log_weights, second.products.log_weights, 1.0):
        return "their weights differ"
    (weight, mean, variance), (its_weight, its_mean, its_variance) = map(_moments, (first, second))
    if not _close(weight, its_weight, weight):
        return "their weights differ"
    spread = variance**0.5
    if not (
        _close(mean, its_mean, spread + abs(mean)) and _close(variance, its_variance, variance)
    ):
        return "their responses differ"
    groups = {group.name: group for group in first.products.groups}
    for other in second.products.groups:
        own = groups.get(other.name)
        if own is not None and not (
            own.levels == other.levels and np.array_equal(own.rows, other.rows)
        ):
            return f"the rows of the levels of {other.name} differ"
    return None


def _moments(fit: Fit) -> tuple[float, float, float]:
    """Sum of the weights, mean and variance of the response in its own units."""
    mm, pilot = fit.products.mm, fit.products.pilot
    weight, total, square = float(mm[0, 0]), float(mm[0, -1]), float(mm[-1, -1])
    centre, scale = float(pilot.centre[-1]), float(pilot.scale[-1])
    mean = total / weight
    return weight, centre + scale * mean, scale**2 * (square / weight - mean**2)


def _close(a: float, b: float, unit: float) -> bool:
    return abs(a - b) <= ROUNDING * max(unit, np.finfo(float).tiny)
