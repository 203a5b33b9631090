"""Where the numeric variables of a model are held when means of factors are compared.

emmeans holds a column at its mean over the rows. A fit has no rows, but its cross-products hold the
sum of every column of X, and ``scale``, ``center`` and ``poly`` the mean of their argument. So:

- a column that is in the model as it is, or inside one of these three, is at its mean, and every
  expression of such columns at what it is there: ``I(x^2)`` beside ``x`` at the square of the mean;
- any other expression is at its own mean: ``log(x)`` without ``x`` at the mean of the logarithms,
  where emmeans would take the logarithm of the mean;
- with prior weights the mean of a column is the weighted one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from engine import expression
from engine.design import Numeric
from engine.errors import Problem, SpecError
from engine.expression import Call, Column, Expr
from engine.fit import Fit
from engine.inference.cells import cells, margins
from engine.state import Polynomial, Standardization
from engine.table import Floats


def reference_values(fit: Fit, at: Mapping[str, float]) -> dict[str, Floats]:
    """The columns of every numeric variable of the fixed effects, by its text, (m,) each.

    Args:
        fit: the model.
        at: values for columns of the data, in place of their means.

    Raises:
        SpecError: ``at`` names a column that is not numeric in the model or gives no finite value,
            or the mean of a variable cannot be told from the fit.
    """
    variables = list(_numeric(fit))
    known = {name for own in variables for name in expression.numbers(own.expr, learned=True)}
    _require_known(at, known)
    centres = {**_centres(fit, variables), **{name: float(value) for name, value in at.items()}}
    return {expression.text(own.expr): _value(fit, own, centres, at) for own in variables}


def _numeric(fit: Fit) -> Iterator[Numeric]:
    for block in fit.design.fixed.blocks:
        for variable in block.variables:
            if isinstance(variable, Numeric):
                yield variable


def _centres(fit: Fit, variables: list[Numeric]) -> dict[str, float]:
    """Means of columns of the data, as far as the fit knows them."""
    out: dict[str, float] = {}
    for own in variables:
        match own.expr:
            case Column(name):
                mean = _mean(fit, own)
                if mean is not None:
                    out[name] = float(mean[0])
            case Call(_, (Column(name), *_)):
                state = own.states.get(expression.text(own.expr))
                if isinstance(state, Polynomial):
                    out.setdefault(name, state.alpha[0])
                elif isinstance(state, Standardization) and own.expr.option("center", True):
                    out.setdefault(name, state.center)
            case _:
                pass
    return out


def _value(fit: Fit, own: Numeric, centres: Mapping[str, float], at: Mapping[str, float]) -> Floats:
    """The columns of a variable where the columns of the data are held, or else their own means."""
    names = expression.numbers(own.expr, learned=True)
    if not expression.groups(own.expr) and all(name in centres for name in names):
        point = {name: np.array([centres[name]]) for name in names}
        value = np.atleast_1d(expression.evaluate(own.expr, point, own.states)[0])
        if not np.isfinite(value).all():
            raise SpecError(_problem(own.expr, "is not a finite number at the values of at"))
        return value
    mean = None if any(name in at for name in names) else _mean(fit, own)
    if mean is None:
        raise SpecError(_problem(own.expr, "has no mean that the fit knows"))
    return mean


def _mean(fit: Fit, own: Numeric) -> Floats | None:
    """Means of the columns of a variable, where X spans them; ``None`` where it does not."""
    fixed = fit.design.fixed
    text = expression.text(own.expr)
    for term in margins(fixed):
        if term.numeric == (text,):
            spread = cells(fixed, term).sum(axis=1)  # over the cells: the variable itself
            return np.asarray(_column_means(fit) @ spread)
    return None


def _column_means(fit: Fit) -> Floats:
    """Means of the columns of X in the data's units, aliased ones included, (P,)."""
    first = 0 if fit.design.fixed.intercept else 1
    products, pilot = fit.products, fit.products.pilot
    shifted = products.mm[0, first:-1] / products.mm[0, 0]
    return np.asarray(pilot.centre[first:-1] + pilot.scale[first:-1] * shifted)


def _require_known(at: Mapping[str, float], known: set[str]) -> None:
    problems = [
        Problem(
            "unknown_column",
            f"{name} is not a numeric column of the fixed effects",
            f"the columns are: {', '.join(sorted(known)) or 'none'}",
            ("at", name),
        )
        for name in at
        if name not in known
    ]
    problems += [
        Problem("bad_value", f"the value of {name} is not finite", "use a number", ("at", name))
        for name, value in at.items()
        if not np.isfinite(value)
    ]
    if problems:
        raise SpecError(*problems)


def _problem(expr: Expr, what: str) -> Problem:
    names = expression.columns(expr)
    return Problem(
        "no_reference_value",
        f"{expression.text(expr)} {what}",
        f"give a value for {', '.join(names)} in at",
        ("at", names[0]),
    )
