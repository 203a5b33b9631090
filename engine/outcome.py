"""What a model explains: the response's expression, its column, and whether there is a way back."""

from __future__ import annotations

from dataclasses import dataclass

from engine import expression
from engine.fit import Fit
from engine.response import invert


@dataclass(frozen=True, slots=True)
class ResponseDescription:
    """What a model explains.

    Attributes:
        expression: the left side of the formula.
        column: the one column in it; ``None`` when there are several.
        invertible: whether predictions can be brought back to the scale of the column.
    """

    expression: str
    column: str | None
    invertible: bool


def describe_response(fit: Fit) -> ResponseDescription:
    """Describe the response of a fit."""
    response = fit.design.response
    columns = expression.columns(response.expr)
    return ResponseDescription(
        expression=expression.text(response.expr),
        column=columns[0] if len(columns) == 1 else None,
        invertible=invert(response.expr, response.states) is not None,
    )
