"""The sums that a model needs of its rows, made where the rows are, and fitted anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.design import Grouping
from engine.errors import DataError, Problem, SpecError
from engine.expression import States, learn, text
from engine.formula import Formula
from engine.frame import Frame, read, variables
from engine.given import is_scan
from engine.spec import Spec
from engine.state import State
from engine.summaries.basis import Levels, indicator_design, levels_of, stateful_calls
from engine.summaries.disclosure import keep_large_cells
from engine.summaries.pooling import Key, PartSums, pooled
from engine.sums import accumulate
from engine.table import Data, Table

FORMAT = "partialpool-summary/1"


@dataclass(frozen=True, slots=True)
class Summary:
    """The cross-products of a model at one place, or at several together; no rows.

    ``a + b`` is the summary of the rows of both.

    Attributes:
        spec: what it was made for; any method and any contrasts can be fitted to it.
        levels: of the factors among the predictors, by the variable's text.
        constants: of ``scale``, ``center`` and ``poly``, by the text of the call.
        sums: the cross-products, with every factor by all of its indicators.
        n_dropped: rows left out because a value was missing.
        n_suppressed: rows left out because they were in cells of fewer than ``min_count`` rows.
        min_count: the fewest rows that any cell has, as its maker states.
    """

    spec: Spec
    levels: Levels
    constants: States
    sums: PartSums
    n_dropped: int = 0
    n_suppressed: int = 0
    min_count: int = 1

    @property
    def n_rows(self) -> int:
        """Rows summed."""
        return self.sums.products.n

    @property
    def appendable(self) -> bool:
        """Whether rows that come later can be added as a summary of their own.

        False where ``scale``, ``center`` or ``poly`` took constants from these rows: the constants
        of all rows would be others, and need a pass over all of them. Summaries with the same given
        constants do add up; the constants then stay what they are.
        """
        return not self.constants

    def __add__(self, other: Summary) -> Summary:
        """The summary of the rows of both; see :func:`merge`."""
        return merge((self, other))


def summarise(
    formula: str | Formula | Spec,
    data: Data,
    *,
    weights: str | None = None,
    offset: str | None = None,
    categorical: Iterable[str] = (),
    missing: str = "drop",
    constants: States | None = None,
    min_count: int = 1,
    suppress: bool = False,
) -> Summary:
    """The sums that a model needs of these rows.

    Args:
        formula: in lme4's language; or a specification, which then holds the options too.
        data: the rows; only the columns named are read, and held in memory.
        weights: column of prior weights.
        offset: column taken from the response.
        categorical: columns of numbers that are factors.
        missing: "drop" rows that miss a value, or "fail".
        constants: of ``scale``, ``center`` and ``poly``, by the text of the call, when they are not
            to be learned from these rows: those of another summary.
        min_count: the fewest rows that any cell may have; see ``docs/summaries.md`` for what a cell
            is. With 1 nothing is checked.
        suppress: leave out the rows of smaller cells, instead of refusing them.

    Raises:
        EngineError: the formula or the data cannot be used, or a cell has too few rows.
    """
    if isinstance(formula, Spec):
        spec = formula
    else:
        spec = Spec.of(
            formula, weights=weights, offset=offset, categorical=categorical, missing=missing
        )
    if min_count < 1:
        raise SpecError(
            Problem("out_of_range", "min_count is less than 1", "give 1 or more", ("min_count",))
        )
    if is_scan(data):
        from engine.batches import collected  # polars takes a third of a second to import

        data = collected(data, (*spec.columns, *spec.categorical))
    frame = read(spec, Table.of(data))
    n_dropped, n_rows = frame.n_dropped, frame.n_rows
    if min_count > 1:
        frame = keep_large_cells(spec, frame, data, min_count, suppress=suppress)
    levels = levels_of(spec, frame)
    known = _constants(spec.formula, frame, constants)
    sums = _sums(spec, frame, levels, known)
    return Summary(spec, levels, known, sums, n_dropped, n_rows - frame.n_rows, min_count)


def merge(summaries: Sequence[Summary]) -> Summary:
    """The summary of the rows of all, which are different rows.

    Levels are united and shifts made equal, exactly; the result has the shifts of all rows.

    Raises:
        SpecError: none are given, or they are of different models, or took different constants from
            their rows.
    """
    if not summaries:
        raise SpecError(Problem("nothing_to_merge", "there are no summaries", "give one or more"))
    first = summaries[0]
    for place, other in enumerate(summaries[1:], 1):
        _require_alike(first, other, place)
    levels = {
        name: tuple(sorted({level for each in summaries for level in each.levels[name]}))
        for name in first.levels
    }
    design = indicator_design(first.spec, levels, first.constants)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = pooled(design, [each.sums for each in summaries])
    _require_doubles(sums)
    return replace(
        first,
        levels=levels,
        sums=sums,
        n_dropped=sum(each.n_dropped for each in summaries),
        n_suppressed=sum(each.n_suppressed for each in summaries),
        min_count=min(each.min_count for each in summaries),
    )


def _require_doubles(sums: PartSums) -> None:
    products = sums.products
    batches = [products.mm, *(each for group in products.groups for each in (group.zz, group.zm))]
    batches += [meeting.values for meeting in products.meetings]
    if not all(np.isfinite(each).all() for each in batches):
        raise DataError(
            Problem(
                "too_large_values",
                "the sums of all rows are beyond all doubles",
                "make the summaries in units of like size",
                ("summaries",),
            )
        )


def _sums(spec: Spec, frame: Frame, levels: Levels, constants: States) -> PartSums:
    """The sums of the rows of a frame, with shifts that follow from the sums."""
    design = indicator_design(spec, levels, constants)
    products = accumulate(design, frame, spec.weights)
    keys = tuple(_keys(grouping, frame) for grouping in design.groupings)
    return pooled(design, [PartSums(design, products, keys)])


def _keys(grouping: Grouping, frame: Frame) -> tuple[Key, ...]:
    """The levels of a grouping factor, by the columns that it is made of, in order."""
    factors = [frame.factors[name] for name in grouping.columns]
    if len(factors) == 1:
        return tuple((level,) for level in factors[0].levels)
    _, first = np.unique(grouping.factor(frame).codes, return_index=True)
    parts = [[own.levels[code] for code in own.codes[first].tolist()] for own in factors]
    return tuple(zip(*parts, strict=True))


def _constants(formula: Formula, frame: Frame, given: States | None) -> States:
    """The constants of all stateful calls: those given, or else those of the rows."""
    calls = stateful_calls(formula)
    if given is None:
        found: dict[str, State] = {}
        for expr in (formula.response, *variables(formula)):
            if any(call in text(expr) for call in calls):
                found |= learn(expr, frame.numbers)
        return found
    lacking = [call for call in calls if call not in given]
    if lacking:
        raise SpecError(
            Problem(
                "missing_constants",
                f"the constants of {', '.join(lacking)} are not among those given",
                "give the constants of a summary of the same formula",
                ("constants",),
            )
        )
    return {call: given[call] for call in calls}


def _require_alike(first: Summary, other: Summary, place: int) -> None:
    """Refuse summaries whose sums mean different things."""
    differs: Mapping[str, bool] = {
        "formulas": first.spec.formula != other.spec.formula,
        "weights": first.spec.weights != other.spec.weights,
        "offsets": first.spec.offset != other.spec.offset,
    }
    unlike = [name for name, unequal in differs.items() if unequal]
    if unlike:
        raise SpecError(
            Problem(
                "different_models",
                f"summary {place + 1} was made for another model than the first: "
                f"other {', '.join(unlike)}",
                "make all summaries with the same formula, written alike, weights and offset",
                ("summaries", place),
            )
        )
    if kinds := sorted(set(first.levels) ^ set(other.levels)):
        raise SpecError(
            Problem(
                "different_kinds",
                f"{', '.join(kinds)} is a factor in one summary and a number in another",
                "name such columns in `categorical`, or mend the cells that are text",
                ("summaries", place),
            )
        )
    if first.constants != other.constants:
        calls = [call for call in first.constants if first.constants[call] != other.constants[call]]
        raise DataError(
            Problem(
                "different_constants",
                f"summary {place + 1} took other constants from its rows for {', '.join(calls)}",
                "make the summaries with the constants of one of them, or write them out: "
                "I((x - 5) / 2) for scale(x)",
                ("summaries", place),
            )
        )
