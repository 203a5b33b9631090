"""The operators and functions that may stand in a formula: a closed list, and their values.

Outside the domain of a function its value is not finite; nothing is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence

import numpy as np

from engine.errors import DataError, Problem
from engine.state import Over, Polynomial, Vector

OPERATORS: Mapping[str, Callable[[Vector, Vector], Vector]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
}
_ELEMENTWISE: Mapping[str, Callable[[Vector], Vector]] = {
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "I": np.asarray,
}
_CLAMPS: Mapping[str, Callable[[Vector, Vector], Vector]] = {
    "pmax": np.maximum,
    "pmin": np.minimum,
}


def applied(function: str, arguments: Sequence[Vector], *, raw: bool = False) -> Vector:
    """Return the value of a call that learns nothing, (n,) or (n, degree).

    Args:
        function: its name.
        arguments: (n,) each, or numbers.
        raw: whether ``poly`` is of raw powers.

    Raises:
        TypeError: it has no numeric value, or needs to learn something.

    """
    if elementwise := _ELEMENTWISE.get(function):
        return elementwise(arguments[0])
    match function:
        case "log":
            return _log(*arguments)
        case "pmax" | "pmin":
            return _CLAMPS[function](*arguments)
        case "poly" if raw:
            return arguments[0][:, None] ** np.arange(1, int(arguments[1]) + 1)
        case _:
            raise TypeError(f"{function} has no numeric value")


def _log(x: Vector, base: Vector | None = None) -> Vector:
    if base is None:
        return np.log(x)
    if base == 2:
        return np.log2(x)
    if base == 10:
        return np.log10(x)
    return np.log(x) / np.log(base)


def learning_polynomial(degree: int, text: str) -> Generator[Over, Vector, Polynomial]:
    """Learn the basis of orthogonal polynomials of a column; ``text`` is that of the call.

    Raises:
        DataError: more degrees than the column has distinct values, less one; or its squares are no
            doubles.

    """
    enough = degree + 1
    distinct = yield Over(lambda x: np.unique(x)[:enough], lambda a, b: np.union1d(a, b)[:enough])
    if len(distinct) < enough:
        raise DataError(
            Problem(
                "too_few_distinct_values",
                f"{text} needs more distinct values of its column than its degree",
                "Lower the degree, or take the column as a factor.",
                ("formula",),
            )
        )
    try:
        found = yield from Polynomial.learning(degree)
    except ZeroDivisionError:  # squares that are too small for doubles
        found = None
    if found is None or not all(0.0 < each < np.inf for each in found.norm2):
        raise DataError(
            Problem(
                "not_finite",
                f"{text} has no value: the squares of its column are no doubles",
                "Take the column in another unit.",
                ("formula",),
            )
        )
    return found
