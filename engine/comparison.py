"""Likelihood-ratio comparison of fitted models, as lme4's ``anova`` and ``lmerTest::ranova``.

Everything is computed from the cross-products that the fits hold: a model that must be fitted by
another criterion, or without one of its random terms, is fitted without reading a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from engine import expression
from engine.errors import Problem, SpecError
from engine.fit import Fit, fit_products
from engine.nesting import Reference, lacks
from engine.same_rows import same_rows
from engine.spec import Method
from engine.submodel import Reduction, reduced, reductions, refit

NOTHING = 1e-8
"""A likelihood ratio less than this is what the search leaves of zero."""


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """The test of a model against one within it.

    Attributes:
        chisq: difference of their deviances.
        df: difference of their numbers of parameters.
        p_value: by chi-square(df), as lme4 and lmerTest print it.
        on_boundary: whether the smaller model holds a variance at zero; then ``p_value`` is too
            large.
        mixture_p_value: by the chi-bar-square mixture, where one variance is tested; ``None`` when
            none or several are, for then the weights are not known beforehand.
    """

    chisq: float
    df: int
    p_value: float
    on_boundary: bool
    mixture_p_value: float | None

    @classmethod
    def of(cls, larger: Fit, smaller: Fit) -> LikelihoodRatio:
        """For fits of one criterion, the smaller model within the larger."""
        df = larger.statistics.df - smaller.statistics.df
        chisq = float(smaller.statistics.criterion - larger.statistics.criterion)
        chisq = chisq if chisq > NOTHING else 0.0
        reference = Reference.of(larger.design, smaller.design, df)
        return cls(
            chisq,
            df,
            reference.p_value(chisq),
            reference.variances > 0,
            reference.mixture(chisq),
        )


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """A row of a comparison.

    Attributes:
        index: of the model among those given, from 0.
        formula: of the model.
        df: parameters: fixed effects, theta and sigma.
        aic, bic, log_likelihood, deviance: by the comparison's criterion; the deviance is minus
            twice the log-likelihood.
        test: against the row before; ``None`` in the first row and where no test is asked for.
    """

    index: int
    formula: str
    df: int
    aic: float
    bic: float
    log_likelihood: float
    deviance: float
    test: LikelihoodRatio | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Models by number of parameters, each tested against the one before.

    Attributes:
        method: the criterion all are compared by.
        refitted: indices of models that were fitted by REML and, for this, again by ML.
        rows: fewest parameters first.
    """

    method: Method
    refitted: tuple[int, ...]
    rows: tuple[ComparedModel, ...]


def compare(*fits: Fit, test: bool = True) -> Comparison:
    """Compare fits of one response on the same rows.

    REML fits with the same fixed effects are compared by REML. Otherwise REML criteria cannot be
    compared, and such fits are fitted again by ML.

    Args:
        fits: two or more.
        test: whether to test each model against the next smaller one, which must be within it;
            AIC and BIC also compare models that are not nested.

    Raises:
        SpecError: ``too_few_models``; ``not_comparable``, another response, offset or weights;
            ``different_rows``; ``not_nested``.
    """
    if len(fits) < 2:
        raise SpecError(
            Problem("too_few_models", "a comparison needs two models or more", "", ("models",))
        )
    _require_comparable(fits)
    method: Method = "REML" if _by_reml(fits) else "ML"
    refitted = tuple(i for i, fit in enumerate(fits) if fit.spec.method != method)
    ordered = sorted(
        ((i, refit(fit, method)) for i, fit in enumerate(fits)),
        key=lambda item: item[1].statistics.df,
    )
    tests: list[LikelihoodRatio | None] = [None] * len(fits)
    if test:
        for (i, smaller), (j, larger) in pairwise(ordered):
            _require_nested(smaller, larger, i, j)
        tests[1:] = [
            LikelihoodRatio.of(larger, smaller) for (_, smaller), (_, larger) in pairwise(ordered)
        ]
    rows = tuple(_row(i, fit, own) for (i, fit), own in zip(ordered, tests, strict=True))
    return Comparison(method, refitted, rows)


