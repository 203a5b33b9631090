"""The columns that sums are made of: every factor by all of its indicators, never by contrasts.

Contrasts need a first level, and sites that do not see each other's rows have different ones. The
indicators of a level mean the same everywhere: where a level does not occur its column is zero.
Coding comes after the sums, as a linear map of these columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

import numpy as np
import scipy
from numpy.typing import NDArray

from engine import expression
from engine.design import Block, Categorical, Design, Grouping, TermSet, learn
from engine.errors import Problem, SpecError
from engine.expression import Expr, States
from engine.formula import Formula
from engine.frame import Frame, variables
from engine.spec import Spec
from engine.table import Factor, Floats

Levels = Mapping[str, tuple[str, ...]]
"""Levels of the factors among the predictors, by the variable's text: ``c``, ``factor(x)``."""


def levels_of(spec: Spec, frame: Frame) -> Levels:
    """The levels of every predictor that is a factor."""
    found = {}
    for variable in variables(spec.formula):
        name = expression.is_factor(variable)
        if name is None and isinstance(variable, expression.Column) and variable.name in frame.bare:
            name = variable.name
        if name is not None:
            found[expression.text(variable)] = frame.factors[name].levels
    return found


def indicator_design(spec: Spec, levels: Levels, constants: States) -> Design:
    """The design in which every factor has all of its indicators.

    Raises:
        LimitError: too many columns.
    """
    return learn(spec, _frame(spec.formula, levels), constants=constants, coded=False)


def coded_design(spec: Spec, levels: Levels, constants: States) -> Design:
    """The design of the model itself.

    Raises:
        DataError: a factor has one level.
        LimitError: too many columns, or too many effects of a group.
    """
    return learn(spec, _frame(spec.formula, levels), constants=constants)


def stateful_calls(formula: Formula) -> tuple[str, ...]:
    """The calls of a formula that take constants from the rows.

    Raises:
        SpecError: ``ave`` is among them: its means are of groups, which may be small, and of rows
            that may be elsewhere.
    """
    expressions: Iterable[Expr] = (formula.response, *variables(formula))
    if any(map(expression.group_means, expressions)):
        raise SpecError(
            Problem(
                "means_in_summary",
                "a summary has no means of groups, as ave() takes them",
                "put the means into the data as a column before the sums are made",
                ("formula",),
            )
        )
    return tuple(dict.fromkeys(call for expr in expressions for call in expression.stateful(expr)))


def variable_columns(formula: Formula, levels: Levels) -> dict[str, str]:
    """The column of each variable that is a factor, by the variable's text."""
    found = {}
    for variable in variables(formula):
        text = expression.text(variable)
        if text in levels:
            found[text] = expression.columns(variable)[0]
    return found


def _frame(formula: Formula, levels: Levels) -> Frame:
    """A frame of no rows that knows the levels."""
    columns = variable_columns(formula, levels)
    bare = frozenset(
        variable.name
        for variable in variables(formula)
        if isinstance(variable, expression.Column) and expression.text(variable) in levels
    )
    nothing = np.zeros(0, dtype=np.int64)
    factors = {columns[text]: Factor(nothing, own) for text, own in levels.items()}
    return Frame(0, 0, {}, factors, bare)


def coded_columns(terms: TermSet) -> tuple[bool, ...]:
    """Which columns of a set are indicators, so that shifting and scaling would gain nothing."""
    own = tuple(block.indicator for block in terms.blocks for _ in block.names)
    return (True, *own) if terms.intercept else own


def anchors(grouping: Grouping) -> NDArray[np.intp]:
    """The intercept beside each effect of a grouping factor, -1 without one, (k,)."""
    found: list[int] = []
    for term in grouping.terms:
        found += [len(found) if term.intercept else -1] * len(term.names)
    return np.array(found, dtype=np.intp)


def places(own: TermSet, union: TermSet) -> NDArray[np.intp]:
    """Where the columns of a set stand in the same set with more levels.

    A factor has all of its indicators, or treatment contrasts with the same first level.
    """
    found = [np.zeros(1, np.intp)] if own.intercept else []
    start = len(found)
    for block, wider in zip(own.blocks, union.blocks, strict=True):
        found.append(start + _block_places(block, wider))
        start += len(wider.names)
    return np.concatenate(found) if found else np.zeros(0, np.intp)


def _block_places(block: Block, wider: Block) -> NDArray[np.intp]:
    index = np.zeros(1, np.intp)
    pairs = list(zip(block.variables, wider.variables, strict=True))
    for variable, its in reversed(pairs):  # the first variable is fastest
        if isinstance(variable, Categorical) and isinstance(its, Categorical):
            first = 0 if variable.matrix is None else 1  # a contrast has no column of its own
            known = {level: i - first for i, level in enumerate(its.levels)}
            own = np.array([known[level] for level in variable.levels[first:]], np.intp)
        else:
            own = np.arange(len(variable.names))
        index = (index[:, None] * len(its.names) + own).ravel()
    return index


def coding(indicators: TermSet, coded: TermSet) -> Floats:
    """C with (columns of the coded set) = (columns of the set of indicators) C."""
    maps = [np.eye(1)] if coded.intercept else []
    maps += [_block_coding(block) for block in coded.blocks]
    assert len(indicators.blocks) == len(coded.blocks)  # noqa: S101  both of one formula
    return np.asarray(scipy.linalg.block_diag(*maps)) if maps else np.zeros((0, 0))


def _block_coding(coded: Block) -> Floats:
    maps = [
        np.array(variable.matrix).reshape(len(variable.levels), -1)
        if isinstance(variable, Categorical) and variable.matrix is not None
        else np.eye(len(variable.names))
        for variable in reversed(coded.variables)
    ]
    return reduce(np.kron, maps)
