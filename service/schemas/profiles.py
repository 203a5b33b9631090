"""Profile curves: asking for them, and their points."""

from __future__ import annotations

from pydantic import Field

from service.caps import REQUEST
from service.schemas.base import Answer, Options
from service.schemas.predictions import Level


class ProfileQuery(Options):
    """Which curves."""

    parameter: list[str] = Field([], max_length=REQUEST.plot_levels)
    level: Level = 0.95


class ProfileCurve(Answer):
    """The curve of one parameter, with the ends of its interval."""

    name: str
    estimate: float | None
    lower: float | None
    upper: float | None
    values: list[float]
    zeta: list[float]


class ProfileCurves(Answer):
    """The curves of some parameters."""

    level: float
    items: list[ProfileCurve]
