"""Arithmetic on columns: what stands inside a function of a formula, and its values.

An expression is a tree of frozen values, so it can be a key, and it is evaluated by walking it:
there is no code in it. Four functions take constants from the rows the model is fitted to
(``scale``, ``center``, ``poly``, ``ave``): ``learn`` finds them, ``evaluate`` needs them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Literal, TypeAlias

import numpy as np
from msgspec import Struct

from engine.functions import OPERATORS, applied, learning_polynomial
from engine.state import GroupMeans, Over, Polynomial, Standardization, State, Vector, at_once
from engine.table import Factor
from engine.tokens import number_text, quoted

Operator: TypeAlias = Literal["+", "-", "*", "/", "^"]
Option: TypeAlias = tuple[str, bool]


class Number(Struct, frozen=True):
    """A constant, finite and not negative (a minus is a ``Negate``)."""

    value: float


class Column(Struct, frozen=True):
    """A column of the table."""

    name: str


class Negate(Struct, frozen=True):
    """Minus its operand."""

    operand: Expr


class Binary(Struct, frozen=True):
    """One of the five operators of arithmetic between two operands."""

    operator: Operator
    left: Expr
    right: Expr


class Call(Struct, frozen=True):
    """A function of the closed list.

    ``options`` holds only what is not the default: ``poly`` has ``raw``, ``scale`` has ``center``
    and ``scale``. The degree of ``poly`` is its second argument, the base of ``log`` likewise; the
    arguments of ``ave`` after its first are the columns whose levels it takes means in.
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

Factors: TypeAlias = Mapping[str, Factor]

STATEFUL = frozenset({"scale", "center", "poly", "ave"})

_NO_FACTORS: Factors = {}
_NO_MEANS: Mapping[str, Vector] = {}


def columns(expr: Expr) -> tuple[str, ...]:
    """Return the names of the columns of an expression, in order of first appearance."""
    return tuple(dict.fromkeys(name for part in _parts(expr) for name in _names(part)))


def numbers(expr: Expr, *, learned: bool = False) -> tuple[str, ...]:
    """Return the names of the columns that an expression reads as numbers.

    ``learned``: to be evaluated, when the means that ``ave`` takes are known already.
    """
    parts = _parts(expr, learned=learned)
    return tuple(dict.fromkeys(part.name for part in parts if isinstance(part, Column)))


def groups(expr: Expr, *, learned: bool = False) -> tuple[str, ...]:
    """Return the names of the columns whose levels an expression takes means in."""
    calls = group_means(expr, learned=learned)
    return tuple(dict.fromkeys(name for call in calls for name in _names(call)))


def group_means(expr: Expr, *, learned: bool = False) -> tuple[Call, ...]:
    """Return the calls of ``ave`` in an expression."""
    parts = _parts(expr, learned=learned)
    return tuple(part for part in parts if isinstance(part, Call) and part.function == "ave")


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


def learn(
    expr: Expr, values: Mapping[str, Vector], factors: Factors = _NO_FACTORS
) -> dict[str, State]:
    """Return the constants of every ``scale``, ``center``, ``poly`` and ``ave`` of an expression.

    Args:
        expr: any numeric expression; inner calls are learned before the outer ones.
        values: each column that is read as numbers on the rows of the fit, (n,), none missing.
        factors: each column whose levels ``ave`` takes means in.

    Raises:
        DataError: ``poly`` of more degrees than its argument has distinct values, less one.

    """
    states: dict[str, State] = {}
    if isinstance(expr, Column):
        return states
    rows = _Rows(values, states, factors, _NO_MEANS)
    with np.errstate(all="ignore"):
        for part in stateful_calls(expr):
            states[text(part)] = _learned(part, _value(part.arguments[0], rows), factors)
    return states


def stateful(expr: Expr) -> tuple[str, ...]:
    """Return the texts of the calls of an expression that take constants from the rows."""
    return tuple(text(part) for part in stateful_calls(expr))


def stateful_calls(expr: Expr) -> Iterator[Call]:
    """Yield the calls of an expression that take constants from the rows, inner ones first."""
    for part in _parts(expr):
        if isinstance(part, Call) and part.function in STATEFUL and not _is_raw(part):
            yield part


