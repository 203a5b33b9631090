"""Asking a fitted model for tests, contrasts and means, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from service.caps import REQUEST
from service.schemas.base import Answer, Asked, Options
from service.schemas.fits import DegreesOfFreedom, FixedEffectRow
from service.schemas.intervals import Replicates, Replication
from service.schemas.predictions import Level

Adjustment: TypeAlias = Literal["tukey", "holm", "none"]

LARGEST: Final = 1e100

Method = Annotated[
    DegreesOfFreedom,
    Field(
        description="How degrees of freedom are found. `kenward-roger` is for REML fits and takes "
        "standard errors from the adjusted covariance too; `none` is the normal distribution, or "
        "chi-square for tests of several at once."
    ),
]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]


class FixedEffectsQuery(Replication):
    """What a table of fixed effects may be asked for."""

    df: Method = "satterthwaite"
    interval: Literal["wald", "profile", "bootstrap"] = Field(
        "wald",
        description="`wald` follows `df`; `profile` is of the ML likelihood, as lme4's `confint`; "
        "`bootstrap` takes percentiles of the parametric bootstrap. Both others leave the tests as "
        "they are.",
    )
    level: Level = 0.95


class FixedEffects(Answer):
    """The fixed effects of a model."""

    items: list[FixedEffectRow]
    bootstrap: Replicates | None = Field(description="Null for other intervals.")

    def rows(self) -> Sequence[Answer]:
        """The terms."""
        return self.items


class AnovaQuery(Options):
    """What a table of terms may be asked for."""

    type: Literal["III", "II", "I"] = Field(
        "III",
        description="`III` tests each term beside all others, `II` beside those that do not "
        "contain it, `I` beside those before it.",
    )
    df: Method = "satterthwaite"
    order: list[Annotated[str, Field(max_length=400)]] = Field(
        [],
        max_length=REQUEST.ordered_terms,
        description="The terms in the order that type `I` takes them in, each once; left out, "
        "that of the model's formula.",
        examples=[["log_uranium", "floor"]],
    )


class AnovaRow(Answer):
    """The F test of one term of the fixed effects, as a row of lmerTest's `anova`."""

    term: str = Field(description="As R names it.", examples=["floor"])
    sum_sq: float | None = Field(description="`df_num` times `mean_sq`.")
    mean_sq: float | None = Field(description="The residual variance times F before it is scaled.")
    df_num: int = Field(description="Numerator degrees of freedom.")
    df_den: float | None = Field(
        description="Denominator degrees of freedom; null for a chi-square by its `df_num`."
    )
    f_value: float | None
    p_value: float | None = Field(description="Null where the method gives none.")


class Anova(Answer):
    """The tests of all terms of the fixed effects, in the order of the formula."""

    items: list[AnovaRow]

    def rows(self) -> Sequence[Answer]:
        """The terms."""
        return self.items


class ContrastAsked(Asked):
    """One linear function of the coefficients, and the value that it is tested against."""

    name: str | None = Field(
        None, max_length=200, description="Told again in the answer.", examples=["first floor"]
    )
    weights: dict[str, Number] = Field(
        min_length=1,
        description="Weight of each coefficient, by its term; those left out have none.",
        examples=[{"(Intercept)": 1, "floor": 0.5}],
    )
    rhs: Number = Field(0.0, description="The value it is tested against.")


class ContrastsRequest(Asked):
    """Linear functions of the fixed effects to estimate and test."""

    contrasts: list[ContrastAsked] = Field(min_length=1, max_length=REQUEST.contrasts)
    df: Method = "satterthwaite"
    level: Level = 0.95
    joint: bool = Field(False, description="Whether all are tested at once too, by an F test.")


class ContrastRow(Answer):
    """The estimate of a contrast, its test and its interval."""

    name: str | None
    estimate: float | None
    std_error: float | None
    df: float | None = Field(description="Null for the normal distribution.")
    rhs: float = Field(description="The value it is tested against.")
    t_value: float | None = Field(description="(estimate - rhs) / std_error.")
    p_value: float | None = Field(description="Two-sided, not adjusted for how many there are.")
    lower: float | None
    upper: float | None


class JointTest(Answer):
    """The F test of all contrasts at once."""

    f_value: float | None
    df_num: int = Field(description="How many of the contrasts are independent.")
    df_den: float | None = Field(description="Null for a chi-square by its `df_num`.")
    p_value: float | None = Field(description="Null where the method gives none.")


class Contrasts(Answer):
    """Contrasts in the order asked for."""

    items: list[ContrastRow]
    joint: JointTest | None = Field(description="Null unless asked for.")

    def rows(self) -> Sequence[Answer]:
        """The contrasts."""
        return self.items


class MeansQuery(Options):
    """What marginal means may be asked for."""

    df: Method = "satterthwaite"
    level: Level = 0.95
    adjust: Adjustment = Field(
        "tukey",
        description="How the p values and intervals of the pairs allow for how many there are. "
        "The intervals of `holm` are Bonferroni's.",
    )
    pairs: bool = Field(False, description="Whether all pairs of means are compared.")
    at: list[Annotated[str, Field(max_length=400)]] = Field(
        [],
        max_length=REQUEST.held_columns,
        description="`column:value`, once for each numeric column to hold elsewhere than at its "
        "mean.",
        examples=[["log_uranium:0"]],
    )


class MeanRow(Answer):
    """The mean of one combination of levels; null where the data do not determine it."""

    levels: dict[str, str] = Field(
        description="The level of each factor.", examples=[{"floor": "1"}]
    )
    estimate: float | None = Field(description="On the scale that the model was fitted on.")
    std_error: float | None
    df: float | None = Field(description="Null for the normal distribution.")
    lower: float | None
    upper: float | None


class PairRow(Answer):
    """The difference of two means, first less second; null where it is not determined."""

    first: dict[str, str] = Field(examples=[{"floor": "0"}])
    second: dict[str, str] = Field(examples=[{"floor": "1"}])
    estimate: float | None
    std_error: float | None
    df: float | None = Field(description="Null for the normal distribution.")
    t_value: float | None
    p_value: float | None = Field(description="Two-sided, adjusted.")
    lower: float | None = Field(description="Of the adjusted interval.")
    upper: float | None


class MarginalMeans(Answer):
    """Estimated marginal means; the first factor varies fastest."""

    items: list[MeanRow]
    pairs: list[PairRow] | None = Field(description="Null unless asked for.")
    held: dict[str, list[float]] = Field(
        description="Where each numeric variable is held; all columns of one that has several.",
        examples=[{"log_uranium": [0.0138]}],
    )

    def rows(self) -> Sequence[Answer]:
        """The pairs when they are asked for, otherwise the means."""
        return self.items if self.pairs is None else self.pairs
