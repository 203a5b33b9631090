"""The engine's fits of the reference cases, each made once for all tests."""

from functools import cache

import engine
from engine import Fit
from tests.reference.cases import case, frame


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
