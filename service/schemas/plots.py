"""Plots: what there is of a model, and what a plot may be asked for."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from service.caps import REQUEST
from service.schemas.base import Answer, Options
from service.schemas.predictions import Level

PlotFormat: TypeAlias = Literal["vega-lite", "svg", "png", "html"]
Measure: TypeAlias = Literal["median", "exceedance", "uncertainty"]

Words = Annotated[str, Field(max_length=REQUEST.plot_characters)]
Pixels = Annotated[int, Field(ge=50, le=REQUEST.plot_pixels)]


class PlotQuery(Options):
    """What a plot may be asked for; those of other plots are refused."""

    format: PlotFormat | None = Field(None, description="Comes before the `Accept` header.")
    title: Words | None = Field(None, description="In place of the title.")
    x_title: Words | None = Field(None, description="In place of the title of the x axis.")
    y_title: Words | None = Field(None, description="In place of the title of the y axis.")
    unit: Words | None = Field(
        None, description="Unit of the response's column; known for the bundled datasets."
    )
    width: Pixels | None = Field(None, description="Of the plotting area, in pixels.")
    height: Pixels | None = Field(None, description="Of the plotting area, in pixels.")
    scale: float = Field(
        2, ge=0.5, le=REQUEST.plot_scale, description="Pixels of a PNG for each of the plot."
    )
    group: Words | None = Field(
        None, description="A grouping factor; the model's first by default."
    )
    term: Words | None = Field(None, description="A random effect; the intercept by default.")
    levels: list[str] = Field(
        [],
        max_length=REQUEST.plot_levels,
        description="Levels of the group; by default eight of different sizes.",
    )
    predictor: Words | None = Field(
        None, description="A predictor on the x axis; the first that will do by default."
    )
    parameter: list[str] = Field(
        [],
        max_length=REQUEST.plot_levels,
        description="Parameters as `confint` names them; the first few by default.",
    )
    level: Level = 0.95
    at: list[str] = Field(
        [],
        max_length=REQUEST.held_columns,
        description="The new row, `column:value` each; others have the value typical of the data.",
        examples=[["county:AITKIN", "floor:0"]],
    )
    action_level: float | None = Field(
        None, description="On the scale of the response's column; 4 where its unit is pCi/L."
    )
    measure: Measure = Field(
        "median",
        description="What the map shows: the median level of a new row, the probability that it is "
        "over the action level, or the standard error of the county's line.",
    )


class PlotParameter(Answer):
    """A parameter of a plot."""

    name: str = Field(examples=["group"])
    description: str
    choices: list[str] | None = Field(
        description="What it may be for this model, at most the first 1,000; null for free values."
    )
    default: str | float | None = Field(description="Null where it depends on the rest.")
    repeated: bool = Field(description="Whether it may be given several times.")


class PlotItem(Answer):
    """A plot that a model has."""

    name: str = Field(examples=["caterpillar"])
    title: str
    shows: str = Field(description="What it shows, and what to look for.")
    alt: str = Field(description="Alternative text; that of an asked plot has its numbers too.")
    parameters: list[PlotParameter] = Field(description="Beside those that all plots take.")
    formats: list[PlotFormat]
    links: dict[PlotFormat, str] = Field(description="The plot in each form.")


class PlotList(Answer):
    """The plots that a model has."""

    model: str
    parameters: list[PlotParameter] = Field(description="Those that all plots take.")
    items: list[PlotItem]
