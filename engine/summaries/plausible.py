"""Whether sums can be those of any rows: what would otherwise fit badly, or not at all, and why.

Sums of products of the same rows bound one another. A matrix of them is symmetric and positive
semidefinite; the sums over the levels of a factor add up to those over all rows; and so do the
cells in which two factors meet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.cooccurrence import Cooccurrence
from engine.crossproducts import CrossProducts, GroupProducts
from engine.design import Grouping
from engine.summaries.basis import anchors
from engine.summaries.fields import Path, refuse
from engine.summaries.summary import Summary
from engine.table import Codes, Floats

CLOSE = 1e-7
"""What rounding may leave of a difference, as a part of what bounds it."""
_ROUNDING = 1e-13
"""What rounding may leave of a sum of squares that is zero, as a part of that over all levels."""


def require_plausible(summary: Summary) -> None:
    """Refuse sums that cannot be those of any rows.

    Raises:
        DataError: with the path of the first that cannot be.
    """
    products = summary.sums.products
    _require_gram(products.mm[None], ("products",))
    weight = float(products.mm[0, 0])
    if weight <= 0.0:
        raise refuse(("products",), "the first number, the sum of the weights, is not positive")
    if summary.spec.weights is None:
        if not _close(weight, products.n, products.n):
            raise refuse(("products",), "the first number is not the number of rows")
        if products.log_weights != 0.0:
            raise refuse(("log_weights",), "there are no weights", "leave it out")
    elif products.log_weights > products.n * (np.log(weight / products.n) + CLOSE):
        raise refuse(("log_weights",), "it is more than weights of this sum can have")
    groupings = summary.sums.design.groupings
    for g, (group, grouping) in enumerate(zip(products.groups, groupings, strict=True)):
        _require_group(summary, group, _constants(grouping), ("groups", g))
    for i, meeting in enumerate(products.meetings):
        _require_meeting(products, groupings, meeting, ("meetings", i))


def _require_group(summary: Summary, group: GroupProducts, constants: Codes, path: Path) -> None:
    products = summary.sums.products
    if not len(group.levels):
        raise refuse((*path, "levels"), "there are no levels")
    if int(group.rows.sum()) != products.n:
        raise refuse((*path, "rows"), "the rows of the levels do not add up to n_rows")
    if int(group.rows.min()) < summary.min_count:
        raise refuse((*path, "rows"), "a level has fewer rows than min_count")
    _require_gram(group.zz, (*path, "zz"))
    size = np.sqrt(products.mm.diagonal() * products.mm[0, 0])
    squares = _squares(group.zz)
    for effect in constants.tolist():
        bound = np.sqrt(squares.sum(axis=0) * squares[:, effect, None])
        if not _close(group.zz[:, effect], group.zm[:, :, 0], bound):
            detail = "the sums of an intercept with the effects differ from those with the constant"
            raise refuse((*path, "zm"), detail)
        if not _close(group.zm[:, effect].sum(axis=0), products.mm[0], size):
            raise refuse((*path, "zm"), "the sums of the levels do not add up to those of all rows")
        if summary.spec.weights is None and not _close(
            group.zz[:, effect, effect], group.rows, group.rows
        ):
            raise refuse((*path, "zz"), "the sums of an intercept are not the rows of the levels")
    _require_within(products, group, path)


def _require_within(products: CrossProducts, group: GroupProducts, path: Path) -> None:
    """What is left of M'M beside the span of all Z_j must be a matrix of sums too."""
    inverse = np.linalg.pinv(group.zz, rcond=1e-12, hermitian=True)
    spanned = np.einsum("jap,jab,jbq->pq", group.zm, inverse, group.zm, optimize=True)
    size = np.sqrt(products.mm.diagonal())
    size = np.where(size > 0.0, size, 1.0)
    rest = (products.mm - spanned) / np.outer(size, size)
    if np.linalg.eigvalsh((rest + rest.T) / 2.0).min() < -CLOSE * len(rest):
        raise refuse((*path, "zm"), "these sums are larger than those of all rows allow")


def _require_gram(batch: Floats, path: Path) -> None:
    """Refuse matrices (J, k, k) that are not symmetric and positive semidefinite."""
    diagonal = np.diagonal(batch, axis1=1, axis2=2)
    if (diagonal < -_squares(batch)).any():
        raise refuse(path, "a sum of squares is negative")
    size = np.sqrt(_squares(batch))
    unit = np.where(size > 0.0, size, 1.0)
    scaled = batch / (unit[:, :, None] * unit[:, None, :])
    np.einsum("jkk->jk", scaled)[:] = size > 0.0
    if not _close(scaled, np.swapaxes(scaled, 1, 2), 1.0):
        raise refuse(path, "a matrix of sums is not symmetric")
    if np.linalg.eigvalsh(scaled).min() < -CLOSE * batch.shape[-1]:
        raise refuse(path, "a matrix of sums is not positive semidefinite")


def _squares(batch: Floats) -> Floats:
    """Sums of squares (J, k), or what rounding may leave of them.

    A column that is constant within a level leaves the rounding of its shift, of either sign.
    """
    diagonal = np.einsum("jkk->jk", batch)
    return np.asarray(np.maximum(diagonal, _ROUNDING * np.abs(diagonal).sum(axis=0)))


def _require_meeting(
    products: CrossProducts, groupings: Sequence[Grouping], meeting: Cooccurrence, path: Path
) -> None:
    a, b = products.groups[meeting.first], products.groups[meeting.second]
    squares = [_squares(group.zz) for group in (a, b)]
    bound = squares[0][meeting.rows][:, :, None] * squares[1][meeting.columns][:, None, :]
    if not (meeting.values**2 <= bound * (1.0 + CLOSE)).all():
        raise refuse((*path, "values"), "a cell has more than its levels allow")
    swapped = np.swapaxes(meeting.values, 1, 2)
    for own, other, index, values in (
        (a, groupings[meeting.second], meeting.rows, meeting.values),
        (b, groupings[meeting.first], meeting.columns, swapped),
    ):
        # Where the other factor has an intercept, its cells add up to the sums of the level.
        for effect in _constants(other).tolist():
            total = np.zeros(own.zm.shape[:2])
            np.add.at(total, index, values[:, :, effect])
            size = np.sqrt(_squares(own.zz).sum(axis=0) * products.mm[0, 0])
            if not _close(total, own.zm[:, :, 0], size):
                raise refuse((*path, "values"), "the cells do not add up to the sums of a level")


def _constants(grouping: Grouping) -> Codes:
    """Which effects are intercepts."""
    return np.flatnonzero(anchors(grouping) == np.arange(len(grouping.names)))


def _close(a: Floats | float, b: Floats | Codes | float, size: Floats | Codes | float) -> bool:
    return bool((np.abs(np.asarray(a) - b) <= CLOSE * np.abs(size) + 1e-300).all())
