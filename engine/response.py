"""The way back from a response expression to the scale of its column.

``log(radon + 0.1)`` is fitted; a house asks for pCi/L. The inverse exists when one column stands
once under a chain of strictly monotone steps. ``pmax`` and ``pmin`` count as the identity, so that
what the model says of a house beyond their bound is not pushed up to it; powers and roots are taken
on the numbers that are not negative.
"""

from __future__ import annotations

from math import e, exp, inf, isfinite, log
from typing import Protocol, TypeAlias

import numpy as np
from msgspec import Struct

from engine.expression import Binary, Call, Column, Expr, Negate, States, constant, evaluate, text
from engine.state import Standardization, Vector

Range: TypeAlias = tuple[float, float]


class Inverse(Struct, frozen=True):
    """The inverse of ``expr`` as a function of the one column in it.

    ``range`` is what the expression can be, from the domains of its steps; ``increasing`` tells
    whether a larger outcome has a larger expression. Made by ``invert``.
    """

    expr: Expr
    states: States
    column: str
    increasing: bool
    range: Range
    steps: tuple[_Step, ...]

    def forward(self, x: Vector) -> Vector:
        """Return the expression at values of the column, shape (n,).

        Outside the domain the value is -inf, inf or nan: -1 under ``log(x + 0.1)`` is nan, -0.1 is
        -inf.
        """
        return evaluate(self.expr, {self.column: np.asarray(x, dtype=np.float64)}, self.states)

    @property
    def outcomes(self) -> Range:
        """The values that ``backward`` can take, from the lowest to the highest."""
        low, high = self.backward(np.array(self.range)).tolist()
        return (low, high) if self.increasing else (high, low)

    def passed(self, x: Vector) -> Vector:
        """Return where ``backward`` passes values of the column, shape (n,).

        This is what ``forward`` gives of values that the outcome can take, but for ``pmax`` and
        ``pmin``, which are no bound here. Of all others it is the end of ``range`` on their side.
        """
        with np.errstate(all="ignore"):
            values = np.asarray(x, dtype=np.float64)
            low, high = self.outcomes
            at_low, at_high = self.range if self.increasing else self.range[::-1]
            passed = values
            for step in reversed(self.steps):
                passed = step.forward(passed)
            return np.where(values <= low, at_low, np.where(values >= high, at_high, passed))

    def backward(self, y: Vector) -> Vector:
        """Return the column at values of the expression, clamped to ``range`` first."""
        with np.errstate(all="ignore"):
            values = np.clip(np.asarray(y, dtype=np.float64), *self.range)
            for step in self.steps:
                values = step.backward(values)
            return values

    def affine(self) -> tuple[float, float] | None:
        """Return (a, b) when ``backward(y) = a + b y``, else None."""
        form = self._form()
        return (form.shift, form.factor) if isinstance(form, _Affine) else None

    def exponential(self) -> tuple[float, float, float] | None:
        """Return (a, b, c) when ``backward(y) = a exp(b y) + c``, else None."""
        form = self._form()
        return (form.scale, form.rate, form.shift) if isinstance(form, _ExponentialForm) else None

    def _form(self) -> _Form | None:
        form: _Form | None = _Affine(0.0, 1.0) if self.range == (-inf, inf) else None
        for step in self.steps:
            form = None if form is None else step.carry(form)
        return form


def invert(expr: Expr, states: States) -> Inverse | None:
    """Return the inverse of a response expression, or None when it has none.

    Args:
        expr: the response.
        states: what ``learn`` found for it on the rows of the fit.

    """
    steps: list[_Step] = []
    inside = expr
    while not isinstance(inside, Column):
        peeled = _peel(inside, states)
        if peeled is None:
            return None
        step, inside = peeled
        steps.append(step)
    interval: Range = (-inf, inf)
    for step in reversed(steps):
        low, high = max(interval[0], step.domain[0]), min(interval[1], step.domain[1])
        if not low < high:
            return None
        with np.errstate(all="ignore"):
            ends = step.forward(np.array([low, high])).tolist()
        interval = min(ends), max(ends)
    decreasing = sum(not step.increasing for step in steps)
    return Inverse(expr, states, inside.name, decreasing % 2 == 0, interval, tuple(steps))


class _ExponentialForm(Struct, frozen=True):
    """``scale * exp(rate * y) + shift``."""

    scale: float
    rate: float
    shift: float


class _Step(Protocol):
    """One strictly monotone function in a chain."""

    @property
    def domain(self) -> Range:
        """Where the step is defined, ends included as limits."""

    @property
    def increasing(self) -> bool:
        """Whether it increases."""

    def forward(self, v: Vector) -> Vector:
        """Return the step's values, or its limit at an end of the domain."""

    def backward(self, y: Vector) -> Vector:
        """Return where the step has the value y."""

    def carry(self, form: _Form) -> _Form | None:
        """Return ``backward`` after ``form`` in closed form, or None when it has none of these."""


