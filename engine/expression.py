"""Arithmetic on columns: what stands inside a function of a formula, and its values.

An expression is a tree of frozen values, so it can be a key, and it is evaluated by walking it:
there is no code in it. Three functions take constants from the rows the model is fitted to
(``scale``, ``center``, ``poly``): ``engine.learning`` finds them, ``evaluate`` needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from engine.state import State, Vector
from engine.tokens import number_text, quoted

Operator: TypeAlias = Literal["+", "-", "*", "/", "^"]
Option: TypeAlias = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Number:
    """A constant, finite and not negative (a minus is a ``Negate``)."""

    value: float


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table."""

    name: str


@dataclass(frozen=True, slots=True)
class Negate:
    """Minus its operand."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary:
    """One of the five operators of arithmetic between two operands."""

    operator: Operator
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the closed list.

    ``options`` holds only what is not the default: ``poly`` has ``raw``, ``scale`` has ``center``
    and ``scale``. The degree of ``poly`` is its second argument, the base of ``log`` likewise.
    """

    function: str
    arguments: tuple[Expr, ...]
    options: tuple[Option, ...] = ()

    def option(self, name: str, default: bool) -> bool:
        """Return the option of that name, or the default when it is not set."""
        return dict(self.options).get(name, default)


Expr: TypeAlias = Number | Column | Negate | Binary | Call

States: TypeAlias = Mapping[str, State]
"""What stateful calls have learned, by the text of the call."""

STATEFUL = frozenset({"scale", "center", "poly"})

_ELEMENTWISE: dict[str, Callable[[Vector], Vector]] = {
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "I": np.asarray,
}
_CLAMPS: dict[str, Callable[[Vector, Vector], Vector]] = {"pmax": np.maximum, "pmin": np.minimum}
_OPERATORS: dict[Operator, Callable[[Vector, Vector], Vector]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
}


def columns(expr: Expr) -> tuple[str, ...]:
    """Return the names of the columns of an expression, in order of first appearance."""
    return tuple(dict.fromkeys(part.name for part in _parts(expr) if isinstance(part, Column)))


def is_factor(expr: Expr) -> str | None:
    """Return the name of the column that ``factor(column)`` marks as categorical, if it is that."""
    match expr:
        case Call("factor", (Column(name),)):
            return name
        case _:
            return None


def labels(expr: Expr) -> tuple[str, ...]:
    """Return R's names of the columns of a numeric expression: one, or one a degree of ``poly``."""
    match expr:
        case Call("poly", (_, Number(degree))) if degree > 1:
            return tuple(f"{text(expr)}{k}" for k in range(1, int(degree) + 1))
        case _:
            return (text(expr),)


def stateful(expr: Expr) -> dict[str, Call]:
    """Return the calls that learn something, by their text, inner ones before the outer."""
    return {
        text(part): part
        for part in _parts(expr)
        if isinstance(part, Call) and part.function in STATEFUL and not _is_raw(part)
    }


def evaluate(expr: Expr, values: Mapping[str, Vector], states: States) -> Vector:
    """Return the values of an expression on some rows.

    Args:
        expr: a numeric expression (not ``factor``) that names a column.
        values: each column of the expression, shape (n,).
        states: what ``engine.learning`` found on the rows of the fit.

    Returns:
        Shape (n,), or (n, degree) for ``poly``. Outside the domain of a function the value is not
        finite (``log(0)`` is -inf, ``sqrt(-1)`` nan); nothing is raised and nothing warned.

    """
    with np.errstate(all="ignore"):
        return _value(expr, values, states)


def constant(expr: Expr) -> float | None:
    """Return the value of an expression that names no column, or None when it names one."""
    if any(isinstance(part, Column) for part in _parts(expr)):
        return None
    return float(evaluate(expr, {}, {}))


def _parts(expr: Expr) -> Iterator[Expr]:
    """Yield every expression inside ``expr``, left to right, operands before what uses them."""
    match expr:
        case Negate(operand):
            yield from _parts(operand)
        case Binary(_, left, right):
            yield from _parts(left)
            yield from _parts(right)
        case Call(_, arguments):
            for argument in arguments:
                yield from _parts(argument)
        case _:
            pass
    yield expr


def _value(expr: Expr, values: Mapping[str, Vector], states: States) -> Vector:
    match expr:
        case Number(value):
            return np.asarray(value, dtype=np.float64)
        case Column(name):
            return values[name]
        case Negate(operand):
            return -_value(operand, values, states)
        case Binary(operator, left, right):
            operation = _OPERATORS[operator]
            return operation(_value(left, values, states), _value(right, values, states))
        case Call():
            return _applied(expr, [_value(each, values, states) for each in expr.arguments], states)


def _applied(call: Call, arguments: list[Vector], states: States) -> Vector:
    if elementwise := _ELEMENTWISE.get(call.function):
        return elementwise(arguments[0])
    match call.function:
        case "log":
            return _log(*arguments)
        case "pmax" | "pmin":
            return _CLAMPS[call.function](*arguments)
        case "scale" | "center" | "poly" if not _is_raw(call):
            return states[text(call)].apply(arguments[0])
        case "poly":
            return arguments[0][:, None] ** np.arange(1, int(arguments[1]) + 1)
        case _:
            raise TypeError(f"{text(call)} has no numeric value")


def _log(x: Vector, base: Vector | None = None) -> Vector:
    if base is None:
        return np.log(x)
    if base == 2:
        return np.log2(x)
    if base == 10:
        return np.log10(x)
    return np.log(x) / np.log(base)


def _is_raw(call: Call) -> bool:
    return call.option("raw", default=False)


# The text of an expression, with R's precedences.

_TIGHTNESS: dict[str, int] = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
_SIGN = 3
_ATOM = 5


def text(expr: Expr) -> str:
    """Return an expression as R prints it: ``log(radon + 0.1)``, ``I(x^2)``, ``poly(x, 2)``.

    No bracket is written that the precedences make idle. Read back, the text gives an equal
    expression.
    """
    match expr:
        case Number(value):
            return number_text(value)
        case Column(name):
            return quoted(name)
        case Negate(operand):
            return "-" + _bracketed(operand, _SIGN)
        case Binary(operator, left, right):
            tightness, to_the_right = _TIGHTNESS[operator], operator == "^"
            first = _bracketed(left, tightness + to_the_right)
            second = _bracketed(
                right, 0 if isinstance(right, Negate) else tightness + (not to_the_right)
            )
            return (
                f"{first}{operator}{second}" if operator in "/^" else f"{first} {operator} {second}"
            )
        case Call(function, arguments, options):
            given = [text(argument) for argument in arguments]
            given += [f"{name} = {str(value).upper()}" for name, value in options]
            return f"{function}({', '.join(given)})"


def _bracketed(expr: Expr, tightness: int) -> str:
    return f"({text(expr)})" if _tightness(expr) < tightness else text(expr)


def _tightness(expr: Expr) -> int:
    match expr:
        case Binary(operator):
            return _TIGHTNESS[operator]
        case Negate():
            return _SIGN
        case _:
            return _ATOM
