"""A fit of more rows: the sums of a fit, and those of the rows that came after it.

The rows of the fit are not read again. Columns are summed about its pilots, so the sums are those
that one pass over all rows would make.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, structs

from engine import expression
from engine.columns import Columns
from engine.cooccurrence import Cooccurrence
from engine.crossproducts import CrossProducts, GroupProducts, Pilot
from engine.design import Block, Categorical, Design, Grouping, TermSet, learn
from engine.errors import DataError, Problem, RowsNeededError
from engine.fit import PREPARED, Fit, fit_products
from engine.formula import Formula
from engine.frame import missing_values, read, variables
from engine.given import is_scan
from engine.prepared import checked
from engine.progress import Progress, part, silent
from engine.spec import Spec
from engine.summaries.basis import places
from engine.sums import accumulate
from engine.table import Codes, Data, Floats, Table, united

if TYPE_CHECKING:
    from engine.parquet import Scan


def constants_of_rows(formula: Formula) -> tuple[str, ...]:
    """The calls of a formula whose constants are those of all rows: scale, center, poly, ave.

    A fit of such a formula cannot be appended to: more rows have other constants.
    """
    exprs = (formula.response, *variables(formula))
    return tuple(dict.fromkeys(call for expr in exprs for call in expression.stateful(expr)))


@np.errstate(over="ignore", invalid="ignore")  # what is beyond all doubles is refused
def append(
    base: Fit, data: Data | None, spec: Spec | None = None, *, progress: Progress = silent
) -> Fit:
    """The fit of the rows of a fit and of more rows, of which only these are read.

    The same estimates as a fit of all rows has, within rounding. New levels of grouping factors
    and of predictors are understood.

    Args:
        base: the fit of the rows before.
        data: the rows that came after them; ``None`` for no more rows.
        spec: what is asked, the same as the fit's but for its method and for missing values;
            the fit's own by default.
        progress: told how far the fit has come; raise from it to cancel.

    Raises:
        RowsNeededError: all rows have to be read: the formula takes constants of all rows
            (``scale``, ``center``, ``poly``, ``ave``), or new levels of a predictor change what
            its columns mean.
        EngineError: the model cannot be fitted to all rows.
    """
    spec = base.spec if spec is None else spec
    _require_same(base, spec)
    if data is None:
        more = _More(base.design, base.products, 0)
    else:
        more = _read(base, spec, data, part(progress, 0.0, PREPARED))
    n_dropped = base.n_dropped + more.n_dropped
    if n_dropped and spec.missing == "fail":
        raise missing_values(n_dropped)
    design, products = _largest_first(more.design, more.products)
    prepared = checked(spec, design, n_dropped, products)
    fitted = fit_products(prepared, part(progress, PREPARED, 1.0))
    progress(1.0, "fitted")
    return fitted


class _More(Struct, frozen=True):
    """The sums of all rows, and how many of the new ones missed a value."""

    design: Design
    products: CrossProducts
    n_dropped: int


def _require_same(base: Fit, spec: Spec) -> None:
    own = replace(base.spec, method=spec.method, missing=spec.missing)
    if own != spec:
        raise _rows_needed("other_model", "the fit is one of another model")
    if calls := constants_of_rows(spec.formula):
        listed = ", ".join(calls)
        raise _rows_needed("constants_of_rows", f"the constants of {listed} are those of all rows")


def _read(base: Fit, spec: Spec, data: Data, progress: Progress) -> _More:
    try:
        if is_scan(data):
            return _scanned(base, spec, data, progress)
        return _framed(base, spec, Table.of(data), progress)
    except DataError as error:
        if [problem.code for problem in error.problems] != ["no_rows"]:
            raise
    return _More(base.design, base.products, _count(data))  # every row misses a value


def _count(data: Data) -> int:
    if is_scan(data):
        from polars import len as rows  # it is there: the scan is one of its own

        from engine.batches import lazy_of

        return int(lazy_of(data).select(rows()).collect(engine="streaming").item())
    return Table.of(data).n_rows


def _scanned(base: Fit, spec: Spec, data: Scan, progress: Progress) -> _More:
    from engine.scan import scan  # polars takes a third of a second to import

    start = _Start(base)
    found = scan(spec, data, progress=progress, known=start.levels, pilots=start.pilots)
    order = [found.design.groupings.index(own) for own in _in_order(base.design, found.design)]
    design = structs.replace(
        found.design, groupings=tuple(found.design.groupings[i] for i in order)
    )
    return start.plus(design, found.products.arranged(order), found.n_dropped)


def _framed(base: Fit, spec: Spec, table: Table, progress: Progress) -> _More:
    start, frame = _Start(base), read(spec, table)
    factors = {
        name: united(factor, start.levels.get(name, ())) for name, factor in frame.factors.items()
    }
    known = structs.replace(frame, factors=factors)
    design = learn(spec, known, constants={})
    design = structs.replace(design, groupings=tuple(_in_order(base.design, design)))
    products = accumulate(design, known, spec.weights, progress=progress, pilots=start.pilots)
    return start.plus(design, products, frame.n_dropped)


def _in_order(base: Design, design: Design) -> Iterator[Grouping]:
    """The grouping factors of a design in the order that they have in another."""
    by_name = {own.name: own for own in design.groupings}
    return (by_name[own.name] for own in base.groupings)


class _Start:
    """What a fit tells of the columns of rows that come after its own."""

    def __init__(self, base: Fit) -> None:
        self._design, self._products = base.design, base.products
        self.levels = {
            variable.column: variable.levels
            for terms in _term_sets(base.design)
            for block in terms.blocks
            for variable in block.variables
            if isinstance(variable, Categorical)
        }

    def pilots(self, design: Design, columns: Columns) -> tuple[Pilot, ...]:
        """Those of the fit; columns of new levels, zero before, have units of their own."""
        _require_like(self._design, design)
        own = columns.pilots(design)
        names = [grouping.name for grouping in self._design.groupings]
        wide = [self._wide_pilot(own[0], self._products.pilot, self._m_places(design))]
        for i, grouping in enumerate(design.groupings):
            old = self._products.groups[names.index(grouping.name)].pilot
            at = _z_places(self._design.groupings[names.index(grouping.name)], grouping)
            wide.append(self._wide_pilot(own[i + 1], old, at))
        return tuple(wide)

    def plus(self, design: Design, more: CrossProducts, n_dropped: int) -> _More:
        """The sums of the rows of the fit and of more rows, made about these pilots."""
        _require_plain_names(self._design, self._products, more)
        return _More(design, self._widened(design, more) + more, n_dropped)

    def _wide_pilot(self, own: Pilot, old: Pilot, at: Codes) -> Pilot:
        centre, scale = np.zeros(len(own.centre)), own.scale.copy()
        centre[at], scale[at] = old.centre, old.scale
        return Pilot(centre, scale)

    def _m_places(self, design: Design) -> Codes:
        """Where the columns of M = [1 X y] stand among those of a design with more levels."""
        old, new = self._design.fixed, design.fixed
        first = 0 if new.intercept else 1
        size = first + len(new.names) + 1
        return np.concatenate([np.arange(first), first + places(old, new), [size - 1]])

    def _widened(self, design: Design, more: CrossProducts) -> CrossProducts:
        """The sums of the fit with zeros for the columns that it does not have."""
        m, products = self._m_places(design), self._products
        z = [
            _z_places(old, new)
            for old, new in zip(self._design.groupings, design.groupings, strict=True)
        ]
        groups = tuple(
            _wide_group(own, new, at, m)
            for own, new, at in zip(products.groups, more.groups, z, strict=True)
        )
        meetings = tuple(
            _wide_meeting(own, new, z[own.first], z[own.second])
            for own, new in zip(products.meetings, more.meetings, strict=True)
        )
        mm = np.zeros_like(more.mm)
        mm[np.ix_(m, m)] = products.mm
        return structs.replace(products, mm=mm, pilot=more.pilot, groups=groups, meetings=meetings)


def _wide_group(own: GroupProducts, new: GroupProducts, z: Codes, m: Codes) -> GroupProducts:
    zz = _spread(own.zz, new.zz.shape[1:], z, z)
    return structs.replace(own, zz=zz, zm=_spread(own.zm, new.zm.shape[1:], z, m), pilot=new.pilot)


def _wide_meeting(own: Cooccurrence, new: Cooccurrence, a: Codes, b: Codes) -> Cooccurrence:
    return structs.replace(own, values=_spread(own.values, new.values.shape[1:], a, b))


def _spread(values: Floats, shape: Sequence[int], rows: Codes, columns: Codes) -> Floats:
    """Matrices (J, a, b) among zeros (J, *shape)."""
    if values.shape[1:] == tuple(shape):
        return values
    wide = np.zeros((len(values), *shape))
    wide[:, rows[:, None], columns] = values
    return wide


def _z_places(old: Grouping, new: Grouping) -> Codes:
    found, start = [], 0
    for own, wider in zip(old.terms, new.terms, strict=True):
        found.append(start + places(own, wider))
        start += len(wider.names)
    return np.concatenate(found)


def _term_sets(design: Design) -> list[TermSet]:
    return [design.fixed, *(term for own in design.groupings for term in own.terms)]


def _require_like(old: Design, new: Design) -> None:
    """Refuse when a column that both designs have does not mean the same in both."""
    groupings = {own.name: own for own in new.groupings}
    pairs = [(old.fixed, new.fixed)]
    for own in old.groupings:
        pairs += zip(own.terms, groupings[own.name].terms, strict=True)
    for terms, wider in pairs:
        for block, its in zip(terms.blocks, wider.blocks, strict=True):
            _require_like_block(block, its)


def _require_like_block(block: Block, its: Block) -> None:
    for variable, wide in zip(block.variables, its.variables, strict=True):
        if not isinstance(variable, Categorical) and not isinstance(wide, Categorical):
            continue
        if not isinstance(variable, Categorical) or not isinstance(wide, Categorical):
            raise _rows_needed("other_kind", f"a column of {block.term} was of another kind before")
        if variable.levels == wide.levels or variable.matrix is None:
            continue
        if not _is_treatment(variable) or variable.levels[0] != wide.levels[0]:
            raise _rows_needed(
                "other_contrasts",
                f"new levels of {variable.column} change the contrasts of those that were there",
            )


def _is_treatment(variable: Categorical) -> bool:
    matrix = np.array(variable.matrix)
    return bool(np.array_equal(matrix, np.eye(len(variable.levels))[:, 1:]))


def _require_plain_names(design: Design, *products: CrossProducts) -> None:
    """Refuse when ``a:b`` may stand for two combinations of levels."""
    for i, grouping in enumerate(design.groupings):
        colons = len(grouping.columns) - 1
        levels = (level for own in products for level in own.groups[i].levels)
        if colons and any(level.count(":") != colons for level in levels):
            raise _rows_needed("colons", f"levels of {grouping.name} have colons")


def _largest_first(design: Design, products: CrossProducts) -> tuple[Design, CrossProducts]:
    """Grouping factors with more levels first, as lme4 orders them."""
    order = sorted(range(len(products.groups)), key=lambda i: -len(products.groups[i].levels))
    if order == sorted(order):
        return design, products
    groupings = tuple(design.groupings[i] for i in order)
    return structs.replace(design, groupings=groupings), products.arranged(order)


def _rows_needed(code: str, detail: str) -> RowsNeededError:
    return RowsNeededError(Problem(code, detail, "fit all rows", ("formula",)))
