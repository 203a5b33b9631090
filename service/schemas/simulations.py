"""Asking for new responses of a fitted model, and the draws."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from pydantic import Field

from service.caps import REQUEST
from service.schemas.base import Answer, Asked
from service.schemas.fits import Cell

Simulated: TypeAlias = Literal["redraw", "keep"]

LARGEST: Final = 2**53 - 1
"""The largest whole number that every JSON reader keeps."""


class SimulationRequest(Asked):
    """Which rows to draw for, and how. Without `rows`, those that the model was fitted to."""

    rows: list[dict[str, Cell]] | None = Field(
        None,
        description="One object a row, as in a request for predictions; null or left out: the "
        "rows that the model was fitted to, read from its dataset again.",
        examples=[[{"county": "AITKIN", "floor": 0}]],
    )
    n_sim: int = Field(1, ge=1, le=REQUEST.simulations, description="Draws of every row.")
    seed: int = Field(
        0, ge=0, le=LARGEST, description="The same seed gives the same draws of the same rows."
    )
    first: int = Field(
        0,
        ge=0,
        le=LARGEST,
        description="Number of the first draw. A draw depends on the seed and its number alone, "
        "so many draws can be asked for in several requests.",
    )
    random_effects: Simulated = Field(
        "redraw",
        description="`redraw` draws the effects of all levels anew (lme4's `use.u = FALSE`); "
        "`keep` keeps those of the levels that the model has seen, and draws those of new ones.",
    )
    parameter_uncertainty: bool = Field(
        False,
        description="Draw the fixed effects, and the effects that are kept, from the distribution "
        "of their errors, fixed and random jointly; variances are as estimated. With `keep`, draws "
        "then have the mean and the `prediction_std_error` of the predictions.",
    )


class SimulatedRow(Answer):
    """The draws of one row."""

    row: int = Field(description="Number of the row, from 0: in `rows`, or in the dataset.")
    values: list[float | None] = Field(description="On the scale the model was fitted on.")
    outcome: list[float | None] | None = Field(
        description="On the scale of the response's column; null when the response cannot be "
        "inverted."
    )


class Simulations(Answer):
    """New responses, by row."""

    model: str
    n_sim: int
    seed: int
    first: int
    random_effects: Simulated
    parameter_uncertainty: bool
    items: list[SimulatedRow]
