"""The text that R's ``arm::display`` prints for a fit."""

from __future__ import annotations

import numpy as np

from engine import rtext
from engine.design import INTERCEPT
from engine.fit import Fit
from engine.syntax import Flag, Name, Operation, read_sides
from engine.table import Floats
from engine.tokens import Source

_HEADERS = ("coef.est", "coef.se")


def display(fit: Fit, digits: int = 2, data: str | None = None) -> str:
    """The table of a fit as R prints it, ``lmer`` or ``lm``, byte for byte.

    Args:
        fit: the model.
        digits: decimals of coefficients and standard deviations.
        data: name of the table, for the call that heads the text; left out when ``None``.

    The formula stands as it was written: lme4 would write ``||`` out.
    """
    text = _call(fit, data) + "\n"
    if not fit.random:
        return text + _coefficients(fit, digits) + _least_squares(fit, digits)
    if len(fit.beta) == 1:
        row = rtext.numbers([fit.beta[0], fit.std_errors[0]], digits)
        text += rtext.named(_HEADERS, row)
    elif len(fit.beta):
        text += _coefficients(fit, digits)
    groups = "; ".join(f"{effects.group}, {len(effects.levels)}" for effects in fit.random)
    statistics = fit.statistics
    (dic,), (deviance,) = (
        rtext.numbers([statistics.dic], 1, at_least=0),
        rtext.numbers([statistics.deviance], 1),
    )
    return (
        f"{text}\nError terms:\n{_error_terms(fit, digits)}---\n"
        f"number of obs: {fit.n_rows}, groups: {groups}\n"
        f"AIC = {round(statistics.aic, 1):g}, DIC = {dic}\n"
        f"deviance = {deviance} \n"
    )


def _call(fit: Fit, data: str | None) -> str:
    """The call that R would have been given, its arguments in the order that R prints them."""
    spec = fit.spec
    left, right = read_sides(Source(spec.formula.text))
    coded: rtext.Value = {name: f'"contr.{coding}"' for name, coding in spec.contrasts}
    contrasts = ("contrasts", coded or None)
    offset = ("offset", _name(spec.offset))
    arguments: list[tuple[str, rtext.Value | None]] = [
        ("formula", Operation("~", left, right, position=0)),
        ("data", _name(data)),
        ("REML", Flag(value=False, position=0) if fit.random and spec.method == "ML" else None),
        ("weights", _name(spec.weights)),
        *([offset, contrasts] if fit.random else [contrasts, offset]),
    ]
    printer = rtext.Deparser()
    printer.call(
        "lmer" if fit.random else "lm",
        [(keyword, value) for keyword, value in arguments if value is not None],
    )
    return printer.text()


def _name(column: str | None) -> Name | None:
    return None if column is None else Name(column, position=0)


def _coefficients(fit: Fit, digits: int) -> str:
    cells = rtext.numbers([*fit.beta.tolist(), *fit.std_errors.tolist()], digits)
    p = len(fit.beta)
    return rtext.matrix(fit.coefficients, _HEADERS, list(zip(cells[:p], cells[p:], strict=True)))


def _least_squares(fit: Fit, digits: int) -> str:
    (sigma,), (r_squared,) = rtext.numbers([fit.sigma], digits), rtext.numbers([_r_squared(fit)], 2)
    return (
        f"---\nn = {fit.n_rows}, k = {len(fit.beta)}\n"
        f"residual sd = {sigma}, R-Squared = {r_squared}\n"
    )


def _r_squared(fit: Fit) -> float:
    """As ``summary.lm``: about the mean with an intercept, about zero without.

    With an offset it is that of the response less the offset, which R does not take away.
    """
    mm, pilot = fit.products.mm, fit.products.pilot
    weight, total, square = mm[0, 0], mm[0, -1], mm[-1, -1]
    centre = pilot.centre[-1] / pilot.scale[-1]
    if INTERCEPT in fit.coefficients:
        whole = square - total**2 / weight
    else:
        whole = square + 2.0 * centre * total + centre**2 * weight
    left = (fit.solution.sigma**2) * (
        fit.n_rows - len(fit.beta) if fit.spec.method == "REML" else fit.n_rows
    )
    return 1.0 - float(left / whole)


def _error_terms(fit: Fit, digits: int) -> str:
    names: list[tuple[str, str]] = []
    deviations: list[float] = []
    correlations: list[list[str]] = []
    for effects in fit.random:
        sd = np.sqrt(effects.covariance.diagonal())
        for t, block in enumerate(effects.blocks):
            group = effects.group + (f".{t}" if t else "")
            terms = effects.terms[block]
            names += [(group if i == 0 else "", term) for i, term in enumerate(terms)]
            deviations += sd[block].tolist()
            correlations += _correlations(effects.covariance[block, block], digits)
    names.append(("Residual", ""))
    correlations.append([])
    widest = max(map(len, correlations))
    headers = ["Groups", "Name", "Std.Dev."]
    if widest > 1:
        headers += ["Corr", *[""] * (widest - 1)]
    rows = []
    cells = rtext.numbers([*deviations, fit.sigma], digits)
    for name, deviation, own in zip(names, cells, correlations, strict=True):
        padded = own + [""] * (widest - len(own)) if widest > 1 else []
        rows.append([*name, deviation, *padded])
    return rtext.matrix([""] * len(rows), headers, rows)


def _correlations(covariance: Floats, digits: int) -> list[list[str]]:
    """What stands below the diagonal of the correlations, a row per effect, all of one width."""
    sd = np.sqrt(covariance.diagonal())
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.outer(sd, sd)
    cells = rtext.numbers(correlation.ravel().tolist(), digits)
    k = len(sd)
    return [[cells[k * i + j] if j < i else "" for j in range(k)] for i in range(k)]
