"""From exceptions to problems: one registrar, so that domain code knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import Response

from engine import DataError, EngineError, FormulaError, LimitError, SpecError
from engine import Problem as Item
from service.intake import (
    CapError,
    IntakeError,
    MalformedJsonError,
    TooManyBytesError,
    UnknownFormError,
)
from service.kinds import KINDS, Kind, kind_of_status
from service.problems import ProblemError, respond_with
from service.room import no_room
from service.worker import Refused

MAX_NAME_SHOWN: Final = 60

# How pydantic marks which kind of cell was tried, and why it is none.
_CELL_KINDS: Final = frozenset({"str", "float", "int", "bool"})
_NO_CELL: Final = frozenset(
    {"string_type", "float_type", "int_type", "bool_type", "finite_number", "int_from_float"}
)

_ENGINE_KINDS: Final[dict[type[EngineError], Kind]] = {
    FormulaError: KINDS["invalid_formula"],
    SpecError: KINDS["invalid_model"],
    DataError: KINDS["unusable_data"],
    LimitError: KINDS["limit_passed"],
}

_INTAKE_KINDS: Final[dict[type[IntakeError], Kind]] = {
    IntakeError: KINDS["invalid_table"],
    UnknownFormError: KINDS["unsupported_media_type"],
    MalformedJsonError: KINDS["malformed_json"],
    TooManyBytesError: KINDS["body_too_large"],
    CapError: KINDS["limit_passed"],
}

# Our names of pydantic's errors, where a client would look for another.
_CODES: Final = {"extra_forbidden": "unknown_key", "missing": "missing_key"}

# What to do about it, by pydantic's name of the error; anything else says enough by itself.
_HINTS: Final = {
    "cell_type": "Give text, a number, true, false or null.",
    "missing": "Give it a value.",
    "extra_forbidden": "Remove it, or compare its spelling with the API page.",
    "finite_number": "Give a finite number.",
    "string_type": "Put the value in quotes.",
    "list_type": "Give a JSON array.",
    "dict_type": "Give a JSON object.",
    "model_type": "Give a JSON object.",
    "bool_type": "Give true or false, without quotes.",
    "int_type": "Give a whole number, without quotes.",
    "float_type": "Give a number, without quotes.",
}


def register(app: FastAPI) -> None:
    """Make every exception that leaves an endpoint a problem."""
    for error in (ProblemError, EngineError, IntakeError, RequestValidationError, HTTPException):
        app.add_exception_handler(error, answer)


async def answer(request: Request, exc: Exception) -> Response:
    """Answer with the problem that an exception is."""
    return respond_with(request.scope, problem_of(request, exc))


def problem_of(request: Request, exc: Exception) -> ProblemError:
    """Return the problem that an exception is; one of no known type is an internal error."""
    match exc:
        case ProblemError():
            return exc
        case EngineError():
            return of_engine(exc)
        case IntakeError():
            return of_intake(exc)
        case RequestValidationError():
            return invalid_request(exc.errors())
        case HTTPException():
            return of_framework(request, exc)
    return ProblemError("internal")


def refusal(error: Exception) -> Refused | None:
    """Return what a worker says of an error that was foreseen."""
    match error:
        case EngineError():
            error = of_engine(error)
        case IntakeError():
            error = of_intake(error)
        case OSError():
            error = no_room(error) or error
    if isinstance(error, ProblemError):
        return Refused(error.kind.code, error.detail, error.items)
    return None


def of_framework(request: Request, error: HTTPException) -> ProblemError:
    """Return the problem that the framework raised: 404, 405 and the like."""
    kind = kind_of_status(error.status_code)
    headers = dict(error.headers or {})
    if kind.code == "method_not_allowed":
        headers["Allow"] = ", ".join(allowed_methods(request))
    return ProblemError(kind.code, kind.meaning, headers=headers)


def of_engine(error: EngineError) -> ProblemError:
    """Return the problem that an engine's error is."""
    kinds = (_ENGINE_KINDS[cls] for cls in type(error).__mro__ if cls in _ENGINE_KINDS)
    kind = next(kinds, KINDS["unusable_data"])
    items = [replace(each, hint=each.hint or kind.mend) for each in error.problems]
    return ProblemError(kind.code, _summary(items, kind), items)


