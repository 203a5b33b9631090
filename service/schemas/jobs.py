"""Long work as a client sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import Field

from service.schemas.base import Answer
from service.schemas.problems import Problem

if TYPE_CHECKING:
    from service.catalog import Job as Row

State: TypeAlias = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class JobResult(Answer):
    """Where the result of a job is."""

    href: str = Field(description="Path to read it from.", examples=["/v1/models/m_…"])


class Job(Answer):
    """One piece of long work: how far it is, and what came of it."""

    id: str = Field(examples=["job_…"])
    kind: str = Field(
        description="`fit`, `registration` of files, or the name of what is computed of a model.",
        examples=["fit"],
    )
    title: str = Field(description="What it is, in words.")
    state: State
    progress: float = Field(
        description="From 0 to 1; it does not fall while the job runs, and says how much of the "
        "work is done as well as that can be known.",
    )
    message: str = Field(description="What is being done, or how it ended.")
    result: JobResult | None = Field(description="Null until the job has succeeded.")
    error: Problem | None = Field(description="The problem that a failed job ended with.")
    created_at: str
    started_at: str | None
    finished_at: str | None

    @classmethod
    def of_row(cls, row: Row) -> Job:
        """Return a job of the catalog as it is told."""
        succeeded = row.state == "succeeded"
        return cls(
            id=row.id,
            kind=row.kind,
            title=row.title,
            state=row.state,
            progress=row.progress,
            message=row.message,
            result=JobResult(href=row.href) if succeeded else None,
            error=None if row.error is None else Problem.model_validate(row.error),
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
        )


class JobList(Answer):
    """A page of jobs, newest first."""

    items: list[Job]
    next: str | None = Field(description="Cursor of the next page; null on the last.")
