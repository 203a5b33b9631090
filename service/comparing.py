"""Comparisons of fits by their likelihoods, as the schemas have them."""

from __future__ import annotations

from collections.abc import Sequence

from engine import Fit, LikelihoodRatio, compare, ranova
from service.schemas.comparisons import (
    ComparedModel,
    Comparison,
    LikelihoodRatioTest,
    RandomTermRow,
    RandomTerms,
)


def comparison_of(names: Sequence[str], fits: Sequence[Fit], test: bool) -> Comparison:
    """Return the comparison of fits, each by its name."""
    found = compare(*fits, test=test)
    return Comparison(
        method=found.method,
        refitted=list(dict.fromkeys(names[i] for i in found.refitted)),
        items=[
            ComparedModel(
                model=names[row.index],
                formula=row.formula,
                df=row.df,
                aic=row.aic,
                bic=row.bic,
                log_likelihood=row.log_likelihood,
                deviance=row.deviance,
                test=None if row.test is None else _test(row.test),
            )
            for row in found.rows
        ],
    )


def random_terms_of(fit: Fit) -> RandomTerms:
    """Return the tests of the random terms of a fit."""
    return RandomTerms(
        items=[
            RandomTermRow(
                term=row.term,
                formula=row.formula,
                df=row.df,
                aic=row.aic,
                log_likelihood=row.log_likelihood,
                test=_test(row.test),
            )
            for row in ranova(fit)
        ]
    )


def _test(test: LikelihoodRatio) -> LikelihoodRatioTest:
    return LikelihoodRatioTest(
        chisq=test.chisq,
        df=test.df,
        p_value=test.p_value,
        on_boundary=test.on_boundary,
        mixture_p_value=test.mixture_p_value,
    )
