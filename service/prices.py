"""What work costs, in units of about a millisecond of a processor; whatever is asked costs one."""

from __future__ import annotations

from typing import Final

REQUEST: Final = 1
REFUSED: Final = 10
"""Of a request with a key that may not be used, to whom it comes from."""

PICTURE: Final = 50
"""Of a plot as SVG or PNG."""

_BODY_BYTES: Final = 16_384
_PREDICTED_ROWS: Final = 100
_DRAWN_VALUES: Final = 10_000
_READ_ROWS: Final = 20_000
_FITTED_CELLS: Final = 10_000
_FIT: Final = 5
_REPLICATE: Final = 0.2
_PROFILED: Final = 100


def body(count: int) -> float:
    """Return the price of so many bytes of a request."""
    return count / _BODY_BYTES


def predictions(rows: int) -> float:
    """Return the price of predictions."""
    return rows / _PREDICTED_ROWS


def simulations(values: int) -> float:
    """Return the price of draws: rows times draws of each."""
    return values / _DRAWN_VALUES


def reading(rows: int) -> float:
    """Return the price of what reads the rows of a model again, or refits it."""
    return rows / _READ_ROWS


def fit(cells: int) -> float:
    """Return the price of a fit: rows times columns, several times that for crossed factors."""
    return _FIT + cells / _FITTED_CELLS


def replicates(rows: int, count: int | None) -> float:
    """Return the price of a bootstrap, or of profiles (``None``), of a model of so many rows."""
    return (_PROFILED if count is None else count) * (_REPLICATE + reading(rows))
