"""How many group means a formula may take: each is kept with its levels in the fit."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from engine import expression
from engine.errors import LimitError, Problem

MAX_MEANS = 5_000_000
"""Most means that all calls of ``ave`` of a formula may keep together."""


def require_few_means(
    exprs: Iterable[expression.Expr], factors: expression.Factors, n_rows: int
) -> None:
    """Refuse a formula of too many group means before any is taken.

    A call counts as many as its groups can have levels together, or rows if these are fewer.

    Raises:
        LimitError: more than ``MAX_MEANS``.
    """
    calls = {call for expr in exprs for call in expression.group_means(expr)}
    counts = (
        min(
            n_rows,
            prod(len(factors[name].levels) for name in expression.groups(call, learned=True)),
        )
        for call in calls
    )
    if sum(counts) > MAX_MEANS:
        raise too_many_means()


def too_many_means() -> LimitError:
    """The error of a formula of too many group means."""
    return LimitError(
        Problem(
            "too_many_means",
            f"the calls of ave() keep more than {MAX_MEANS} means",
            "take means in fewer or coarser groups, or put them into the data as a column",
            ("formula",),
        )
    )
