"""Asking how models compare by their likelihoods, and the comparison."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from service.caps import REQUEST
from service.schemas.base import Answer, Asked
from service.schemas.fits import Method


class ComparisonRequest(Asked):
    """Models to compare, fitted to the same rows."""

    models: list[str] = Field(
        min_length=2,
        max_length=REQUEST.compared_models,
        description="Ids of models.",
        examples=[["m_5d3k2q7a4c6e2b7w3x5y7z2a4c6e2b7w", "m_2a4c6e2b7w5d3k2q7a4c6e2b7w3x5y7z"]],
    )
    test: bool = Field(
        True,
        description="Whether each is tested against the next smaller one, which must be within it. "
        "AIC and BIC also compare models that are not nested.",
    )


class LikelihoodRatioTest(Answer):
    """The test of a model against a smaller one within it."""

    chisq: float = Field(description="Difference of their deviances.")
    df: int = Field(description="Difference of their numbers of parameters.")
    p_value: float = Field(description="By chi-square, as lme4 prints it.")
    on_boundary: bool = Field(
        description="Whether the smaller model holds a variance at zero; then `p_value` is too "
        "large."
    )
    mixture_p_value: float | None = Field(
        description="By the chi-bar-square mixture, where one variance is tested; otherwise null."
    )


class ComparedModel(Answer):
    """A model of a comparison, by its criterion."""

    model: str = Field(description="Id of the model.")
    formula: str
    df: int = Field(description="Number of parameters.")
    aic: float
    bic: float
    log_likelihood: float
    deviance: float = Field(description="-2 log-likelihood, restricted where `method` is REML.")
    test: LikelihoodRatioTest | None = Field(
        description="Against the row before; null in the first row and where none is asked for."
    )


class Comparison(Answer):
    """Models by number of parameters, fewest first."""

    method: Method = Field(description="The criterion that all are compared by.")
    refitted: list[str] = Field(
        description="Models fitted by REML that were, for this, fitted again by ML, because their "
        "fixed effects differ."
    )
    items: list[ComparedModel]

    def rows(self) -> Sequence[Answer]:
        """The models."""
        return self.items


class RandomTermRow(Answer):
    """The model without one random term, or one variable of it, and the test of what it adds."""

    term: str = Field(description="What is taken away, as lmerTest's `ranova` names it.")
    formula: str = Field(description="Of the model without it.")
    df: int = Field(description="Number of parameters without it.")
    aic: float
    log_likelihood: float
    test: LikelihoodRatioTest


class RandomTerms(Answer):
    """The tests of all random terms; empty when there is none."""

    items: list[RandomTermRow]

    def rows(self) -> Sequence[Answer]:
        """The terms."""
        return self.items
