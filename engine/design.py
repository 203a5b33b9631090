"""The design: how rows become the columns of X, Z and y. Learned once, applied to any rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache, reduce
from itertools import product
from math import prod

import numpy as np
from msgspec import Struct

from engine import expression
from engine.errors import DataError, LimitError, Problem
from engine.formula import Formula, RandomTerm, Term
from engine.frame import Frame, variables
from engine.groupmeans import require_few_means
from engine.spec import Contrast, Spec
from engine.state import State
from engine.table import Factor, Floats, all_finite

INTERCEPT = "(Intercept)"
REMEMBERED = 256
"""Formulas whose designs are remembered."""
NO_ROWS = Frame(0, 0, {}, {})
MAX_COLUMNS = 2_000
"""Most columns that X may have after factors are expanded."""
MAX_EFFECTS = 16
"""Most random effects of a level: the work of a search grows with their fifth power and more."""


class Numeric(Struct, frozen=True):
    """A numeric variable of a term: one column, or several for a polynomial basis."""

    expr: expression.Expr
    states: Mapping[str, State]
    names: tuple[str, ...]

    def columns(self, frame: Frame) -> list[Floats]:
        """The columns (n,) of this variable."""
        if isinstance(self.expr, expression.Column):
            return [frame.numbers[self.expr.name]]
        values = expression.evaluate(
            self.expr, frame.numbers, self.states, frame.factors, frame.means
        )
        _require_finite(values, self.expr, frame)
        return [values] if values.ndim == 1 else list(values.T)


class Categorical(Struct, frozen=True):
    """A factor in a term, coded by a matrix: row = level, column = design column.

    ``matrix`` is ``None`` for one indicator per level (no contrasts).
    """

    column: str
    levels: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...] | None
    names: tuple[str, ...]

    def columns(self, frame: Frame) -> list[Floats]:
        """The columns (n,) of this factor."""
        codes = frame.factors[self.column].codes
        if self.matrix is None:
            return [(codes == code).astype(np.float64) for code in range(len(self.levels))]
        return list(np.array(self.matrix).reshape(len(self.levels), -1).T[:, codes])


class Block(Struct, frozen=True):
    """The columns of one term: products of its variables' columns, the first fastest (as R)."""

    term: str
    variables: tuple[Numeric | Categorical, ...]
    names: tuple[str, ...]

    @property
    def indicator(self) -> bool:
        """Whether all columns are coded levels, so that shifting and scaling would gain nothing."""
        return all(isinstance(variable, Categorical) for variable in self.variables)

    def columns(self, frame: Frame) -> list[Floats]:
        """The columns (n,) of this term, in the order of ``names``."""
        if len(self.variables) == 1:
            return self.variables[0].columns(frame)
        parts = [variable.columns(frame) for variable in reversed(self.variables)]
        return [reduce(np.multiply, reversed(combination)) for combination in product(*parts)]


