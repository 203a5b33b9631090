"""How ``scale``, ``center`` and ``poly`` get their constants from the rows, however these come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import numpy as np

from engine.errors import DataError, Problem
from engine.expression import Call, Expr, States, constant, evaluate, stateful, text
from engine.state import Learning, Over, Polynomial, Standardization, State, Vector

Parts: TypeAlias = Callable[[], Iterable[Mapping[str, Vector]]]
"""Goes over the rows of a fit once, some of them at a time: their columns by name."""


def learn(expr: Expr, values: Mapping[str, Vector]) -> dict[str, State]:
    """Return the constants of every ``scale``, ``center`` and ``poly`` of an expression.

    Args:
        expr: any numeric expression; inner calls are learned before the outer ones.
        values: each column of the expression on the rows of the fit, shape (n,), none missing.

    Raises:
        DataError: ``poly`` of more degrees than its argument has distinct values, less one.

    """
    return learn_over([expr], lambda: [values])


def learn_over(exprs: Iterable[Expr], parts: Parts) -> dict[str, State]:
    """Return the constants of all expressions, by the text of the call; see ``learn``.

    Args:
        exprs: numeric expressions.
        parts: goes over the rows of the fit once, some of them at a time; called as often as
            needed, which is not at all when nothing has to be learned.

    """
    waiting = {name: call for expr in exprs for name, call in stateful(expr).items()}
    states: dict[str, State] = {}
    while waiting:
        ready = {
            name: call
            for name, call in waiting.items()
            if all(inner in states for inner in stateful(call) if inner != name)
        }
        with np.errstate(all="ignore"):
            states |= _together(ready, states, parts)
        waiting = {name: call for name, call in waiting.items() if name not in states}
    return states


def own_states(expr: Expr, states: States) -> dict[str, State]:
    """Return those of the states that the calls of an expression have learned."""
    return {name: states[name] for name in stateful(expr)}


def _together(
    calls: Mapping[str, Call],
    states: States,
    parts: Parts,
) -> dict[str, State]:
    """What some calls learn, none of which needs another: all ask for one thing in each round."""
    learning = {name: _learning(call) for name, call in calls.items()}
    asked = {name: next(each) for name, each in learning.items()}
    learned: dict[str, State] = {}
    while asked:
        found: dict[str, Vector] = {}
        for values in parts():
            for name, over in asked.items():
                new = over.rows(evaluate(calls[name].arguments[0], values, states))
                found[name] = over.merge(found[name], new) if name in found else new
        asked = {}
        for name in found.keys() - learned.keys():
            try:
                asked[name] = learning[name].send(found[name])
            except StopIteration as done:
                learned[name] = done.value
    return learned


def _learning(call: Call) -> Learning:
    match call.function:
        case "poly":
            return _learning_polynomial(call)
        case "center":
            return Standardization.learning(center=True, scale=False)
        case _:
            return Standardization.learning(
                center=call.option("center", default=True),
                scale=call.option("scale", default=True),
            )


def _learning_polynomial(call: Call) -> Learning:
    degree = int(constant(call.arguments[1]) or 0)
    enough = degree + 1
    distinct = yield Over(lambda x: np.unique(x)[:enough], lambda a, b: np.union1d(a, b)[:enough])
    if len(distinct) < enough:
        raise DataError(
            Problem(
                "too_few_distinct_values",
                f"{text(call)} needs more distinct values of its column than its degree",
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
                f"{text(call)} has no value: the squares of its column are no doubles",
                "Take the column in another unit.",
                ("formula",),
            )
        )
    return found
