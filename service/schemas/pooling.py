"""Complete, no and partial pooling side by side."""

from __future__ import annotations

from pydantic import Field

from service.schemas.base import Answer
from service.schemas.effects import EffectEstimate


class LevelPooling(Answer):
    """The line of one level in three ways."""

    level: str = Field(examples=["AITKIN"])
    n: int = Field(description="Rows of this level.")
    complete_pooling: EffectEstimate = Field(
        description="Least squares without the group: the same for all levels, unless the model "
        "has predictors of the level."
    )
    no_pooling: EffectEstimate = Field(
        description="Least squares with the levels as fixed effects: by the level's own rows; "
        "null where it cannot be estimated."
    )
    partial_pooling: EffectEstimate = Field(
        description="The model itself; the error is of fixed and random effects together."
    )
    pooling_weight: float | None = Field(
        description="Weight on the level's own rows: 0 is complete pooling, 1 is none."
    )


class PoolingPage(Answer):
    """Some levels of the group, in order of their names."""

    model: str
    group: str
    count: int = Field(description="Number of levels, over all pages.")
    next: str | None = Field(description="Cursor of the next page; null on the last.")
    items: list[LevelPooling]
