"""How a command ends: what it writes, what it says when it fails, and its exit code."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import click

from partialpool.errors import (
    PartialpoolError,
    ProblemError,
    UnreachableError,
)

DONE: Final = 0
FAILED: Final = 1
"""What was asked for cannot be done; 2 is click's, for a command that cannot be read."""
UNREACHABLE: Final = 3
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141


def code_of(error: Exception) -> int | None:
    """Return the exit code of an error that is foreseen; None for one that is not."""
    match error:
        case UnreachableError():
            return UNREACHABLE
        case PartialpoolError() | OSError():
            return FAILED
    return FAILED if _problems(error) else None


def told(error: Exception) -> str:
    """Return the lines that say what is wrong, and how to mend it."""
    match error:
        case ProblemError():
            found = [(item.detail, item.hint) for item in error.errors]
            return _lines(found or [(error.detail, error.hint)])
        case OSError() if error.strerror:
            return _lines([(f"{error.filename or 'a file'}: {error.strerror}", "")])
    return _lines(_problems(error) or [(str(error), "")])


def write(text: str) -> None:
    """Write a result; end quietly when whoever reads has enough."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still to be flushed at exit goes nowhere, instead of being an error then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(PIPE_CLOSED) from None


def _lines(problems: list[tuple[str, str]]) -> str:
    return "".join(
        f"error: {detail}\n" + (f"  hint: {hint}\n" if hint else "") for detail, hint in problems
    )


def _problems(error: Exception) -> list[tuple[str, str]]:
    """Return what an error of the engine, or of the service within this process, says.

    Their classes are looked for where they are loaded: a command that did without has none.
    """
    engine, service = sys.modules.get("engine"), sys.modules.get("service.problems")
    if engine is not None and isinstance(error, engine.EngineError):
        found: Any = error
        return [(item.detail, item.hint) for item in found.problems]
    if service is not None and isinstance(error, service.ProblemError):
        found = error
        parts = [(item.detail, item.hint) for item in found.items]
        return parts or [(str(found.detail), found.kind.mend)]
    return []