class _Affine(Struct, frozen=True):
    """``shift + factor * v``; also the closed form ``shift + factor * y``."""

    shift: float
    factor: float
    domain: Range = (-inf, inf)

    @property
    def increasing(self) -> bool:
        return self.factor > 0

    def forward(self, v: Vector) -> Vector:
        return self.shift + self.factor * v

    def backward(self, y: Vector) -> Vector:
        return (y - self.shift) / self.factor

    def carry(self, form: _Form) -> _Form | None:
        shift = (form.shift - self.shift) / self.factor
        if isinstance(form, _Affine):
            return _Affine(shift, form.factor / self.factor)
        return _ExponentialForm(form.scale / self.factor, form.rate, shift)


class _Logarithm(Struct, frozen=True):
    """``log(v)`` to a base."""

    base: float
    domain: Range = (0.0, inf)

    @property
    def increasing(self) -> bool:
        return self.base > 1

    def forward(self, v: Vector) -> Vector:
        return np.log(v) / log(self.base)

    def backward(self, y: Vector) -> Vector:
        return np.exp(y) if self.base == e else np.power(self.base, y)

    def carry(self, form: _Form) -> _Form | None:
        if not isinstance(form, _Affine):
            return None
        rate = log(self.base)
        return _ExponentialForm(exp(rate * form.shift), rate * form.factor, 0.0)


class _LogarithmOnePlus(Struct, frozen=True):
    """``log(1 + v)``."""

    domain: Range = (-1.0, inf)
    increasing: bool = True

    def forward(self, v: Vector) -> Vector:
        return np.log1p(v)

    def backward(self, y: Vector) -> Vector:
        return np.expm1(y)

    def carry(self, form: _Form) -> _Form | None:
        if not isinstance(form, _Affine):
            return None
        return _ExponentialForm(exp(form.shift), form.factor, -1.0)


class _Exponential(Struct, frozen=True):
    """``exp(v)``."""

    domain: Range = (-inf, inf)
    increasing: bool = True

    def forward(self, v: Vector) -> Vector:
        return np.exp(v)

    def backward(self, y: Vector) -> Vector:
        return np.log(y)

    def carry(self, form: _Form) -> _Form | None:
        return (
            None if isinstance(form, _Affine) or form.shift else _Affine(log(form.scale), form.rate)
        )


class _Power(Struct, frozen=True):
    """``v^exponent`` of v not negative, the exponent positive."""

    exponent: float
    domain: Range = (0.0, inf)
    increasing: bool = True

    def forward(self, v: Vector) -> Vector:
        return np.power(v, self.exponent)

    def backward(self, y: Vector) -> Vector:
        return np.power(y, 1 / self.exponent)

    def carry(self, form: _Form) -> _Form | None:
        if isinstance(form, _Affine) or form.shift:
            return None
        return _ExponentialForm(form.scale ** (1 / self.exponent), form.rate / self.exponent, 0.0)


_Form: TypeAlias = _Affine | _ExponentialForm

_IDENTITY = _Affine(0.0, 1.0)
_CALLS: dict[str, _Step] = {
    "I": _IDENTITY,
    "log2": _Logarithm(2.0),
    "log10": _Logarithm(10.0),
    "log1p": _LogarithmOnePlus(),
    "exp": _Exponential(),
    "sqrt": _Power(0.5),
}


def _peel(expr: Expr, states: States) -> tuple[_Step, Expr] | None:
    """Return the outermost step of an expression and what stands under it."""
    match expr:
        case Negate(operand):
            return _Affine(0.0, -1.0), operand
        case Call("pmax" | "pmin", (left, right)):
            return _clamp(left, right)
        case Call("log", (operand, *base)):
            return _Logarithm(e if not base else constant(base[0]) or e), operand
        case Call("scale" | "center", (operand,)):
            return _standardized(expr, operand, states)
        case Call(function, (operand,)) if function in _CALLS:
            return _CALLS[function], operand
        case Binary(operator, left, right):
            return _binary(operator, left, right)
        case _:
            return None


def _clamp(left: Expr, right: Expr) -> tuple[_Step, Expr] | None:
    if constant(right) is not None:
        return _IDENTITY, left
    return (_IDENTITY, right) if constant(left) is not None else None


def _standardized(call: Call, operand: Expr, states: States) -> tuple[_Step, Expr] | None:
    match states[text(call)]:
        case Standardization(center, scale) if scale > 0:
            return _Affine(-center / scale, 1 / scale), operand
        case _:
            return None


def _binary(operator: str, left: Expr, right: Expr) -> tuple[_Step, Expr] | None:
    """Return the step of an operator with a constant on one side."""
    number, operand, on_the_left = constant(right), left, False
    if number is None:
        number, operand, on_the_left = constant(left), right, True
    if number is None or not isfinite(number):
        return None
    step = _step(operator, number, on_the_left)
    return None if step is None else (step, operand)


def _step(operator: str, number: float, on_the_left: bool) -> _Step | None:
    match operator:
        case "+":
            return _Affine(number, 1.0)
        case "-":
            return _Affine(number, -1.0) if on_the_left else _Affine(-number, 1.0)
        case "*" if number:
            return _Affine(0.0, number)
        case "/" if number and not on_the_left:
            return _Affine(0.0, 1 / number)
        case "^" if number > 0 and not on_the_left:
            return _IDENTITY if number == 1 else _Power(number)
        case _:
            return None
