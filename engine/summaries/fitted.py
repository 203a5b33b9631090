"""A fit from a summary: the same as of the rows that it sums."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import scipy
from msgspec import structs

from engine import expression
from engine.cooccurrence import Cooccurrence
from engine.crossproducts import CrossProducts, GroupProducts, Pilot
from engine.design import Design
from engine.errors import DataError, Problem, SpecError
from engine.fit import Fit, fit_products
from engine.frame import variables
from engine.prepared import Prepared, checked
from engine.progress import Progress, silent
from engine.spec import Spec
from engine.summaries.basis import coded_design, coding
from engine.summaries.pooling import PartSums
from engine.summaries.summary import Summary, merge
from engine.table import Floats


def fit_summary(
    summary: Summary,
    spec: Spec | None = None,
    *,
    method: str | None = None,
    contrasts: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Fit:
    """Fit the model that a summary was made for.

    Args:
        summary: the sums.
        spec: what is asked, if it is to be compared with what the summary was made for; its method
            and contrasts are fitted.
        method: "REML" or "ML"; that of the summary's specification by default.
        contrasts: coding by column; those of the summary's specification by default.
        progress: told how far the fit has come; raise from it to cancel.

    Raises:
        EngineError: the model cannot be fitted to these sums, or they are those of another model.
    """
    if spec is not None:
        method, contrasts = spec.method, dict(spec.contrasts)
        require_made_for(summary, spec)
    prepared = prepare_summary(summary, method=method, contrasts=contrasts)
    try:
        return fit_products(prepared, progress)
    except np.linalg.LinAlgError as error:
        raise _no_sums() from error


def require_made_for(summary: Summary, spec: Spec) -> None:
    """Refuse to take the sums of one model for another.

    Raises:
        SpecError: with every way in which they differ.
    """
    own, asked = summary.spec, spec.canonical()
    problems = []
    if own.formula.canonical() != asked.formula:
        detail = "the summary was made for another formula"
        hint = f"it has the sums of {own.formula.text}"
        problems.append(Problem("other_formula", detail, hint, ("formula",)))
    for name, its, given in (
        ("weights", own.weights, asked.weights),
        ("offset", own.offset, asked.offset),
    ):
        if its != given:
            hint = f"it has {its}" if its else f"it has no {name}"
            detail = f"the summary was made with other {name}"
            problems.append(Problem(f"other_{name}", detail, hint, (name,)))
    if not problems:
        problems += _other_kinds(summary, asked)
    if spec.missing == "fail" and summary.n_dropped:
        detail = f"{summary.n_dropped} rows missed a value and are not in the summary"
        hint = 'use "missing": "drop" to fit the others'
        problems.append(Problem("missing_values", detail, hint, ("missing",)))
    if problems:
        raise SpecError(*problems)


def _other_kinds(summary: Summary, asked: Spec) -> list[Problem]:
    """Columns that are factors here and numbers there; groups are factors anyway."""
    bare = {each.name for each in variables(asked.formula) if isinstance(each, expression.Column)}
    factors = {name for name in bare if expression.text(expression.Column(name)) in summary.levels}
    found = [
        Problem(
            "different_kinds",
            f"{name} is a number in the summary",
            "leave it out of categorical, or make the summary anew",
            ("categorical",),
        )
        for name in sorted(bare & set(asked.categorical) - factors)
    ]
    numbers = factors & set(summary.spec.categorical) - set(asked.categorical)
    found += [
        Problem(
            "different_kinds",
            f"{name} was taken as a factor in the summary",
            "name it in categorical",
            ("categorical",),
        )
        for name in sorted(numbers)
    ]
    return found


def prepare_summary(
    summary: Summary, *, method: str | None = None, contrasts: Mapping[str, str] | None = None
) -> Prepared:
    """All that is checked before anything is fitted; see :func:`fit_summary`."""
    own = summary.spec
    spec = Spec.of(
        own.formula,
        method=own.method if method is None else method,
        weights=own.weights,
        offset=own.offset,
        categorical=own.categorical,
        contrasts=dict(own.contrasts) if contrasts is None else contrasts,
        missing=own.missing,
    )
    whole = merge([summary])  # the shifts and units of all rows, whatever those of the summary
    design = coded_design(spec, whole.levels, whole.constants)
    design, products = _largest_first(design, _coded(whole.sums, design))
    try:
        return checked(spec, design, whole.n_dropped, products)
    except np.linalg.LinAlgError as error:
        raise _no_sums() from error


def _no_sums() -> DataError:
    return DataError(
        Problem(
            "impossible_sums",
            "the sums cannot be those of any rows: no factor of them exists",
            "make the summary again",
            ("dataset",),
        )
    )


def _coded(sums: PartSums, design: Design) -> CrossProducts:
    """The sums of the columns of the model: factors coded by their contrasts."""
    products = sums.products
    extra = [] if design.fixed.intercept else [np.eye(1)]
    m_map = scipy.linalg.block_diag(*extra, coding(sums.design.fixed, design.fixed), np.eye(1))
    m, m_pilot = _turn(products.pilot, m_map)
    maps, groups = [], []
    for group, own, its in zip(
        products.groups, sums.design.groupings, design.groupings, strict=True
    ):
        z_map = scipy.linalg.block_diag(
            *(coding(a, b) for a, b in zip(own.terms, its.terms, strict=True))
        )
        z, pilot = _turn(group.pilot, z_map)
        maps.append(z)
        groups.append(
            structs.replace(group, zz=z.T @ group.zz @ z, zm=z.T @ group.zm @ m, pilot=pilot)
        )
    meetings = tuple(
        structs.replace(each, values=maps[each.first].T @ each.values @ maps[each.second])
        for each in products.meetings
    )
    return structs.replace(
        products,
        mm=m.T @ products.mm @ m,
        pilot=m_pilot,
        groups=tuple(groups),
        meetings=meetings,
    )


def _turn(pilot: Pilot, columns: Floats) -> tuple[Floats, Pilot]:
    """T with (new columns, shifted and scaled) = (old ones, shifted and scaled) T.

    ``columns`` is C with (new columns) = (old ones) C. The centres go with C, so that nothing need
    be shifted; a unit is the largest of those combined.
    """
    uses = columns != 0.0
    unit = np.where(uses, pilot.scale[:, None], 0.0).max(axis=0, initial=0.0)
    unit[unit == 0.0] = 1.0
    return pilot.scale[:, None] * columns / unit, Pilot(pilot.centre @ columns, unit)


def _largest_first(design: Design, products: CrossProducts) -> tuple[Design, CrossProducts]:
    """Grouping factors with more levels first, as lme4 orders them."""
    groups = products.groups
    order = sorted(range(len(groups)), key=lambda g: -len(groups[g].levels))
    if order == list(range(len(groups))):
        return design, products
    known = {(each.first, each.second): each for each in products.meetings}
    meetings = tuple(
        _between(known, (a, b), (order[a], order[b])) for a, b in combinations(range(len(order)), 2)
    )
    ordered: tuple[GroupProducts, ...] = tuple(groups[g] for g in order)
    return (
        structs.replace(design, groupings=tuple(design.groupings[g] for g in order)),
        structs.replace(products, groups=ordered, meetings=meetings),
    )


def _between(
    known: Mapping[tuple[int, int], Cooccurrence], new: tuple[int, int], old: tuple[int, int]
) -> Cooccurrence:
    """How two factors meet, under their new indices."""
    if old in known:
        return structs.replace(known[old], first=new[0], second=new[1])
    own = known[old[1], old[0]]
    order = np.lexsort((own.rows, own.columns))
    values = np.swapaxes(own.values, 1, 2)[order]
    return Cooccurrence(*new, own.columns[order], own.rows[order], values)
