"""Asking for predictions, and the predictions."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from service.caps import REQUEST
from service.schemas.base import Answer, Asked, one_of
from service.schemas.fits import Cell

NewLevels: TypeAlias = Literal["population", "reject"]

Level = Annotated[float, Field(gt=0, lt=1, description="Probability that the intervals cover.")]
Thresholds = Annotated[
    list[float],
    Field(
        max_length=REQUEST.thresholds,
        description="Values of the response's column whose exceedance is asked for.",
    ),
]


class PredictionRequest(Asked):
    """New rows, each with exactly the columns that the model needs. Give `rows` or `columns`."""

    model_config = ConfigDict(json_schema_extra=one_of(rows="array", columns="object"))

    rows: list[dict[str, Cell]] | None = Field(
        None, description="One object a row.", examples=[[{"county": "AITKIN", "floor": 0}]]
    )
    columns: dict[str, list[Cell]] | None = Field(
        None,
        description="The same by column, all of the same length; the answer is by column too.",
        examples=[{"county": ["AITKIN"], "floor": [0]}],
    )
    level: Level = 0.95
    thresholds: Thresholds = Field([], examples=[[4]])
    new_levels: NewLevels = Field(
        "population",
        description="A group level the model has not seen is predicted from the population, with "
        "the whole variance between levels, or refused.",
    )


class PredictionOptions(BaseModel):
    """The options for a table in the body, which stand in the query."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    level: Level = 0.95
    thresholds: Thresholds = Field([], examples=[[4]])
    new_levels: NewLevels = Field("population", description="As `new_levels` of a JSON body.")


class Interval(Answer):
    """An interval."""

    lower: float | None
    upper: float | None


class Exceedance(Answer):
    """How likely a new observation is above a threshold."""

    threshold: float
    probability: float | None = Field(
        description="Null when the response's expression has no value at the threshold."
    )


class OutcomePrediction(Answer):
    """A prediction on the scale of the response's column; null where its inverse has no value."""

    median: float | None
    mean: float | None
    prediction_interval: Interval
    exceedance: list[Exceedance]


class PredictionItem(Answer):
    """The prediction of one row, on the scale the model was fitted on."""

    estimate: float
    std_error: float = Field(description="Of the group line: fixed and random effects jointly.")
    interval: Interval
    prediction_std_error: float = Field(description="Of a new observation.")
    prediction_interval: Interval
    new_levels: list[str] = Field(description="Groups whose level the model has not seen.")
    outcome: OutcomePrediction | None = Field(
        description="Null when the response cannot be inverted."
    )


class PredictionItems(Answer):
    """Predictions, one for each row and in their order."""

    model: str
    level: float
    items: list[PredictionItem]


class PredictionColumns(Answer):
    """Predictions by column, each named by its place in an item: `interval.lower`, and so on."""

    model: str
    level: float
    columns: dict[str, list[float | list[str] | None]]
