"""What a row to be predicted must carry, and what it may carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine import expression
from engine.chosen import Chosen
from engine.design import Block, Categorical, Numeric
from engine.expression import Call
from engine.fit import Fit


@dataclass(frozen=True, slots=True)
class Predictor:
    """A column that a row to be predicted carries.

    Attributes:
        name: of the column.
        kind: "number", "factor" (one of ``levels``) or "group" (any value; unseen levels are new).
            A column read in several ways is a factor before a number, and a number before a group.
        levels: of a factor or group that is one column; empty for numbers and combined groups.
    """

    name: str
    kind: Literal["number", "factor", "group"]
    levels: tuple[str, ...] = ()


def predictors(fit: Fit) -> tuple[Predictor, ...]:
    """What a row to be predicted must carry, in order of first use."""
    return Needs.of(fit, Chosen.of(fit)).required


def optional_predictors(fit: Fit) -> tuple[Predictor, ...]:
    """What a row to be predicted may carry.

    The column of weights: a row without it is an observation of weight 1. And ``ave(x, g)``, a
    column of that name: the mean of x in the row's group, where it is not that of the fit.
    """
    return Needs.of(fit, Chosen.of(fit)).optional


@dataclass(frozen=True, slots=True)
class Needs:
    """What rows must and may carry where some of the random effects are counted.

    Attributes:
        chosen: the effects that are counted.
        required: columns that every row carries.
        optional: columns that a row may carry.
        numbers: columns that are read as numbers.
        factors: columns that are read as factors or groups.
        means: calls of ``ave``, by their text.
    """

    chosen: Chosen
    required: tuple[Predictor, ...]
    optional: tuple[Predictor, ...]
    numbers: frozenset[str]
    factors: frozenset[str]
    means: dict[str, Call]

    @classmethod
    def of(cls, fit: Fit, chosen: Chosen) -> Needs:
        """Of a model."""
        required: dict[str, Predictor] = {}
        numbers, factors, groups = set(_numbers(fit, chosen)), set(), set(_groups(fit, chosen))
        for variable in variables(fit, chosen):
            if isinstance(variable, Categorical):
                factors.add(variable.column)
                required[variable.column] = Predictor(variable.column, "factor", variable.levels)
            else:
                for name in expression.numbers(variable.expr, learned=True):
                    required.setdefault(name, Predictor(name, "number"))
        levels = {
            grouping.columns[0]: effects.levels
            for grouping, effects in zip(fit.design.groupings, fit.random, strict=True)
            if len(grouping.columns) == 1
        }
        for name in _groups(fit, chosen):
            required.setdefault(name, Predictor(name, "group", levels.get(name, ())))
        if fit.spec.offset is not None:
            required.setdefault(fit.spec.offset, Predictor(fit.spec.offset, "number"))
        means = {
            expression.text(call): call
            for variable in numeric_variables(fit, chosen)
            for call in expression.group_means(variable.expr, learned=True)
        }
        extra = [*means, *([] if fit.spec.weights is None else [fit.spec.weights])]
        return cls(
            chosen=chosen,
            required=tuple(required.values()),
            optional=tuple(Predictor(name, "number") for name in extra if name not in required),
            numbers=frozenset(numbers),
            factors=frozenset(factors | groups),
            means={name: call for name, call in means.items() if name not in required},
        )


def variables(fit: Fit, chosen: Chosen) -> Iterator[Numeric | Categorical]:
    """The variables of the fixed terms, then of the random terms that are counted."""
    blocks: list[Block] = [*fit.design.fixed.blocks]
    blocks += [part.block for own in chosen.parts for part in own if part.block is not None]
    for block in blocks:
        yield from block.variables


def numeric_variables(fit: Fit, chosen: Chosen) -> Iterator[Numeric]:
    """Those of the variables that are numbers."""
    return (each for each in variables(fit, chosen) if isinstance(each, Numeric))


def _numbers(fit: Fit, chosen: Chosen) -> Iterator[str]:
    for variable in numeric_variables(fit, chosen):
        yield from expression.numbers(variable.expr, learned=True)
    if fit.spec.offset is not None:
        yield fit.spec.offset


def _groups(fit: Fit, chosen: Chosen) -> Iterator[str]:
    """Columns read as groups: first those of means, then those of random terms."""
    for variable in numeric_variables(fit, chosen):
        yield from expression.groups(variable.expr, learned=True)
    for which, grouping in enumerate(fit.design.groupings):
        if chosen.counts(which):
            yield from grouping.columns
