"""Asking for predictions, and the predictions."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from service.caps import REQUEST
from service.schemas.base import Answer, Asked, one_of
from service.schemas.bounds import RANDOM_TERMS
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


def _all_none_or_terms(value: object) -> object:
    """Refuse at once what is none of these, where pydantic would say why of each."""
    match value:
        case "all" | "none":
            return value
        case list() if len(value) <= RANDOM_TERMS:
            if all(isinstance(term, str) for term in value):
                return value
    raise PydanticCustomError(
        "random_effects",
        "Not 'all', 'none' or a list of at most {most} random terms",
        {"most": RANDOM_TERMS},
    )


RandomEffects = Annotated[
    Literal["all", "none"] | list[str],
    BeforeValidator(_all_none_or_terms),
    Field(
        description="The random effects that are counted, as lme4's `re.form`: `all`, `none`, or "
        "random terms as in the formula, where `(1 | county)` of `(1 + floor | county)` counts the "
        "intercepts and not the slopes. The others are zero: neither they nor their variance are "
        "in the estimate, its standard error or the intervals, and rows carry no column that only "
        "they need.",
        examples=["none", ["(1 | county)"]],
    ),
]


class PredictionRequest(Asked):
    """New rows, each with exactly the columns that the model needs. Give `rows` or `columns`.

    A row may also have the column of weights of a model fitted with weights (1 without it), and the
    group mean of a new group, named as in the formula: `ave(floor, county)`.
    """

    model_config = ConfigDict(json_schema_extra=one_of("rows", "columns"))

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
    random_effects: RandomEffects = "all"


class PredictionOptions(BaseModel):
    """The options for a table in the body, which stand in the query."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    level: Level = 0.95
    thresholds: Thresholds = Field([], examples=[[4]])
    new_levels: NewLevels = Field("population", description="As `new_levels` of a JSON body.")
    random_effects: RandomEffects = "all"


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

    estimate: float = Field(
        description="The line of the row's groups: fixed effects and the random effects counted."
    )
    std_error: float = Field(
        description="Of that line, fixed and random effects jointly. With `random_effects` `none` "
        "the root of x' vcov x; an effect that is not counted adds nothing."
    )
    interval: Interval = Field(description="For the line.")
    prediction_std_error: float = Field(
        description="Of a new observation on that line: the residual variance comes to it, over "
        "the weight. The variance of effects that are not counted does not: for a house in a "
        "county not known, count them and name a county that the model has not seen."
    )
    prediction_interval: Interval = Field(description="For a new observation.")
    new_levels: list[str] = Field(description="Groups whose level the model has not seen.")
    weight: float | None = Field(
        None,
        description="Prior weight of the new observation: the row's own, or 1. Not there for a "
        "model without weights.",
    )
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
