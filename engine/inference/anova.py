"""The table of tests of the terms of the fixed effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.inference.cells import margins
from engine.inference.denominator import approximation
from engine.inference.hypotheses import type_one, type_three, type_two
from engine.inference.tests import joint_test


@dataclass(frozen=True, slots=True)
class AnovaTerm:
    """The F test of one term of the fixed effects, as a row of lmerTest's anova.

    Attributes:
        term: as R names it.
        sum_sq, mean_sq: the residual variance times F before it is scaled, by df_num and as it is.
        df_num: numerator degrees of freedom.
        df_den: denominator degrees of freedom; ``None`` for a chi-square by its df_num.
        f_value: F.
        p_value: of the F distribution.
    """

    term: str
    sum_sq: float
    mean_sq: float
    df_num: int
    df_den: float | None
    f_value: float
    p_value: float


def anova(
    fit: Fit,
    type: str = "III",  # noqa: A002  # R's name
    *,
    df: str = "satterthwaite",
    order: Sequence[str] | None = None,
) -> tuple[AnovaTerm, ...]:
    """Test every term of the fixed effects, in the order of the formula.

    A term all of whose columns are aliased has no row.

    Args:
        fit: the model.
        type: "III", each term beside all others; "II", beside those that do not contain it; or "I",
            beside those before it.
        df: "satterthwaite", "kenward-roger", "residual" or "none".
        order: of the terms for type I, each named once; that of the formula when ``None``.

    Raises:
        SpecError: an option is not one of those offered, or does not go with the fit.
    """
    match type:
        case "I":
            hypotheses = type_one(fit, _places(fit, order))
        case "II":
            hypotheses = type_two(fit)
        case "III":
            hypotheses = type_three(fit)
        case _:
            raise SpecError(
                Problem(
                    "unknown_option", "type is not one of I, II, III", "use II or III", ("type",)
                )
            )
    if type != "I" and order is not None:
        raise SpecError(
            Problem(
                "order_unused",
                f"tests of type {type} do not depend on an order of the terms",
                "leave it out, or ask for type I",
                ("order",),
            )
        )
    by = approximation(fit, df)
    out = []
    for term, rows in hypotheses.items():
        test = joint_test(fit, by, rows, np.zeros(len(rows)))
        mean_sq = test.unscaled * fit.sigma**2
        out.append(
            AnovaTerm(
                term,
                mean_sq * test.df_num,
                mean_sq,
                test.df_num,
                test.df_den,
                test.statistic,
                test.p_value,
            )
        )
    return tuple(out)


def _places(fit: Fit, order: Sequence[str] | None) -> list[int]:
    """Index of each term in the order asked for."""
    terms = [term.block.term for term in margins(fit.design.fixed)]
    if order is None:
        return list(range(len(terms)))
    if sorted(order) != sorted(terms):
        raise SpecError(
            Problem(
                "unknown_order",
                "the order does not name every term of the fixed effects once",
                f"the terms are: {', '.join(terms)}",
                ("order",),
            )
        )
    return [terms.index(name) for name in order]