class TermSet(Struct, frozen=True, dict=True):
    """An intercept or none, and blocks: the columns of X, or of one random term."""

    intercept: bool
    blocks: tuple[Block, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names as R gives them."""
        own = tuple(name for block in self.blocks for name in block.names)
        return (INTERCEPT, *own) if self.intercept else own

    def columns(self, frame: Frame) -> list[Floats]:
        """The columns (n,), the intercept included."""
        own = [column for block in self.blocks for column in block.columns(frame)]
        return [np.ones(frame.n_rows), *own] if self.intercept else own

    def constant(self) -> tuple[int, ...]:
        """Indices of columns that add up to 1 in every row; empty when none are known."""
        if self.intercept:
            return (0,)
        start = 0
        for block in self.blocks:
            stop = start + len(block.names)
            whole = all(isinstance(v, Categorical) and v.matrix is None for v in block.variables)
            if whole:
                return tuple(range(start, stop))
            start = stop
        return ()


class Grouping(Struct, frozen=True, dict=True):
    """All random terms on one grouping factor.

    Attributes:
        name: as lme4 names it, ``cask:batch``.
        columns: the columns it is made of, ``("cask", "batch")``.
        terms: one set per random term; the effects of different sets are independent.
    """

    name: str
    columns: tuple[str, ...]
    terms: tuple[TermSet, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the k random effects of a level."""
        return tuple(name for term in self.terms for name in term.names)

    @cached_property
    def intercepts(self) -> tuple[bool, ...]:
        """Which of the k effects are intercepts."""
        return tuple(
            i == 0 and term.intercept for term in self.terms for i in range(len(term.names))
        )

    def z_columns(self, frame: Frame) -> list[Floats]:
        """The columns (n,) of Z, without the split by level."""
        return [column for term in self.terms for column in term.columns(frame)]

    def factor(self, frame: Frame) -> Factor:
        """The level of each row."""
        return interact([frame.factors[name] for name in self.columns])


class Response(Struct, frozen=True):
    """The response expression, and the offset taken from it."""

    expr: expression.Expr
    states: Mapping[str, State]
    offset: str | None

    def values(self, frame: Frame) -> Floats:
        """The response less the offset, (n,)."""
        if isinstance(self.expr, expression.Column):
            y = frame.numbers[self.expr.name]
        else:
            y = np.asarray(
                expression.evaluate(
                    self.expr, frame.numbers, self.states, frame.factors, frame.means
                )
            )
            _require_finite(y, self.expr, frame)
        return y if self.offset is None else y - frame.numbers[self.offset]


class Design(Struct, frozen=True):
    """How rows become columns; knows names, levels and the constants learned from the data."""

    response: Response
    fixed: TermSet
    groupings: tuple[Grouping, ...]


def learn(
    spec: Spec, frame: Frame, *, constants: expression.States | None = None, coded: bool = True
) -> Design:
    """Learn the design of a specification from the complete rows.

    Args:
        spec: what is asked.
        frame: the rows; only its levels are read when there are constants.
        constants: of the stateful calls, by their text, known beforehand; learned by default.
        coded: whether factors are coded by contrasts; else every factor has all its indicators.

    Raises:
        DataError: a factor with one level, an expression that is not finite.
        LimitError: more than ``MAX_COLUMNS`` columns, or more group means than are kept.
    """
    formula = spec.formula
    if coded and not frame.bare and (design := _of_numbers(formula, spec.offset)) is not None:
        return design
    require_few_means([formula.response, *variables(formula)], frame.factors, frame.n_rows)
    learner = _Learner(frame, constants, coded)
    response = Response(formula.response, learner.states(formula.response), spec.offset)
    fixed = learner.term_set(formula.intercept, formula.terms, dict(spec.contrasts))
    return Design(response, fixed, learner.groupings(formula))


@lru_cache(maxsize=REMEMBERED)
def _of_numbers(formula: Formula, offset: str | None) -> Design | None:
    """The design of a formula that takes nothing from rows; ``None`` if it takes something.

    It is the same whatever the rows are, and for a small table it takes as long as the sums.
    """
    exprs = [formula.response, *variables(formula)]
    takes = (expression.stateful, expression.group_means, expression.is_factor)
    if any(take(expr) for take in takes for expr in exprs):
        return None
    learner = _Learner(NO_ROWS, None, True)
    fixed = learner.term_set(formula.intercept, formula.terms, {})
    return Design(Response(formula.response, {}, offset), fixed, learner.groupings(formula))


class _Learner:
    def __init__(self, frame: Frame, constants: expression.States | None, coded: bool) -> None:
        self.frame = frame
        self.constants = constants
        self.coded = coded

    def states(self, expr: expression.Expr) -> expression.States:
        """The constants of the stateful calls of an expression."""
        if self.constants is None:
            return expression.learn(expr, self.frame.numbers, self.frame.factors)
        return {call: self.constants[call] for call in expression.stateful(expr)}

    def term_set(
        self, intercept: bool, terms: Sequence[Term], codings: Mapping[str, Contrast]
    ) -> TermSet:
        """R's coding: a factor takes contrasts where the term without it is in the model too.

        The empty term counts as there; without an intercept the first factor takes its place and
        has a column for every level.
        """
        empty: frozenset[expression.Expr] = frozenset()
        present = {frozenset(term.factors) for term in terms} | {empty}
        blocks, width, whole_factor = [], int(intercept), intercept
        for term in terms:
            whole = frozenset(term.factors)
            variables: list[Numeric | Categorical] = []
            for v in term.factors:
                variable = self.variable(v, self.coded and whole - {v} in present, codings)
                if isinstance(variable, Categorical) and not whole_factor:
                    variable, whole_factor = self.variable(v, False, codings), True
                variables.append(variable)
            width += prod(len(variable.names) for variable in variables)
            _require_width(width)
            blocks.append(_block(term, variables))
        return TermSet(intercept, tuple(blocks))

    def variable(
        self, expr: expression.Expr, contrasts: bool, codings: Mapping[str, Contrast]
    ) -> Numeric | Categorical:
        text = expression.text(expr)
        name = expression.is_factor(expr)
        if isinstance(expr, expression.Column) and expr.name in self.frame.bare:
            name = expr.name
        if name is None:
            return Numeric(expr, self.states(expr), expression.labels(expr))
        levels = self.frame.factors[name].levels
        return _categorical(text, name, levels, codings.get(name, "treatment"), contrasts)

    def groupings(self, formula: Formula) -> tuple[Grouping, ...]:
        """Random terms gathered by grouping factor, in order of first appearance.

        Their factors are coded by treatment, as in lme4, whose contrasts are those of X alone.
        """
        gathered: dict[tuple[str, ...], list[RandomTerm]] = {}
        for random in formula.random:
            gathered.setdefault(random.group, []).append(random)
        found = tuple(
            Grouping(
                terms[0].group_name,
                group,
                tuple(self.term_set(term.intercept, term.terms, {}) for term in terms),
            )
            for group, terms in gathered.items()
        )
        for grouping in found if self.coded else ():
            _require_effects(grouping)
        return found


def _block(term: Term, variables: Sequence[Numeric | Categorical]) -> Block:
    if len(variables) == 1:
        names = variables[0].names
    else:
        parts = [variable.names for variable in reversed(variables)]
        names = tuple(":".join(reversed(combination)) for combination in product(*parts))
    return Block(term.text, tuple(variables), names)


def _categorical(
    text: str, column: str, levels: tuple[str, ...], coding: Contrast, contrasts: bool
) -> Categorical:
    if not contrasts:
        _require_width(len(levels))
        return Categorical(column, levels, None, tuple(text + level for level in levels))
    if len(levels) < 2:
        raise DataError(
            Problem(
                "one_level",
                f"factor {column} has only one level in the rows of the model",
                "a factor needs two levels or more: remove it from the formula",
                ("formula",),
            )
        )
    _require_width(len(levels) - 1)
    matrix = contrast_matrix(coding, len(levels))
    names = levels[1:] if coding == "treatment" else map(str, range(1, len(levels)))
    return Categorical(
        column, levels, tuple(map(tuple, matrix.tolist())), tuple(text + name for name in names)
    )


def contrast_matrix(coding: Contrast, n_levels: int) -> Floats:
    """Contrasts (levels, levels - 1) as R's contr.treatment, contr.sum and contr.helmert."""
    eye = np.eye(n_levels)
    if coding == "treatment":
        return eye[:, 1:]
    if coding == "sum":
        return np.vstack([eye[:-1, :-1], -np.ones(n_levels - 1)])
    helmert = -np.triu(np.ones((n_levels, n_levels - 1)))
    helmert[np.arange(1, n_levels), np.arange(n_levels - 1)] = np.arange(1, n_levels)
    return helmert


def interact(factors: Sequence[Factor]) -> Factor:
    """The factor of the combinations that occur, named ``a:A``, the last factor fastest."""
    if len(factors) == 1:
        return factors[0]
    codes, labels = factors[0].codes, list(factors[0].levels)
    for factor in factors[1:]:
        wide = codes * len(factor.levels) + factor.codes
        found, codes = np.unique(wide, return_inverse=True)
        labels = [
            f"{labels[code // len(factor.levels)]}:{factor.levels[code % len(factor.levels)]}"
            for code in found.tolist()
        ]
    return Factor(codes, tuple(labels))


def _require_width(width: int) -> None:
    if width > MAX_COLUMNS:
        raise LimitError(
            Problem(
                "too_many_columns",
                f"the formula expands to more than {MAX_COLUMNS} columns",
                "use a factor of many levels as a group, (1 | factor), not as a predictor",
                ("formula",),
            )
        )


def _require_effects(grouping: Grouping) -> None:
    if len(grouping.names) > MAX_EFFECTS:
        raise LimitError(
            Problem(
                "too_many_effects",
                f"{len(grouping.names)} effects vary over the levels of {grouping.name}, "
                f"more than {MAX_EFFECTS}",
                "use fewer random slopes, or a factor of fewer levels",
                ("formula",),
            )
        )


def _require_finite(values: Floats, expr: expression.Expr, frame: Frame) -> None:
    if not all_finite(values.ravel()):
        bad = ~np.isfinite(values if values.ndim == 1 else values.sum(axis=1))
        text = expression.text(expr)
        raise DataError(
            Problem(
                "not_finite",
                f"{text} is not a finite number in row {frame.row_numbers(bad)}",
                "for the log of zeros use log(x + 0.1) or log(pmax(x, 0.1))"
                if "log" in text
                else f"leave out the rows where {text} is not defined",
                ("formula",),
            )
        )