def evaluate(
    expr: Expr,
    values: Mapping[str, Vector],
    states: States,
    factors: Factors = _NO_FACTORS,
    means: Mapping[str, Vector] = _NO_MEANS,
) -> Vector:
    """Return the values of an expression on some rows.

    Args:
        expr: a numeric expression (not ``factor``) that names a column.
        values: each column that is read as numbers, shape (n,).
        states: what ``learn`` found on the rows of the fit.
        factors: each column whose levels ``ave`` takes means in.
        means: values of calls of ``ave`` by their text, (n,), in place of those learned; nan where
            none is given.

    Returns:
        Shape (n,), or (n, degree) for ``poly``. Outside the domain of a function the value is not
        finite (``log(0)`` is -inf, ``sqrt(-1)`` nan), and ``ave`` of levels without rows in the fit
        is nan; nothing is raised and nothing warned.

    """
    with np.errstate(all="ignore"):
        return _value(expr, _Rows(values, states, factors, means))


def constant(expr: Expr) -> float | None:
    """Return the value of an expression that names no column, or None when it names one."""
    if any(isinstance(part, Column) for part in _parts(expr)):
        return None
    return float(evaluate(expr, {}, {}))


class _Rows(Struct, frozen=True):
    """The rows that an expression is evaluated on; see ``evaluate``."""

    values: Mapping[str, Vector]
    states: States
    factors: Factors
    means: Mapping[str, Vector]


def _parts(expr: Expr, *, learned: bool = False) -> Iterator[Expr]:
    """Yield every expression inside ``expr``, left to right, operands before what uses them.

    The columns that ``ave`` groups by are no expressions; what it takes means of has no part any
    more once they are ``learned``.
    """
    match expr:
        case Negate(operand):
            yield from _parts(operand, learned=learned)
        case Binary(_, left, right):
            yield from _parts(left, learned=learned)
            yield from _parts(right, learned=learned)
        case Call("ave", arguments):
            if not learned:
                yield from _parts(arguments[0])
        case Call(_, arguments):
            for argument in arguments:
                yield from _parts(argument, learned=learned)
        case _:
            pass
    yield expr


def _names(part: Expr) -> tuple[str, ...]:
    """Return the columns that an expression names itself, not by what is inside it."""
    match part:
        case Column(name):
            return (name,)
        case Call("ave", (_, *by)):
            return tuple(column.name for column in by if isinstance(column, Column))
        case _:
            return ()


def _value(expr: Expr, rows: _Rows) -> Vector:
    match expr:
        case Number(value):
            return np.asarray(value, dtype=np.float64)
        case Column(name):
            return rows.values[name]
        case Negate(operand):
            return -_value(operand, rows)
        case Binary(operator, left, right):
            return OPERATORS[operator](_value(left, rows), _value(right, rows))
        case Call("ave"):
            return _group_means(expr, rows)
        case Call():
            arguments = [_value(each, rows) for each in expr.arguments]
            if expr.function in STATEFUL and not _is_raw(expr):
                return _state(expr, rows.states).apply(arguments[0])
            return applied(expr.function, arguments, raw=_is_raw(expr))


def _state(call: Call, states: States) -> Standardization | Polynomial:
    state = states.get(text(call))
    if not isinstance(state, Standardization | Polynomial):
        raise TypeError(f"{text(call)} has no numeric value")
    return state


def _group_means(call: Call, rows: _Rows) -> Vector:
    """Return the mean of each row's group: the one given with the row, or else the one learned."""
    key = text(call)
    given = rows.means.get(key)
    if given is not None and not np.isnan(given).any():
        return given
    state = rows.states[key]
    if not isinstance(state, GroupMeans):
        raise TypeError(f"{key} has learned no means")
    learned = state.apply([rows.factors[name] for name in _names(call)])
    return learned if given is None else np.where(np.isnan(given), learned, given)


def _is_raw(call: Call) -> bool:
    return call.option("raw", default=False)


def _learned(call: Call, x: Vector, factors: Factors) -> State:
    if call.function == "ave":
        return GroupMeans.learn(x, [factors[name] for name in groups(call, learned=True)])
    return at_once(learning(call), x)


def learning(call: Call) -> Generator[Over, Vector, Standardization | Polynomial]:
    """Learn the constants of a call of ``scale``, ``center`` or ``poly`` from its argument.

    Raises:
        DataError: ``poly`` of more degrees than its argument has distinct values, less one.

    """
    match call.function:
        case "poly":
            return learning_polynomial(int(constant(call.arguments[1]) or 0), text(call))
        case "center":
            return Standardization.learning(center=True, scale=False)
        case _:
            return Standardization.learning(
                center=call.option("center", default=True),
                scale=call.option("scale", default=True),
            )


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
