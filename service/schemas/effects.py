"""The effects of the levels of a group."""

from __future__ import annotations

from pydantic import Field

from service.schemas.base import Answer


class EffectEstimate(Answer):
    """An estimate and its standard error."""

    estimate: float | None
    std_error: float | None


class LevelEffects(Answer):
    """One level: what the model says of it, and what its own rows say."""

    level: str = Field(examples=["AITKIN"])
    n: int = Field(description="Rows of this level.")
    effects: dict[str, EffectEstimate] = Field(
        description="Conditional modes and their conditional standard deviations: lme4's `ranef`."
    )
    coefficients: dict[str, EffectEstimate] = Field(
        description="Fixed plus random: lme4's `coef`, with standard errors for both together."
    )
    pooling_weight: float | None = Field(
        description="Weight on the level's own data: 0 is complete pooling, 1 is none."
    )
    no_pooling: EffectEstimate = Field(
        description="The level's own least-squares intercept; null where it cannot be estimated."
    )


class EffectsPage(Answer):
    """Some levels of a group, in order of their names."""

    model: str
    group: str
    terms: list[str] = Field(description="Names of the random effects.")
    count: int = Field(description="Number of levels, over all pages.")
    next: str | None = Field(description="Cursor of the next page; null on the last.")
    items: list[LevelEffects]
