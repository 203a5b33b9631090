"""Tests, contrasts and means of a fit, as the schemas have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import Final

from engine import (
    Difference,
    Fit,
    MarginalMean,
    Problem,
    SpecError,
    anova,
    contrast,
    f_test,
    fixed_effects,
    marginal_means,
    pairwise_differences,
)
from service.schemas.fits import FixedEffectRow
from service.schemas.inference import (
    LARGEST,
    Anova,
    AnovaQuery,
    AnovaRow,
    ContrastAsked,
    ContrastRow,
    Contrasts,
    ContrastsRequest,
    FixedEffects,
    FixedEffectsQuery,
    JointTest,
    MarginalMeans,
    MeanRow,
    MeansQuery,
    PairRow,
)
from service.schemas.intervals import FixedIntervals

_NAMED: Final = 20
_LONGEST: Final = 60


def effects_of(fit: Fit, asked: FixedEffectsQuery, other: FixedIntervals | None) -> FixedEffects:
    """Return the table of fixed effects, with ``other`` intervals in place of Wald's."""
    items = [
        FixedEffectRow.showing(row) for row in fixed_effects(fit, df=asked.df, level=asked.level)
    ]
    if other is None:
        return FixedEffects(items=items, bootstrap=None)
    items = [
        row.model_copy(update=dict(zip(("lower", "upper"), other.ends[row.term], strict=True)))
        for row in items
    ]
    return FixedEffects(items=items, bootstrap=other.bootstrap)


def terms_of(fit: Fit, asked: AnovaQuery) -> Anova:
    """Return the tests of the terms."""
    found = anova(fit, asked.type, df=asked.df, order=asked.order or None)
    return Anova(items=[AnovaRow.showing(row) for row in found])


def contrasts_of(fit: Fit, asked: ContrastsRequest) -> Contrasts:
    """Return the contrasts, and their joint test when it is asked for.

    Raises ``SpecError`` with a problem for each weight that is wrong.
    """
    rows = _weights(fit, asked.contrasts)
    values = [each.rhs for each in asked.contrasts]
    found = contrast(fit, rows, values, df=asked.df, level=asked.level)
    return Contrasts(
        items=[
            ContrastRow(name=own.name, rhs=own.rhs, **asdict(row))
            for own, row in zip(asked.contrasts, found, strict=True)
        ],
        joint=_joint(fit, rows, values, asked.df) if asked.joint else None,
    )


def means_of(
    fit: Fit, factors: Sequence[str], at: Mapping[str, float], asked: MeansQuery
) -> MarginalMeans:
    """Return the marginal means of some factors, and their pairs when they are asked for."""
    found = marginal_means(fit, factors, at=at, df=asked.df, level=asked.level)
    pairs = None
    if asked.pairs:
        differences = pairwise_differences(
            fit, factors, at=at, df=asked.df, level=asked.level, adjust=asked.adjust
        )
        pairs = [_pair(found.factors, each) for each in differences]
    return MarginalMeans(
        items=[_mean(found.factors, each) for each in found.means],
        pairs=pairs,
        held={name: list(values) for name, values in found.held.items()},
    )


def held_at(texts: Sequence[str]) -> dict[str, float]:
    """Return the columns and values that ``column:value`` texts name.

    Raises ``SpecError`` with a problem for each text that is none, or names a column again.
    """
    out: dict[str, float] = {}
    problems = []
    for i, text in enumerate(texts):
        column, _, value = text.rpartition(":")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not column or not abs(number) <= LARGEST:
            detail = f"value {i + 1} of at is not column:value with a finite number"
            problems.append(Problem("bad_value", detail, "write at=temperature:200", ("at", i)))
        elif column in out:
            detail = f"at names {column} more than once"
            problems.append(Problem("duplicate_column", detail, "give one value", ("at", i)))
        else:
            out[column] = number
    if problems:
        raise SpecError(*problems)
    return out


def _weights(fit: Fit, asked: Sequence[ContrastAsked]) -> list[list[float]]:
    """Return the weights of all coefficients in each contrast."""
    problems = [problem for i, each in enumerate(asked) for problem in _wrong(fit, i, each)]
    if problems:
        raise SpecError(*problems)
    return [[each.weights.get(term, 0.0) for term in fit.coefficients] for each in asked]


def _wrong(fit: Fit, i: int, asked: ContrastAsked) -> Iterator[Problem]:
    path: tuple[str | int, ...] = ("contrasts", i, "weights")
    for term, weight in asked.weights.items():
        if term not in fit.coefficients:
            yield _unknown(fit, term, (*path, term))
        elif 0.0 < abs(weight) < 1.0 / LARGEST:
            detail = f"the weight of {term} is too small to tell from zero"
            yield Problem("bad_contrast", detail, "use 0, or a larger weight", (*path, term))
    if not any(asked.weights.values()):
        detail = f"contrast {i + 1} has no weight that is not zero"
        yield Problem("bad_contrast", detail, "leave it out, or weigh a coefficient", path)


def _unknown(fit: Fit, term: str, path: tuple[str | int, ...]) -> Problem:
    if term in fit.dropped_terms:
        detail = f"{term} is aliased, so that the model has no coefficient for it"
        hint = "dropped_terms of the model names all that were left out"
        return Problem("aliased_coefficient", detail, hint, path)
    turned = [own for own in fit.coefficients if sorted(own.split(":")) == sorted(term.split(":"))]
    near = turned or get_close_matches(term, fit.coefficients, n=1)
    known = ", ".join(fit.coefficients[:_NAMED])
    more = ", …" if len(fit.coefficients) > _NAMED else ""
    suggestion = f"did you mean {near[0]}? " if near else ""
    hint = f"{suggestion}the coefficients are: {known}{more}"
    shown = term if len(term) <= _LONGEST else term[:_LONGEST] + "…"
    return Problem("unknown_coefficient", f"the model has no coefficient {shown}", hint, path)


def _joint(fit: Fit, rows: list[list[float]], values: list[float], df: str) -> JointTest:
    test = f_test(fit, rows, values, df=df)
    return JointTest(
        f_value=test.statistic, df_num=test.df_num, df_den=test.df_den, p_value=test.p_value
    )


def _mean(factors: Sequence[str], mean: MarginalMean) -> MeanRow:
    return MeanRow.showing({**asdict(mean), "levels": _named(factors, mean.levels)})


def _pair(factors: Sequence[str], pair: Difference) -> PairRow:
    levels = {"first": _named(factors, pair.first), "second": _named(factors, pair.second)}
    return PairRow.showing({**asdict(pair), **levels})


def _named(factors: Sequence[str], levels: Sequence[str]) -> dict[str, str]:
    return dict(zip(factors, levels, strict=True))
