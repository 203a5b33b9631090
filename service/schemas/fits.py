"""Asking for a fit, and the fitted model."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field

from service.caps import REQUEST
from service.schemas.base import Answer, Asked, one_of
from service.schemas.bounds import FORMULA_CHARACTERS, NAME_CHARACTERS, REF_CHARACTERS
from service.schemas.problems import ProblemItem

Cell: TypeAlias = str | float | int | bool | None
Contrast: TypeAlias = Literal["treatment", "sum", "helmert"]
Method: TypeAlias = Literal["REML", "ML"]
DegreesOfFreedom: TypeAlias = Literal["satterthwaite", "kenward-roger", "residual", "none"]

Formula = Annotated[
    str,
    Field(
        description="The model in lme4's formula language; odd column names in back-quotes.",
        examples=["log(radon + 0.1) ~ floor + (1 | county)"],
        json_schema_extra={"maxLength": FORMULA_CHARACTERS},
    ),
]

ColumnName = Annotated[str, Field(max_length=NAME_CHARACTERS)]
DatasetRef = Annotated[str, Field(max_length=REF_CHARACTERS)]


class InlineData(Asked):
    """A small table given with the request; it is read as an uploaded one is, and not kept."""

    columns: dict[str, list[Cell]] = Field(
        description="The cells of each column; all columns have the same length.",
        examples=[{"y": [1.2, 0.8, 1.9, 2.4], "g": ["a", "a", "b", "b"]}],
    )


class FitRequest(Asked):
    """A model to fit: a formula, the data, and how to take them. Give `dataset` or `data`."""

    model_config = ConfigDict(json_schema_extra=one_of("dataset", "data"))

    formula: Formula
    dataset: DatasetRef | None = Field(
        None, description="Id or name of a dataset.", examples=["minnesota-radon"]
    )
    data: InlineData | None = Field(None, description="The table itself, instead of a dataset.")
    method: Method = Field("REML", description="Restricted or plain maximum likelihood.")
    weights: ColumnName | None = Field(
        None, description="Column of prior weights: the variance of a row is sigma^2 / weight."
    )
    offset: ColumnName | None = Field(
        None, description="Column taken from the response before fitting and added to predictions."
    )
    categorical: list[ColumnName] = Field(
        [], description="Columns of numbers to take as factors.", max_length=REQUEST.categorical
    )
    contrasts: dict[str, Contrast] = Field(
        {}, description="Coding of factors other than by treatment contrasts."
    )
    missing: Literal["drop", "fail"] = Field(
        "drop", description="Whether rows with a missing value are dropped, or refused."
    )


class FitOptions(Answer):
    """How the data were taken; as they stand in a request, so that the same can be asked again."""

    weights: str | None = Field(description="Column of prior weights.")
    offset: str | None = Field(description="Column taken from the response before fitting.")
    categorical: list[str] = Field(description="Columns of numbers taken as factors.")
    contrasts: dict[str, Contrast] = Field(description="Coding other than by treatment contrasts.")
    missing: Literal["drop", "fail"] = Field(
        description="Whether rows with a missing value were dropped, or would have been refused."
    )


class FixedEffectRow(Answer):
    """A fixed effect: estimate, standard error, test of zero, interval."""

    term: str = Field(description="Name as in R: `(Intercept)`, `floor`, `sexM`, `a:b`.")
    estimate: float
    std_error: float = Field(
        description="Given the variance parameters, as in lme4; by Kenward and Roger's method it "
        "allows for their estimation."
    )
    df: float | None = Field(description="Degrees of freedom; null when none are asked for.")
    t_value: float
    p_value: float | None = Field(description="Two-sided; null when `df` is.")
    lower: float | None = Field(description="Lower end of the interval; null if infinite.")
    upper: float | None = Field(description="Upper end of the interval; null if infinite.")


class ResponseExpression(Answer):
    """What the model explains."""

    expression: str = Field(description="Left side of the formula.")
    column: str | None = Field(description="The one column in it; null when there are several.")
    invertible: bool = Field(
        description="Whether predictions can be brought back to the scale of the column."
    )


class RandomEffectsRow(Answer):
    """The variance components of one grouping factor."""

    group: str = Field(description="Name of the grouping factor, as in lme4.")
    terms: list[str]
    std_dev: list[float] = Field(description="Standard deviation of each term over the levels.")
    correlation: list[list[float | None]] = Field(
        description="Between terms; null where a standard deviation is zero."
    )


class FitStatistics(Answer):
    """Criterion, likelihood and what follows, as `arm::display` and lme4 name them."""

    criterion: float = Field(description="-2 log-likelihood at the optimum, restricted for REML.")
    log_likelihood: float
    df: int = Field(description="Number of parameters.")
    aic: float
    bic: float
    deviance: float = Field(description="The ML deviance at the ML optimum.")
    dic: float = Field(description="2 deviance - criterion for REML.")
    icc: float | None = Field(description="Share of variance between levels; null without groups.")
    r_squared_marginal: float
    r_squared_conditional: float


class ConvergenceRecord(Answer):
    """What the search did and whether its end can be trusted."""

    converged: bool
    boundary: bool = Field(
        description="A variance is zero or a correlation is -1 or 1: a result, not an error."
    )
    evaluations: int
    gradient_norm: float
    messages: list[str]


class Provenance(Answer):
    """Where the numbers come from."""

    engine_version: str
    spec_hash: str = Field(description="SHA-256 of the canonical specification.")
    dataset_hash: str = Field(description="SHA-256 of the content of the dataset.")
    elapsed_ms: float = Field(description="How long the fit took when it was made.")
    rows_read: int | None = Field(
        description="Rows that were read for the fit: of a dataset that has grown, those of the "
        "parts since `added_to`; of a summary none. Null when it was not noted."
    )
    added_to: str | None = Field(
        description="Dataset whose sums were kept by an earlier fit of the same formula; the sums "
        "of the rows read were added to them."
    )
    reread: str | None = Field(
        description="Why all rows of a dataset in parts were read again, when that was needed.",
        examples=["the constants of scale(x) are those of all rows"],
    )


class FittedModel(Answer):
    """A fitted model. It never changes: the id follows from the data, the model and the engine."""

    id: str = Field(examples=["m_5d3k2q7a4c6e2b7w3x5y7z2a4c6e2b7w"])
    formula: str = Field(
        description="As it was first asked for, spelt as R prints it; other ways to write the same "
        "model have the same id."
    )
    method: Method
    options: FitOptions
    dataset: str = Field(description="Id that the data have as a dataset.")
    response: ResponseExpression
    n_rows: int = Field(description="Rows fitted.")
    n_dropped: int = Field(description="Rows left out because a value was missing.")
    groups: dict[str, int] = Field(description="Number of levels of each grouping factor.")
    fixed_effects: list[FixedEffectRow] = Field(
        description="With Satterthwaite's degrees of freedom and 95 % Wald intervals."
    )
    dropped_terms: list[str] = Field(description="Aliased columns, left out as R leaves them out.")
    covariance: list[list[float]] = Field(description="Of the fixed effects, in their order.")
    random_effects: list[RandomEffectsRow]
    residual_std_dev: float
    theta: list[float] = Field(description="Relative covariance parameters, in lme4's order.")
    statistics: FitStatistics
    convergence: ConvergenceRecord
    provenance: Provenance


class ModelSummary(Answer):
    """A model in a list."""

    id: str
    formula: str
    method: Method
    dataset: str
    n_rows: int
    groups: dict[str, int]
    criterion: float
    converged: bool
    boundary: bool
    created_at: str = Field(description="UTC, ISO 8601.")


class ModelList(Answer):
    """Some models, newest first."""

    items: list[ModelSummary]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class Dimensions(Answer):
    """How large the model is."""

    n_rows: int = Field(description="Rows that would be fitted.")
    n_dropped: int = Field(description="Rows that miss a value.")
    fixed_effects: list[str] = Field(description="Columns of X that would be kept.")
    dropped_terms: list[str] = Field(description="Aliased columns.")
    groups: dict[str, int] = Field(description="Levels of each grouping factor.")
    random_effects: dict[str, list[str]] = Field(
        description="Names of the effects of each level, by grouping factor."
    )
    parameters: int = Field(description="Fixed effects, variance parameters and sigma.")


class Validation(Answer):
    """Everything that is wrong with a model for its data, or how large it would be."""

    valid: bool
    formula: str | None = Field(description="As R prints it; null when it cannot be read.")
    problems: list[ProblemItem]
    dimensions: Dimensions | None = Field(description="Null when the model is not valid.")
