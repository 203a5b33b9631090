"""Hypotheses about the terms of a model: types I to III, as SAS and lmerTest define them.

Type III tests the cells of a term averaged equally over whatever contains it. The estimable
functions of all cells are the rows of L with X_full = X L'; the columns of a term are made
orthogonal to those of the terms that contain it, and the rows of cells with a treatment-coded
column of their own are the hypothesis. Type II tests a term adjusted for all terms that do not
contain it: its rows in the triangular factor of X'X with it, and what contains it, last. Type I
tests it adjusted for the terms before it: its rows in the factor with the terms in their order.
(SAS/STAT User's Guide, The Four Types of Estimable Functions; R's package lmerTest: Kuznetsova,
Brockhoff, Christensen 2017, J. Stat. Softw. 82(13).)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.cholesky import dense_cholesky, independent_columns
from engine.fit import Fit
from engine.inference.aliases import reduction
from engine.inference.cells import Margin, cells, margins
from engine.table import Floats

ROUNDING = 1e-8
"""Smaller entries of a hypothesis are zero."""

Hypotheses = Mapping[str, Floats]
"""Rows of L by term; terms without a column of their own are left out."""


def type_three(fit: Fit) -> Hypotheses:
    """Type III hypotheses of every term, rows of contrasts of beta, (q, p) each."""
    terms = margins(fit.design.fixed)
    if len(terms) < 2:
        return type_two(fit)
    own = _Cells.of(fit, terms)
    lengths = own.rows.copy()
    for i in sorted(range(len(terms)), key=lambda i: -len(terms[i].block.variables)):
        mine = own.term == i
        above = np.isin(own.term, _containing(terms, i))
        if above.any() and mine.any():
            fitted, *_ = np.linalg.lstsq(lengths[:, above], lengths[:, mine])
            lengths[:, mine] -= lengths[:, above] @ fitted
    lengths[np.abs(lengths) < ROUNDING] = 0.0
    out = {}
    for i, term in enumerate(terms):
        rows = lengths[np.ix_(own.treated, own.term == i)].T
        rows = rows[np.abs(rows).sum(axis=1) > 0.0]
        if len(rows):
            out[term.block.term] = rows @ own.from_beta
    return out


class _Cells(Struct, frozen=True):
    """The cells of all terms, and X as treatment contrasts would code it.

    Attributes:
        rows: L: what each of P_full cells is in the p treatment-coded columns, (P_full, p).
        treated: which cells are these columns, in their order, (p,).
        term: the term of each of them, -1 for the intercept, (p,).
        from_beta: what their coefficients are in beta, (p, p).
    """

    rows: Floats
    treated: NDArray[np.intp]
    term: NDArray[np.intp]
    from_beta: Floats

    @classmethod
    def of(cls, fit: Fit, terms: tuple[Margin, ...]) -> _Cells:
        fixed = fit.design.fixed
        parts = [np.eye(len(fixed.names))[:, :1]] if fixed.intercept else []
        owner, treated = [-1] * len(parts), [True] * len(parts)
        for i, term in enumerate(terms):
            own = cells(fixed, term)
            parts.append(own.reshape(len(own), -1))
            owner += [i] * parts[-1].shape[1]
            treated += np.repeat(term.treated, own.shape[2]).tolist()
        full = reduction(fit) @ np.hstack(parts)  # X_full = X_kept full
        full[np.abs(full) < ROUNDING] = 0.0
        columns = np.flatnonzero(treated)
        basis = full[:, columns]
        columns = columns[independent_columns(basis.T @ basis)]
        from_beta = np.asarray(np.linalg.inv(full[:, columns]), dtype=np.float64)
        rows = (from_beta @ full).T
        rows[np.abs(rows) < ROUNDING] = 0.0
        return cls(rows, columns, np.array(owner)[columns], from_beta)


def type_two(fit: Fit) -> Hypotheses:
    """Type II hypotheses of every term, rows of contrasts of beta, (q, p) each.

    With prior weights X'X is the weighted one.
    """
    terms = margins(fit.design.fixed)
    position, root = _position(fit), _root(fit)
    out = {}
    for i, term in enumerate(terms):
        mine = _columns(position, term)
        above = [terms[j].columns.ravel() for j in _containing(terms, i)]
        last = np.flatnonzero(np.isin(position, np.concatenate(above))) if above else mine[:0]
        before = np.setdiff1d(np.arange(len(position)), np.concatenate([mine, last]))
        rows = _adjusted(root, before, mine, last)
        if len(terms) > 1 and not above:
            rows = np.eye(len(position))[mine]
        if len(mine):
            out[term.block.term] = rows
    return out


def type_one(fit: Fit, order: Sequence[int]) -> Hypotheses:
    """Type I hypotheses, the terms (by index) one after the other, rows of contrasts of beta.

    With prior weights X'X is the weighted one.
    """
    terms = margins(fit.design.fixed)
    position, root = _position(fit), _root(fit)
    rest = np.arange(len(position))
    owned = np.concatenate([np.empty(0, dtype=np.intp), *(each.columns.ravel() for each in terms)])
    before = np.flatnonzero(~np.isin(position, owned))
    out = {}
    for term in (terms[i] for i in order):
        mine = _columns(position, term)
        after = np.setdiff1d(rest, np.concatenate([before, mine]))
        if len(mine):
            out[term.block.term] = _adjusted(root, before, mine, after)
        before = np.concatenate([before, mine])
    return out


def _position(fit: Fit) -> NDArray[np.intp]:
    """Where each coefficient stands among all columns of X, (p,)."""
    return fit.kept - (0 if fit.design.fixed.intercept else 1)


def _columns(position: NDArray[np.intp], term: Margin) -> NDArray[np.intp]:
    """The coefficients of a term."""
    return np.flatnonzero(np.isin(position, term.columns))


def _root(fit: Fit) -> Floats:
    """R with X = Q R in the data's units, (p, p)."""
    root = dense_cholesky(fit.products.mm[np.ix_(fit.kept, fit.kept)])
    if root is None:
        raise ValueError("columns that are kept are independent")
    return np.asarray(root @ np.linalg.inv(fit.units.x))


def _adjusted(
    root: Floats, before: NDArray[np.intp], mine: NDArray[np.intp], after: NDArray[np.intp]
) -> Floats:
    """Rows that test some columns adjusted for those before them and not for those after."""
    order = np.concatenate([before, mine, after])
    _, r = np.linalg.qr(root[:, order])
    at = len(before) + np.arange(len(mine))
    rows = np.zeros((len(mine), len(order)))
    rows[:, order] = r[at] / r[at, at][:, None]
    return rows


def _containing(terms: tuple[Margin, ...], i: int) -> list[int]:
    """The terms that a term is a margin of."""
    return [j for j, other in enumerate(terms) if j != i and terms[i].within(other)]
