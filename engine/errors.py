"""What can be wrong with a request to the engine, told so that it can be mended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it is, and how to mend it.

    ``path`` points into what was asked: ``("formula",)``, ``("weights",)``, ``("rows", 3,
    "floor")``. ``detail`` names columns, levels of the request and row numbers (from 1), never data
    values.
    """

    code: str
    detail: str
    hint: str = ""
    path: tuple[str | int, ...] = ()


class EngineError(ValueError):
    """The base of every error raised on purpose; it carries all problems found."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(problem.detail for problem in problems))


class FormulaError(EngineError):
    """The formula cannot be read, or asks for what the grammar does not have.

    ``position`` counts characters from 0 in the text given; the message shows the place with a
    caret.
    """

    def __init__(self, problem: Problem, position: int | None = None) -> None:
        self.position = position
        super().__init__(problem)


class SpecError(EngineError):
    """The specification and the data do not fit together: unknown columns, kinds, options."""


class DataError(EngineError):
    """The data cannot carry the model: no rows, one level, constant response, infinite values."""


class LimitError(EngineError):
    """A cap is passed: too many terms, columns, levels or rows."""


class RowsNeededError(EngineError):
    """Sums that are there already cannot serve: all rows have to be read again."""