def of_options(
    error: EngineError, place: Callable[[tuple[str | int, ...]], tuple[str | int, ...]]
) -> ProblemError:
    """Return the problem of what a fitted model was asked for.

    ``place`` tells where in the request stands what the engine names by a path of its own.
    """
    problem = of_engine(error)
    items = [replace(each, path=place(each.path)) for each in problem.items]
    code = "invalid_request" if isinstance(error, SpecError) else problem.kind.code
    return ProblemError(code, problem.detail, items)


def of_intake(error: IntakeError, at: tuple[str, ...] = ()) -> ProblemError:
    """Return the problem of a table that cannot be read; ``at`` is where it is in the body."""
    kind = _INTAKE_KINDS[type(error)]
    items = [
        replace(each, path=(*at, *each.path), hint=each.hint or kind.mend)
        for each in error.problems
    ]
    return ProblemError(kind.code, _summary(items, kind), items)


def invalid_request(errors: Sequence[Any], model: type[BaseModel] | None = None) -> ProblemError:
    """Return the problem that pydantic's errors are; ``model`` is the body's, if about a body."""
    prefix = ("body",) if model is not None else ()
    items = [_item((*prefix, *error["loc"]), error, model) for error in _merged(errors)]
    if any(item.code == "json_invalid" for item in items):
        return ProblemError("malformed_json", items[0].detail, items)
    return ProblemError("invalid_request", _summary(items, KINDS["invalid_request"]), items)


def allowed_methods(request: Request) -> list[str]:
    """Return the methods that the routes of this path answer to, in alphabetical order."""
    path = request.scope["path"]
    routes = [each for each in iter_route_contexts(request.app.routes) if each.methods]
    named = [each for each in routes if each.path == path]
    matching = named or [each for each in routes if each.path_regex.match(path)]
    found = {method for route in matching for method in route.methods or ()}
    return sorted(found | {"HEAD"} if "GET" in found else found)


def _summary(items: Iterable[Item], kind: Kind) -> str:
    found = tuple(items)
    if not found:
        return kind.meaning
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return found[0].detail + more


def _merged(errors: Sequence[Any]) -> list[Any]:
    """Return one error for each cell that is none of the kinds a cell can be, not one a kind."""
    merged: dict[tuple[str | int, ...], Any] = {}
    for error in errors:
        loc = error["loc"]
        if loc and loc[-1] in _CELL_KINDS and error["type"] in _NO_CELL:
            loc = loc[:-1]
            error = {"type": "cell_type", "loc": loc, "msg": "Not a cell"}  # noqa: PLW2901
        merged.setdefault((*loc, error["type"]), error)
    return list(merged.values())


def _item(loc: tuple[str | int, ...], error: ErrorDetails, model: type[BaseModel] | None) -> Item:
    path = loc[1:] if loc and loc[0] == "body" else loc
    name = _shown(path[-1]) if path else "the body"
    hint = _HINTS.get(error["type"], "See the operation on the API page, /docs.")
    match error["type"]:
        case "extra_forbidden":
            detail = f"Unknown key {name}."
            hint = _nearest(path, model) or hint
        case "literal_error":
            detail = f"{name} is not one of the values offered."
            hint = f"Use {error['msg'].removeprefix('Input should be ')}."
        case "missing":
            detail = f"{name} is missing."
        case _:
            detail = f"{name}: {error['msg']}."
    return Item(_CODES.get(error["type"], error["type"]), detail, hint, path)


def _shown(part: str | int) -> str:
    if isinstance(part, int):
        return f"Item {part + 1}"
    return repr(part if len(part) <= MAX_NAME_SHOWN else part[:MAX_NAME_SHOWN] + "…")


def _nearest(path: tuple[str | int, ...], model: type[BaseModel] | None) -> str:
    if model is None or len(path) != 1:
        return ""
    near = get_close_matches(str(path[0]), model.model_fields, n=1)
    known = ", ".join(f"'{name}'" for name in model.model_fields)
    return f"Did you mean '{near[0]}'?" if near else f"The keys are {known}."
