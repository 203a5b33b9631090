"""The engine's fits of the reference cases, each made once, and how close is close."""

from functools import cache

import numpy as np

import engine
from engine import Fit
from tests.reference.cases import FloatArray, case, frame


@cache
def fitted(name: str) -> Fit:
    """The fit of the reference case of that name."""
    known = case(name)
    return engine.fit(
        known.formula,
        frame(known),
        method=known.method,
        weights=known.weights,
        offset=known.offset,
        categorical=known.categorical,
    )


def close(found: FloatArray, expected: FloatArray, within: float, unit: FloatArray | float) -> None:
    """Assert that no element is further off than ``within`` units."""
    assert np.shape(found) == np.shape(expected)
    assert np.max(np.abs(found - expected) / unit) < within
