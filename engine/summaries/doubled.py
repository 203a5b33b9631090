"""Numbers of twice a double's precision: sums and products whose rounding errors are kept.

A value is ``high + low`` with ``low`` less than half a unit in the last place of ``high``. Sources:
Dekker (1971), Numer. Math. 18, 224-242; Ogita, Rump, Oishi (2005), SIAM J. Sci. Comput. 26(6).
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.table import Floats

_SPLIT = 134_217_729.0
"""2^27 + 1: parts a double into two halves whose products are exact."""


class Doubled(Struct, frozen=True):
    """An array of unevaluated sums.

    Attributes:
        high: the nearest doubles.
        low: what is left.
    """

    high: Floats
    low: Floats

    @classmethod
    def of(cls, values: Floats) -> Doubled:
        """Doubles as they are."""
        return cls(values, np.zeros_like(values))

    @classmethod
    def zeros(cls, *shape: int) -> Doubled:
        """Zeros of a shape."""
        return cls(np.zeros(shape), np.zeros(shape))

    @property
    def value(self) -> Floats:
        """The nearest doubles."""
        return self.high + self.low

    def __add__(self, other: Doubled) -> Doubled:
        high, error = _sum(self.high, other.high)
        return _normal(high, error + (self.low + other.low))

    def times(self, factor: Floats) -> Doubled:
        """The product with doubles, which are broadcast."""
        high, error = _product(self.high, factor)
        return _normal(high, error + self.low * factor)

    def take(self, index: NDArray[np.intp]) -> Doubled:
        """The columns of the last axis with these indices."""
        return Doubled(self.high[..., index], self.low[..., index])

    def swapped(self) -> Doubled:
        """The last two axes exchanged."""
        return Doubled(np.swapaxes(self.high, -1, -2), np.swapaxes(self.low, -1, -2))

    def gather(self, at: NDArray[np.intp], other: Doubled) -> None:
        """Add ``other`` to the entries of the first axis ``at``, none of them named twice."""
        total = Doubled(self.high[at], self.low[at]) + other
        self.high[at], self.low[at] = total.high, total.low


def _sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded sum, and its rounding error."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def _normal(high: Floats, low: Floats) -> Doubled:
    total = high + low
    return Doubled(total, low - (total - high))


def _product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded product, and its rounding error."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _halves(a: Floats) -> tuple[Floats, Floats]:
    wide = _SPLIT * a
    high = wide - (wide - a)
    return high, a - high
