"""What is wrong, as the body of an error tells it (RFC 9457)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from service.caps import REQUEST
from service.kinds import Kind


class ProblemItem(BaseModel):
    """One thing that is wrong with the request."""

    pointer: str = Field(
        description="JSON Pointer into the body (`#/formula`), or `#/query/limit`, `#/path/group`, "
        "`#/header/accept` for parts outside it.",
        examples=["#/formula"],
    )
    code: str = Field(description="Stable name of the error.", examples=["unknown_column"])
    detail: str = Field(
        description="What is wrong; never a data value.",
        examples=["The dataset has no column 'flor'."],
    )
    hint: str = Field(
        description="How to mend it; may be empty.", examples=["Did you mean 'floor'?"]
    )


class Problem(BaseModel):
    """The body of every error (RFC 9457, `application/problem+json`)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(
        description="Path of a page of this service that explains this kind of problem."
    )
    title: str = Field(description="What this kind of problem is, the same for each of them.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What went wrong this time.")
    instance: str = Field(description="The path that was asked.")
    code: str = Field(description="Stable name of the kind of problem.")
    errors: list[ProblemItem] = Field(
        description=f"What is wrong, part by part; at most {REQUEST.problems}."
    )
    retryable: bool = Field(description="Whether the same request may succeed later.")
    request_id: str = Field(description="The `X-Request-ID` of this answer, to quote in a report.")


def sample(kind: Kind) -> Problem:
    """Return an answer that tells a problem of this kind."""
    return Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=kind.meaning,
        instance="/v1/…",
        code=kind.code,
        errors=[],
        retryable=kind.retryable,
        request_id="req_6f1c2a9e4b7d4e0f",
    )
