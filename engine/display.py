"""The text that R's ``arm::display`` prints for a fit."""

from __future__ import annotations

import numpy as np

from engine.fit import Fit, RandomEffects


def display(fit: Fit, digits: int = 2) -> str:
    """The table of a fit as R prints it, rounded to ``digits`` decimals."""
    lines = [
        f"lmer(formula = {fit.spec.formula.text})"
        if fit.random
        else f"lm(formula = {fit.spec.formula.text})"
    ]
    lines += _fixed_table(fit, digits)
    lines += ["", "Error terms:", *_error_terms(fit, digits), "---"]
    groups = "; ".join(f"{effects.group}, {len(effects.levels)}" for effects in fit.random)
    statistics = fit.statistics
    lines.append(f"number of obs: {fit.n_rows}" + (f", groups: {groups}" if groups else ""))
    lines.append(f"AIC = {_short(statistics.aic)}, DIC = {_short(statistics.dic)}")
    lines.append(f"deviance = {_short(statistics.deviance)} ")
    return "\n".join(lines) + "\n"


def _fixed_table(fit: Fit, digits: int) -> list[str]:
    rows = [
        (name, f"{estimate:.{digits}f}", f"{error:.{digits}f}")
        for name, estimate, error in zip(
            fit.coefficients, fit.beta.tolist(), fit.std_errors.tolist(), strict=True
        )
    ]
    header = ("", "coef.est", "coef.se")
    return _columns([header, *rows], left=1)


def _error_terms(fit: Fit, digits: int) -> list[str]:
    rows: list[tuple[str, ...]] = []
    width = 0
    for effects in fit.random:
        own = _group_rows(effects, digits)
        width = max(width, *(len(row) for row in own))
        rows += own
    rows.append(("Residual", "", f"{fit.sigma:.{digits}f}"))
    header = ("Groups", "Name", "Std.Dev.", *(("Corr",) if width > 3 else ()))
    padded = [row + ("",) * (max(width, 3) - len(row)) for row in [header, *rows]]
    return _columns(padded, left=2)


def _group_rows(effects: RandomEffects, digits: int) -> list[tuple[str, ...]]:
    """A row per effect; each random term is named on its first row (group, group.1, …), as in R."""
    sd = np.sqrt(effects.covariance.diagonal())
    rows = []
    for t, block in enumerate(effects.blocks):
        group = effects.group + (f".{t}" if t else "")
        for i in range(block.start, block.stop):
            correlations = [
                f"{_correlation(effects, i, j):.{digits}f}" for j in range(block.start, i)
            ]
            first = group if i == block.start else ""
            rows.append((first, effects.terms[i], f"{sd[i]:.{digits}f}", *correlations))
    return rows


def _correlation(effects: RandomEffects, i: int, j: int) -> float:
    scale = np.sqrt(effects.covariance[i, i] * effects.covariance[j, j])
    return float(effects.covariance[i, j] / scale) if scale > 0.0 else float("nan")


def _columns(rows: list[tuple[str, ...]], left: int) -> list[str]:
    """Rows with padded cells: the first ``left`` columns are set left, the others right."""
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    return [
        " ".join(
            cell.ljust(width) if c < left else cell.rjust(width)
            for c, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _short(value: float) -> str:
    """One decimal, without a trailing zero, as R prints 2251 and 2255.2."""
    return f"{value:.1f}".removesuffix(".0")
