"""What is wrong with files that are to be registered."""

from __future__ import annotations

from engine import Problem
from service.problems import ProblemError


def refused(code: str, detail: str) -> ProblemError:
    """Return the problem of a path."""
    hint = "Give a path below the root, such as 2024/*.parquet."
    item = Problem(code, detail, hint, ("reference", "path"))
    return ProblemError("invalid_request", detail, [item])


def passed(code: str, detail: str) -> ProblemError:
    """Return the problem of files that are too many, or too large."""
    hint = "Name fewer files; GET /v1/limits tells the limits."
    return ProblemError("limit_passed", detail, [Problem(code, detail, hint, ("reference",))])


def invalid(code: str, detail: str) -> ProblemError:
    """Return the problem of what files hold."""
    hint = "Give files of one form that have the same columns."
    return ProblemError("invalid_table", detail, [Problem(code, detail, hint, ("reference",))])
