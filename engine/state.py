"""The constants that scale(), center(), poly() and ave() take from the rows of a fit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Literal, NamedTuple, Self, TypeAlias, TypedDict, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.table import Codes, Factor

Vector: TypeAlias = NDArray[np.float64]
T = TypeVar("T")


class Over(NamedTuple):
    """What to find over all rows: its value on some of them, and how two values become one."""

    rows: Callable[[Vector], Vector]
    merge: Callable[[Vector, Vector], Vector] = np.add


def at_once(learning: Generator[Over, Vector, T], x: Vector) -> T:
    """What is learned of a column whose rows are all there, (n,)."""
    over = next(learning)
    while True:
        try:
            over = learning.send(over.rows(x))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # of the generator


class StandardizationDict(TypedDict):
    """A ``Standardization`` in plain JSON."""

    kind: Literal["standardization"]
    center: float
    scale: float


class PolynomialDict(TypedDict):
    """A ``Polynomial`` in plain JSON."""

    kind: Literal["polynomial"]
    alpha: list[float]
    norm2: list[float]


class Standardization(Struct, frozen=True):
    """``(x - center) / scale``."""

    center: float
    scale: float

    @staticmethod
    def learning(*, center: bool, scale: bool) -> Generator[Over, Vector, Standardization]:
        """Learn R's constants of ``scale(x, center, scale)``.

        The scale is the root of the sum of squares over n - 1, about the mean when centred and
        about zero when not. It is zero for a constant column; what comes of it is not finite.
        """
        count, total = yield _COUNT_AND_TOTAL
        middle = float(total / count) if center else 0.0
        spread = 1.0
        if scale:
            squares = yield Over(lambda x: np.array([(x - middle) @ (x - middle)]))
            spread = float(np.sqrt(squares[0] / (count - 1)))
        return Standardization(middle, spread)

    def apply(self, x: Vector) -> Vector:
        """Return the standardised values, of the shape of x."""
        return (x - self.center) / self.scale

    def as_dict(self) -> StandardizationDict:
        """Return the constants as plain JSON."""
        return {"kind": "standardization", "center": self.center, "scale": self.scale}


class Polynomial(Struct, frozen=True):
    """Orthogonal polynomials by their three-term recurrence, the ``coefs`` of R's ``poly()``.

    With p_0 = 1: ``p_k = (x - alpha_k) p_(k-1) - norm2_(k+1) / norm2_k p_(k-2)``, each divided by
    the root of its squared norm in the end. ``alpha`` has one number for each degree; ``norm2`` two
    more: 1, then the squared norms of p_0, p_1, ... on the training rows.

    Source: Kennedy and Gentle (1980), Statistical Computing, pp. 343-4, as in R.
    """

    alpha: tuple[float, ...]
    norm2: tuple[float, ...]

    @staticmethod
    def learning(degree: int) -> Generator[Over, Vector, Polynomial]:
        """Learn the recurrence orthogonal on a column of more distinct values than ``degree``.

        Raises:
            ZeroDivisionError: the squares of the column are too small for doubles.
        """
        count, total = (yield _COUNT_AND_TOTAL).tolist()
        middle = total / count
        alpha: list[float] = []
        norm2 = [1.0]
        for k in range(degree + 1):
            products = yield Over(_Recurrence(middle, tuple(alpha), tuple(norm2)).products)
            norm2.append(float(products[0]))
            if k < degree:
                alpha.append(float(products[1]) / norm2[-1])
        return Polynomial(tuple(each + middle for each in alpha), tuple(norm2))

    def apply(self, x: Vector) -> Vector:
        """Return the polynomials of degree 1, 2, ... at x as columns: shape (n, degree)."""
        columns = np.empty((len(x), len(self.alpha)))
        for k, values in enumerate(_recurrence(x, self.alpha, self.norm2)):
            if k:
                columns[:, k - 1] = values / np.sqrt(self.norm2[k + 1])
        return columns

    def as_dict(self) -> PolynomialDict:
        """Return the constants as plain JSON."""
        return {"kind": "polynomial", "alpha": list(self.alpha), "norm2": list(self.norm2)}


class GroupMeans(Struct, frozen=True, dict=True):
    """Means by group: ``ave(x, a, b)`` has one for every combination of levels that has rows.

    Attributes:
        levels: of each group, one level for each of the columns it is made of.
        means: of each group.
    """

    levels: tuple[tuple[str, ...], ...]
    means: tuple[float, ...]

    @classmethod
    def learn(cls, x: Vector, factors: Sequence[Factor]) -> Self:
        """Return the means of x, shape (n,), in the groups that the factors make together.

        As R's ``mean``, a second pass mends the rounding of the first: where x is the same in all
        rows of a group, that is its mean exactly.
        """
        codes, levels = combined(factors)
        rows = np.bincount(codes, minlength=len(levels))
        overall = x.mean()
        means = overall + np.bincount(codes, x - overall, len(levels)) / rows
        means += np.bincount(codes, x - means[codes], len(levels)) / rows
        return cls(levels, tuple(means.tolist()))

    def apply(self, factors: Sequence[Factor]) -> Vector:
        """Return the mean of each row's group, shape (n,); nan where the fit had no rows of it."""
        codes, levels = combined(factors)
        place = np.array([self._place.get(level, -1) for level in levels], dtype=np.intp)
        return self._padded[place][codes]

    @cached_property
    def _place(self) -> Mapping[tuple[str, ...], int]:
        return {level: j for j, level in enumerate(self.levels)}

    @cached_property
    def _padded(self) -> Vector:
        return np.array([*self.means, np.nan])


def combined(factors: Sequence[Factor]) -> tuple[Codes, tuple[tuple[str, ...], ...]]:
    """Return the group of each row, and the levels that make each group."""
    codes, groups = factors[0].codes, [(level,) for level in factors[0].levels]
    for factor in factors[1:]:
        found, codes = np.unique(codes * len(factor.levels) + factor.codes, return_inverse=True)
        pairs = (divmod(code, len(factor.levels)) for code in found.tolist())
        groups = [(*groups[a], factor.levels[b]) for a, b in pairs]
    return codes, tuple(groups)


State: TypeAlias = Standardization | Polynomial | GroupMeans


class _Recurrence(Struct, frozen=True):
    """What is known of a recurrence so far: enough for its polynomial of highest degree, p."""

    middle: float
    alpha: tuple[float, ...]
    norm2: tuple[float, ...]

    def products(self, x: Vector) -> Vector:
        """The sums of p^2 and of p^2 times x about the mean."""
        centred = x - self.middle
        *_, p = _recurrence(centred, self.alpha, self.norm2)
        return np.array([p @ p, p @ (centred * p)])


def _recurrence(x: Vector, alpha: Sequence[float], norm2: Sequence[float]) -> Iterator[Vector]:
    """The polynomials of degree 0, 1, ... at x, one more than there are ``alpha``."""
    before, current = np.zeros_like(x), np.ones_like(x)
    yield current
    for k, each in enumerate(alpha):
        # the ratio multiplies zeros in the first round
        ratio = norm2[k + 1] / norm2[k]
        before, current = current, (x - each) * current - ratio * before
        yield current


_COUNT_AND_TOTAL = Over(lambda x: np.array([len(x), x.sum()]))
