"""Asking for intervals of the variance parameters, and the intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from pydantic import Field

from service.caps import REQUEST
from service.schemas.base import Answer, Options
from service.schemas.predictions import Level

IntervalMethod: TypeAlias = Literal["profile", "bootstrap", "wald"]
Scale: TypeAlias = Literal["sd", "variance"]


class Replication(Options):
    """How often the bootstrap draws, and from where."""

    n_sim: int = Field(
        1000, ge=1, le=REQUEST.simulations, description="Replicates of the bootstrap."
    )
    seed: int = Field(
        0, ge=0, le=2**53, description="Seed of the bootstrap: the same gives the same intervals."
    )


class Replicates(Answer):
    """What the bootstrap drew."""

    n_sim: int = Field(description="Replicates drawn.")
    seed: int = Field(description="Of the draws.")
    n_singular: int = Field(
        description="Replicates with a variance at zero or a correlation at -1 or 1; they count."
    )
    n_failed: int = Field(description="Replicates that could not be fitted; they do not count.")


class FixedIntervals(Answer):
    """Intervals of the fixed effects other than Wald's."""

    ends: dict[str, tuple[float | None, float | None]]
    bootstrap: Replicates | None


class VarianceQuery(Replication):
    """What a table of variance parameters may be asked for."""

    interval: IntervalMethod = Field(
        "profile",
        description="`profile` is of the ML likelihood, as lme4's `confint`; `bootstrap` takes "
        "percentiles of the parametric bootstrap; `wald` is on the logarithm of a standard "
        "deviation and on Fisher's z of a correlation, as nlme's `intervals`.",
    )
    level: Level = 0.95
    scale: Scale = Field(
        "sd",
        description="Standard deviations, or their squares; correlations stay what they are.",
    )


class VarianceRow(Answer):
    """A standard deviation or a correlation of random effects, or that of the residuals."""

    name: str = Field(
        description="As lme4's `confint(oldNames = FALSE)`; variances are `var_` and `sigma^2`.",
        examples=["sd_(Intercept)|county"],
    )
    kind: Literal["sd", "correlation", "sigma"] = Field(
        description="What it is, on either scale; `sigma` is the residuals'."
    )
    group: str | None = Field(description="Grouping factor; null for sigma.")
    term: str | None = Field(description="The effect; null for sigma.")
    other: str | None = Field(description="The effect that it is correlated with.")
    estimate: float | None = Field(
        description="Of the model, by its own criterion; null for the correlation of an effect "
        "that does not vary."
    )
    lower: float | None
    upper: float | None
    lower_at_limit: bool = Field(
        description="Whether `lower` is the limit of what the parameter can be: 0, or -1."
    )
    upper_at_limit: bool = Field(description="Whether `upper` is 1, for a correlation.")
    method: IntervalMethod
    reason: str | None = Field(
        description="Why there is no interval, or why it ends at a limit; otherwise null."
    )


class VarianceParameters(Answer):
    """The variance parameters of a model with their intervals, in lme4's order."""

    level: float
    scale: Scale
    items: list[VarianceRow]
    bootstrap: Replicates | None = Field(description="Null for other intervals.")

    def rows(self) -> Sequence[Answer]:
        """The parameters."""
        return self.items
