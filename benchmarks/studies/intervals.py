"""How much of the truth the 95 % intervals of one fit cover."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TypeAlias

import numpy as np
from scipy import special, stats

import engine
from benchmarks.studies.designs import Design, Draw, Floats
from engine.fit import Fit

Found: TypeAlias = Iterator[tuple[tuple[str, str, str], float]]
"""Of (part, quantity, interval) the share covered: 0 or 1 of one parameter, else between."""

NORMAL = float(special.ndtri(0.975))
FIXED = {
    "none": "Wald, normal",
    "satterthwaite": "Satterthwaite",
    "kenward-roger": "Kenward-Roger",
}
BANDS = ((0.0, 1.0), (1.0, 2.0), (2.0, np.inf))


def truth(design: Design, fit: Fit) -> Mapping[str, float]:
    """The true value of every parameter that ``engine.parameters`` names."""
    values = {"sigma": design.sigma} | dict(design.fixed)
    for parameter in engine.parameters(fit):
        if parameter.group is None:
            continue
        covariance = design.between[parameter.group]
        sd, at = np.sqrt(covariance.diagonal()), parameter.at[1:]
        values[parameter.name] = (
            float(sd[at[0]]) if len(at) == 1 else float(covariance[at] / (sd[at[0]] * sd[at[1]]))
        )
    return values


def covered(design: Design, draw: Draw, fit: Fit) -> Found:
    """All the intervals of one fit, with how much of the truth they cover."""
    yield from _of_fixed(design, fit)
    yield from _of_profile(design, fit)
    yield from _of_variances_by_wald(design, fit)
    yield from _of_effects(design, draw, fit)
    for n_new in range(len(design.between) + 1):
        for new in combinations(design.between, n_new):
            yield from _of_lines(design, draw, fit, new)


def _of_fixed(design: Design, fit: Fit) -> Found:
    for df, name in FIXED.items():
        for row in engine.fixed_effects(fit, df=df):
            inside = row.lower <= design.fixed[row.term] <= row.upper
            yield ("fixed", row.term, name), float(inside)


def _of_profile(design: Design, fit: Fit) -> Found:
    true = truth(design, fit)
    for own in engine.profile(fit):
        inside = own.lower <= true[own.parameter.name] <= own.upper
        part = "fixed" if own.parameter.kind == "fixed" else "variance"
        yield (part, own.parameter.name, "profile"), float(inside)


def _of_variances_by_wald(design: Design, fit: Fit) -> Found:
    """Wald's intervals as the engine gives them, and from the same errors two usual others.

    Those are estimate plus and minus 1.96 errors of the standard deviation, and a variance's with
    chi-squares of 2 / cv^2 degrees of freedom, as SAS has it. At a boundary there is no standard
    error and so no interval, which does not cover.
    """
    true = truth(design, fit)
    for own in engine.variance_intervals(fit, "wald").items:
        name, estimate, upper = own.parameter.name, own.estimate, own.upper
        if own.lower is None or upper is None or estimate is None:
            inside = near = tail = False
        else:
            inside = own.lower <= true[name] <= upper
            log_error = np.log(upper / estimate) / NORMAL if estimate > 0.0 else np.nan
            near = abs(true[name] - estimate) <= NORMAL * log_error * estimate
            df = 0.5 / log_error**2  # cv of a variance: twice the error of the log of its root
            tail = 0.025 <= stats.chi2(df).cdf(df * (estimate / true[name]) ** 2) <= 0.975
        yield ("variance", name, "Wald"), float(inside)
        if own.parameter.kind != "correlation":
            yield ("variance", name, "Wald, normal"), float(near)
            yield ("variance", name, "Wald, chi-square"), float(tail)


def band_name(low: float, high: float) -> str:
    """Name a range of the size of effects, in their standard deviations."""
    return f"{low:g} to {high:g} sd" if np.isfinite(high) else f"over {low:g} sd"


def _of_effects(design: Design, draw: Draw, fit: Fit) -> Found:
    for group, true in draw.effects.items():
        found = engine.group_effects(fit, group)
        sds = np.sqrt(design.between[group].diagonal())
        for k, term in enumerate(found.terms):
            off = np.abs(found.effects[:, k] - true[:, k])
            inside = off <= NORMAL * found.effects_std_error[:, k]
            name = f"{term} | {group}"
            yield ("effects", name, "effect, conditional"), float(inside.mean())
            size = np.abs(true[:, k]) / sds[k]
            for low, high in BANDS:
                band = (size >= low) & (size < high)
                yield (
                    ("bands", name, band_name(low, high)),
                    float(inside[band].mean()) if band.any() else np.nan,
                )
            c = found.coefficient_terms.index(term)
            off = np.abs(found.coefficients[:, c] - true[:, k] - design.fixed.get(term, 0.0))
            inside = off <= NORMAL * found.coefficients_std_error[:, c]
            yield ("effects", name, "coefficient, joint"), float(inside.mean())


def _of_lines(design: Design, draw: Draw, fit: Fit, new: tuple[str, ...]) -> Found:
    """Predictions at the table's rows, with new levels of some factors.

    What is not in the table is not drawn: given the fit, the share covered is exact.
    """
    columns = {name: draw.table[name].tolist() for name in draw.table.columns if name != "y"}
    columns |= {group: ["a new one"] * len(draw.table) for group in new}
    found = engine.predict(fit, columns)
    line, variance = design.mean.copy(), np.zeros(len(draw.table))
    for group, effects in draw.effects.items():
        z = design.z[group]
        if group in new:
            variance += ((z @ design.between[group]) * z).sum(axis=1)
        else:
            line += (z * effects[design.codes[group][0]]).sum(axis=1)
    which = "known levels" if not new else f"new {' and '.join(new)}"
    share = _between(found.lower, found.upper, line, variance)
    yield ("prediction", which, "line"), float(share.mean())
    noise = variance + design.sigma**2
    share = _between(found.prediction_lower, found.prediction_upper, line, noise)
    yield ("prediction", which, "new observation"), float(share.mean())


def _between(lower: Floats, upper: Floats, mean: Floats, variance: Floats) -> Floats:
    """The probability of a normal variable, or of a constant, to be in an interval."""
    if not variance.any():
        return np.asarray((lower <= mean) & (mean <= upper), dtype=np.float64)
    sd = np.sqrt(variance)
    return np.asarray(special.ndtr((upper - mean) / sd) - special.ndtr((lower - mean) / sd))