def _row(index: int, fit: Fit, test: LikelihoodRatio | None) -> ComparedModel:
    own = fit.statistics
    return ComparedModel(
        index=index,
        formula=fit.spec.formula.text,
        df=own.df,
        aic=own.aic,
        bic=own.bic,
        log_likelihood=own.log_likelihood,
        deviance=own.criterion,
        test=test,
    )


def _by_reml(fits: Sequence[Fit]) -> bool:
    """Whether all are REML fits with the same columns of X, so that their criteria compare."""
    first = fits[0]
    return all(
        fit.spec.method == "REML"
        and fit.design.fixed == first.design.fixed
        and fit.coefficients == first.coefficients
        for fit in fits
    )


def _require_comparable(fits: Sequence[Fit]) -> None:
    problems = []
    for (i, a), (j, b) in combinations(enumerate(fits), 2):
        for what, own, other in [
            ("response", _response(a), _response(b)),
            ("offset", a.spec.offset, b.spec.offset),
            ("weights", a.spec.weights, b.spec.weights),
        ]:
            if own != other:
                problems.append(
                    Problem(
                        "not_comparable",
                        f"models {i + 1} and {j + 1} differ in their {what}: "
                        f"{own or 'none'}, {other or 'none'}",
                        "compare models of one response, with the same offset and weights",
                        ("models", j),
                    )
                )
    if not problems:
        problems = [
            Problem(
                "different_rows",
                f"models 1 and {j} were not fitted to the same rows: {reason}",
                "fit both to the rows that are complete in all columns of either",
                ("models", j - 1),
            )
            for j, fit in enumerate(fits[1:], start=2)
            if (reason := same_rows(fits[0], fit)) is not None
        ]
    if problems:
        raise SpecError(*problems)


def _response(fit: Fit) -> str:
    return expression.text(fit.design.response.expr)


def _require_nested(smaller: Fit, larger: Fit, i: int, j: int) -> None:
    reason = lacks(larger.design, smaller.design)
    if reason is None and smaller.statistics.df < larger.statistics.df:
        return
    detail = (
        f"models {i + 1} and {j + 1} have equally many parameters"
        if reason is None
        else f"model {i + 1} is not within model {j + 1}, which has not {reason}"
    )
    raise SpecError(
        Problem(
            "not_nested",
            detail,
            "a likelihood-ratio test needs nested models, written with the same terms; "
            "without the test their AIC and BIC can be compared",
            ("models", j),
        )
    )


@dataclass(frozen=True, slots=True)
class RandomTermTest:
    """A model less one random term, or one variable of it, tested against the whole model.

    Attributes:
        term: what is taken away, as ``lmerTest::ranova`` names it.
        formula: of the model without it.
        df, aic, log_likelihood: of the model without it, by the fit's own criterion.
        test: of the whole model against it.
    """

    term: str
    formula: str
    df: int
    aic: float
    log_likelihood: float
    test: LikelihoodRatio


def ranova(fit: Fit) -> tuple[RandomTermTest, ...]:
    """Test every random term by fitting the model without it; empty when there is none.

    As ``lmerTest::ranova`` with ``reduce.terms``: a term with slopes is reduced by each in turn
    that no interaction in it needs, one without is removed. All are fitted by the criterion of the
    fit. A term of slopes of numbers alone, ``(0 + x | g)``, is removed: what lmerTest puts in its
    place, ``(1 | g)``, is not within the model.
    """
    return tuple(_without(fit, reduction) for reduction in reductions(fit))


def _without(fit: Fit, reduction: Reduction) -> RandomTermTest:
    smaller = fit_products(reduced(fit, reduction))
    return RandomTermTest(
        term=reduction.label,
        formula=smaller.spec.formula.text,
        df=smaller.statistics.df,
        aic=smaller.statistics.aic,
        log_likelihood=smaller.statistics.log_likelihood,
        test=LikelihoodRatio.of(fit, smaller),
    )
