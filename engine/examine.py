"""A specification beside its data, not fitted: every problem, and the model's dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import EngineError, Problem
from engine.prepared import Prepared, prepare
from engine.spec import Spec
from engine.summaries.fitted import prepare_summary, require_made_for
from engine.summaries.summary import Summary
from engine.table import Data


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The size of a model.

    Attributes:
        n_rows: rows that would be fitted.
        n_dropped: rows left out because a value is missing.
        coefficients: names of the fixed effects.
        dropped_terms: names of aliased columns.
        groups: levels by grouping factor.
        random_effects: names of the effects by grouping factor.
        n_parameters: fixed effects, theta and sigma.
    """

    n_rows: int
    n_dropped: int
    coefficients: tuple[str, ...]
    dropped_terms: tuple[str, ...]
    groups: Mapping[str, int]
    random_effects: Mapping[str, tuple[str, ...]]
    n_parameters: int


@dataclass(frozen=True, slots=True)
class Examination:
    """What is wrong with a specification, and its dimensions when nothing is."""

    problems: tuple[Problem, ...]
    dimensions: Dimensions | None


def examine(spec: Spec, data: Data | Summary) -> Examination:
    """Check a specification against its data: nothing is fitted, and problems are not raised."""
    try:
        if isinstance(data, Summary):
            require_made_for(data, spec)
            prepared = prepare_summary(data, method=spec.method, contrasts=dict(spec.contrasts))
        else:
            prepared = prepare(spec, data)
    except EngineError as error:
        return Examination(error.problems, None)
    return Examination((), _dimensions(prepared))


def _dimensions(prepared: Prepared) -> Dimensions:
    coefficients, dropped = prepared.names
    groupings, groups = prepared.design.groupings, prepared.products.groups
    sizes = [len(term.names) for grouping in groupings for term in grouping.terms]
    return Dimensions(
        n_rows=prepared.products.n,
        n_dropped=prepared.n_dropped,
        coefficients=coefficients,
        dropped_terms=dropped,
        groups={group.name: len(group.levels) for group in groups},
        random_effects={grouping.name: grouping.names for grouping in groupings},
        n_parameters=len(coefficients) + sum(size * (size + 1) // 2 for size in sizes) + 1,
    )
