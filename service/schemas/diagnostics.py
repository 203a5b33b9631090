"""Diagnostics of a model, of its rows and of the levels of its groups."""

from __future__ import annotations

from pydantic import Field

from service.schemas.base import Answer


class SummaryTest(Answer):
    """A test of a summary: a reason to look, for it takes the values for independent."""

    name: str = Field(examples=["Shapiro-Wilk"])
    n: int = Field(description="Values it took.")
    statistic: float
    df: list[int] = Field(description="Degrees of freedom: none, one or two.")
    p_value: float


class ValuesShape(Answer):
    """The distribution of some values; null where it is not defined."""

    n: int
    mean: float
    std_dev: float | None
    skewness: float | None = Field(description="0 for a normal distribution.")
    kurtosis: float | None = Field(description="Excess: 0 for a normal distribution.")
    quantiles: list[float] = Field(description="Least, quartiles, greatest.")
    normality: SummaryTest | None = Field(
        description="Shapiro-Wilk on at most 5000 values, evenly spaced; null for fewer than three."
    )


class RowValue(Answer):
    """The value of one row."""

    row: int = Field(description="Number of the row in the dataset, from 0.")
    value: float


class RowSpread(Answer):
    """A diagnostic over all rows, in short."""

    total: float | None
    mean: float | None
    maximum: float | None
    highest: list[RowValue] = Field(description="The ten rows with the largest values.")


class VarianceShare(Answer):
    """The variance that one source adds to what the fixed effects leave."""

    group: str | None = Field(description="Grouping factor; null for the residual.")
    terms: list[str] = Field(description="Effects of one random term; none for the residual.")
    variance: float = Field(description="Averaged over the rows, for slopes depend on them.")
    share: float = Field(description="Of the random terms and the residual; they add up to 1.")


class PrincipalComponents(Answer):
    """Principal components of the random effects of a group: lme4's `rePCA`."""

    group: str
    terms: list[str]
    std_dev: list[float] = Field(
        description="Of each component, in units of the residual's; zero is a direction without "
        "variance."
    )
    cumulative: list[float | None] = Field(description="Share of variance in the first ones.")
    rotation: list[list[float]] = Field(description="A row a term, a column a component.")


class ModesShape(Answer):
    """The conditional modes of one random effect over the levels; shrunk, so the more normal."""

    group: str
    term: str
    shape: ValuesShape


class RSquared(Answer):
    """Share of variance explained (Nakagawa, Johnson, Schielzeth 2017)."""

    marginal: float = Field(description="By the fixed effects.")
    conditional: float = Field(description="By fixed and random effects.")


class LevelSpread(Answer):
    """Whether residuals spread alike in all levels of a group."""

    group: str
    test: SummaryTest | None = Field(
        description="Brown-Forsythe over levels of two rows or more; null with too few of them."
    )


class RowsInShort(Answer):
    """The rows of the model in short."""

    residuals: ValuesShape = Field(description="Pearson residuals.")
    studentised: RowSpread = Field(description="Studentised residuals by absolute value.")
    leverage: RowSpread = Field(
        description="Its total is the effective number of parameters of the fit."
    )
    cooks_distance: RowSpread
    spread_by_fitted: SummaryTest | None = Field(
        description="Breusch-Pagan (Koenker): squared residuals on fitted values."
    )
    spread_by_level: list[LevelSpread]


class DiagnosticsLinks(Answer):
    """Where the details are."""

    rows: str
    levels: dict[str, str] = Field(description="Influence of the levels, by grouping factor.")
    pooling: dict[str, str] = Field(
        description="The three ways of pooling, for a model with one grouping factor."
    )


class ModelDiagnostics(Answer):
    """Diagnostics of a model in short, and links to the rest."""

    model: str
    n_rows: int
    r_squared: RSquared
    icc: float | None = Field(description="Share of variance between levels; null without groups.")
    variance_partition: list[VarianceShare]
    principal_components: list[PrincipalComponents]
    random_effects: list[ModesShape]
    rows: RowsInShort | None = Field(description="Null when the rows are not kept.")
    rows_missing: str | None = Field(description="Why `rows` is null.")
    links: DiagnosticsLinks


class RowDiagnostic(Answer):
    """One row of the model; null where a row is fitted exactly, whatever it says."""

    row: int = Field(description="Number of the row in the dataset, from 0.")
    fitted: float = Field(description="With the random effects: lme4's `fitted`.")
    marginal: float = Field(description="By the fixed effects alone.")
    residual: float = Field(description="Response less fitted, on the scale of the fit.")
    pearson: float = Field(description="Residual times the square root of the weight.")
    studentised: float | None = Field(description="lme4's `rstudent`.")
    leverage: float = Field(description="lme4's `hatvalues`.")
    cooks_distance: float | None = Field(description="lme4's `cooks.distance`.")


class RowDiagnosticsPage(Answer):
    """Some rows of a model, in the order of the dataset; rows that miss a value are left out."""

    model: str
    dataset: str
    count: int = Field(description="Rows of the model, over all pages.")
    next: str | None = Field(description="Cursor of the next page; null on the last.")
    items: list[RowDiagnostic]


class CoefficientWithout(Answer):
    """A fixed effect without a level; null where the other rows do not determine it."""

    estimate: float | None
    dfbetas: float | None = Field(
        description="Estimate with the level less without it, in standard errors without it."
    )


class LevelInfluence(Answer):
    """The fit without one level."""

    level: str
    n: int = Field(description="Rows of the level.")
    cooks_distance: float | None = Field(
        description="Change of the fixed effects in units of their covariance, over their number."
    )
    sigma: float | None = Field(description="Residual standard deviation without the level.")
    coefficients: dict[str, CoefficientWithout]
    random_effects: dict[str, dict[str, float | None]] = Field(
        description="Standard deviations without the level, by group and term."
    )


class LevelInfluencePage(Answer):
    """Some levels of a group, in order of their names."""

    model: str
    group: str
    exact: bool = Field(
        description="Whether the model was fitted again without each level. Else the variance "
        "parameters stay, relative to sigma, and the fixed effects and sigma follow exactly."
    )
    count: int = Field(description="Number of levels, over all pages.")
    next: str | None = Field(description="Cursor of the next page; null on the last.")
    items: list[LevelInfluence]
