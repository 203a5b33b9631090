"""What can go wrong, each with what to do about it."""

from __future__ import annotations

from http import HTTPStatus

import httpx
from pydantic import ValidationError

from service.kinds import KINDS
from service.schemas.problems import Problem, ProblemItem


class PartialpoolError(Exception):
    """The base of all that this package raises."""


class UnreachableError(PartialpoolError):
    """The service does not answer, or the connection broke and trying again did not help."""


class UnusableDataError(PartialpoolError, ValueError):
    """A table that cannot be sent: its columns, or the kind of its file."""


class UnexpectedAnswerError(PartialpoolError):
    """What came back is not what this service answers: another program, or another version."""


class JobCancelledError(PartialpoolError):
    """The job that was waited for has been cancelled."""


class ProblemError(PartialpoolError):
    """The service refused a request, and says why and how to mend it (RFC 9457).

    Attributes:
        problem: all that the service said.
        retry_after: seconds after which it may be asked again; None when it did not say.
    """

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem, retry_after)
        self.problem = problem
        self.retry_after = retry_after

    @property
    def type(self) -> str:
        """Path of the page of the service that explains this kind of problem."""
        return self.problem.type

    @property
    def code(self) -> str:
        """Stable name of the kind of problem, as ``invalid_formula``."""
        return self.problem.code

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def title(self) -> str:
        """What this kind of problem is."""
        return self.problem.title

    @property
    def detail(self) -> str:
        """What went wrong this time."""
        return self.problem.detail

    @property
    def errors(self) -> list[ProblemItem]:
        """What is wrong, part by part."""
        return self.problem.errors

    @property
    def hint(self) -> str:
        """How to mend it: of the first part that has a hint, else of this kind of problem."""
        kind = KINDS.get(self.code)
        hints = [item.hint for item in self.errors if item.hint]
        return next(iter(hints), kind.mend if kind else "")

    @property
    def pointer(self) -> str | None:
        """JSON Pointer to the first part that is wrong; None when it is none in particular."""
        return self.errors[0].pointer if self.errors else None

    @property
    def request_id(self) -> str:
        """What to quote in a report."""
        return self.problem.request_id

    def __str__(self) -> str:
        parts = [(f"{item.pointer}: {item.detail}", item.hint) for item in self.errors]
        if len(parts) < 2:
            parts = [(self.detail, self.hint)]
        lines = [line for detail, hint in parts for line in (detail, f"  hint: {hint}")]
        named = f"[{self.status} {self.code}" + f", {self.request_id}]" * bool(self.request_id)
        return "\n".join([*(line for line in lines if line != "  hint: "), named.rstrip("]") + "]"])


def problem_of(answer: httpx.Response, retry_after: float | None = None) -> ProblemError:
    """Return the problem that an answer tells; one that is none of ours becomes one."""
    try:
        return ProblemError(Problem.model_validate_json(answer.content), retry_after)
    except ValidationError:
        status = HTTPStatus(answer.status_code) if answer.status_code in _STATUSES else None
        title = status.phrase if status else f"Status {answer.status_code}"
    detail = (
        f"{answer.request.url.host} answered {answer.status_code} ({title}), without saying why"
    )
    problem = Problem(
        type="about:blank",
        title=title,
        status=answer.status_code,
        detail=detail,
        instance=answer.request.url.path,
        code="unknown",
        errors=[],
        retryable=False,
        request_id=answer.headers.get("x-request-id", ""),
    )
    return ProblemError(problem, retry_after)


_STATUSES = frozenset(status.value for status in HTTPStatus)
