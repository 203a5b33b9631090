"""Models within a fitted model, from its cross-products: no row is read again.

Where the random effects of a model are sums of columns of another's, Z_new = Z A, so are its
sums: Z_new'Z_new = A'(Z'Z)A and Z_new'M = A'(Z'M).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from msgspec import Struct, structs

from engine import expression
from engine.cooccurrence import Cooccurrence
from engine.crossproducts import CrossProducts, GroupProducts, Pilot
from engine.design import Categorical, TermSet
from engine.fit import Fit, fit_products
from engine.formula import Formula, RandomTerm, parse
from engine.prepared import Prepared
from engine.spec import Method
from engine.table import Floats


class Reduction(Struct, frozen=True):
    """One random term of a model less one of its variables, or all of it.

    Attributes:
        label: as ``lmerTest::ranova`` names it: ``(1 | county)`` is removed, ``floor in (1 + floor
            | county)`` is taken out of its term.
        factor: index of the grouping factor.
        term: index of the random term among those of the factor.
        dropped: index of the block of columns that goes; ``None`` when the whole term does.
    """

    label: str
    factor: int
    term: int
    dropped: int | None


def prepared(fit: Fit, method: Method | None = None) -> Prepared:
    """What a fit was made of, with another criterion if one is given."""
    spec = fit.spec if method is None else replace(fit.spec, method=method)
    iterative = fit.approximation is not None
    return Prepared(spec, fit.design, fit.n_dropped, fit.products, fit.kept, iterative)


def refit(fit: Fit, method: Method) -> Fit:
    """The same model fitted by another criterion, from its cross-products."""
    return fit if fit.spec.method == method else fit_products(prepared(fit, method))


def reductions(fit: Fit) -> Iterator[Reduction]:
    """All random terms as written, each reduced by every variable that no interaction needs."""
    places = {id(random): place for place, random in _written(fit).items()}
    for random in fit.spec.formula.random:
        f, t = places[id(random)]
        term = fit.design.groupings[f].terms[t]
        droppable = [b for b in range(len(term.blocks)) if _is_maximal(term, b)]
        if not droppable or not _left(term, droppable[0]):
            yield Reduction(random.text, f, t, None)
            continue
        for b in droppable:
            yield Reduction(f"{term.blocks[b].term} in {random.text}", f, t, b)


def reduced(fit: Fit, reduction: Reduction) -> Prepared:
    """The model of a reduction, ready to be fitted."""
    f, t = reduction.factor, reduction.term
    grouping = fit.design.groupings[f]
    term = grouping.terms[t]
    left: list[tuple[int, ...]] = []
    kept_terms = [*grouping.terms[:t], *grouping.terms[t + 1 :]]
    if reduction.dropped is not None:
        left = _left(term, reduction.dropped)
        kept_terms.insert(t, _less(term, reduction.dropped))
    columns: list[tuple[int, ...]] = []
    start = 0
    for i, own in enumerate(grouping.terms):
        chosen = left if i == t else [(c,) for c in range(len(own.names))]
        columns += [tuple(start + c for c in picked) for picked in chosen]
        start += len(own.names)
    new = structs.replace(grouping, terms=tuple(kept_terms)) if kept_terms else None
    groupings = [*fit.design.groupings[:f], *([new] if new else []), *fit.design.groupings[f + 1 :]]
    spec = replace(fit.spec, formula=_formula(fit, reduction))
    return Prepared(
        spec,
        structs.replace(fit.design, groupings=tuple(groupings)),
        fit.n_dropped,
        _products(fit.products, f, columns),
        fit.kept,
        fit.approximation is not None and len(groupings) > 1,
    )


def _is_maximal(term: TermSet, b: int) -> bool:
    """Whether no other block of the term holds all variables of this one, and more."""
    own = _variables(term, b)
    return not any(own < _variables(term, other) for other in range(len(term.blocks)))


def _variables(term: TermSet, b: int) -> frozenset[str]:
    return frozenset(
        v.column if isinstance(v, Categorical) else expression.text(v.expr)
        for v in term.blocks[b].variables
    )


def _left(term: TermSet, dropped: int) -> list[tuple[int, ...]]:
    """The columns left when a block goes, each a sum of columns of the term.

    Where the indicators of a factor stood for the intercept, their sum takes its place, so that
    what is left is a model within the model.
    """
    start = int(term.intercept) + sum(len(block.names) for block in term.blocks[:dropped])
    gone = range(start, start + len(term.blocks[dropped].names))
    left: list[tuple[int, ...]] = [(c,) for c in range(len(term.names)) if c not in gone]
    return [term.constant(), *left] if _loses_constant(term, dropped) else left


def _less(term: TermSet, dropped: int) -> TermSet:
    """The term without a block."""
    blocks = (*term.blocks[:dropped], *term.blocks[dropped + 1 :])
    return TermSet(term.intercept or _loses_constant(term, dropped), blocks)


def _loses_constant(term: TermSet, dropped: int) -> bool:
    """Whether the block that goes is the one whose columns add up to 1."""
    blocks = (*term.blocks[:dropped], *term.blocks[dropped + 1 :])
    return bool(term.constant()) and not TermSet(term.intercept, blocks).constant()


def _products(products: CrossProducts, f: int, columns: Sequence[tuple[int, ...]]) -> CrossProducts:
    """The sums of a model whose effects of factor f are these sums of columns; none: without it."""
    groups = products.groups
    if not columns:
        index = [i for i in range(len(groups)) if i != f]
        meetings = tuple(
            structs.replace(m, first=index.index(m.first), second=index.index(m.second))
            for m in products.meetings
            if f not in (m.first, m.second)
        )
        return structs.replace(products, groups=tuple(groups[i] for i in index), meetings=meetings)
    a = np.zeros((len(groups[f].pilot.scale), len(columns)))
    for new, picked in enumerate(columns):
        a[list(picked), new] = 1.0
    return structs.replace(
        products,
        groups=(*groups[:f], _combined(groups[f], columns, a), *groups[f + 1 :]),
        meetings=tuple(_met(m, f, a) for m in products.meetings),
    )


def _combined(group: GroupProducts, columns: Sequence[tuple[int, ...]], a: Floats) -> GroupProducts:
    first = [picked[0] for picked in columns]  # columns that are summed are neither shifted
    pilot = Pilot(group.pilot.centre[first], group.pilot.scale[first])  # nor scaled
    return structs.replace(group, zz=a.T @ group.zz @ a, zm=a.T @ group.zm, pilot=pilot)


def _met(meeting: Cooccurrence, f: int, a: Floats) -> Cooccurrence:
    values = meeting.values
    if meeting.first == f:
        values = a.T @ values
    if meeting.second == f:
        values = values @ a
    return structs.replace(meeting, values=values)


def _written(fit: Fit) -> dict[tuple[int, int], RandomTerm]:
    """The random terms of the formula by factor and term of the design."""
    return {
        (f, t): random
        for f, grouping in enumerate(fit.design.groupings)
        for t, random in enumerate(
            random for random in fit.spec.formula.random if random.group == grouping.columns
        )
    }


def _formula(fit: Fit, reduction: Reduction) -> Formula:
    formula = fit.spec.formula
    changed = _written(fit)[reduction.factor, reduction.term]
    term = fit.design.groupings[reduction.factor].terms[reduction.term]
    parts = ["1" if formula.intercept else "0", *(each.text for each in formula.terms)]
    for random in formula.random:
        if random is not changed:
            parts.append(random.text)
        elif reduction.dropped is not None:
            dropped = reduction.dropped
            terms = tuple(each for b, each in enumerate(random.terms) if b != dropped)
            parts.append(RandomTerm(_less(term, dropped).intercept, terms, random.group).text)
    text = f"{expression.text(formula.response)} ~ {' + '.join(parts)}"
    return parse(text, max_characters=None)
