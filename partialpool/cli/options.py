"""Options of commands that are fields of requests: each is written once, where the service has it.

A field becomes an option of its name: its type says what may be given, its description is the help.
A list may be given several times, a table as ``NAME=VALUE``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from service.schemas.fits import FitRequest
from service.schemas.predictions import PredictionOptions

C = TypeVar("C", bound=Callable[..., Any])
B = TypeVar("B", bound=BaseModel)

SPEC: Final = ("method", "weights", "offset", "categorical", "contrasts", "missing")
RADON: Final = ("action_level", "remediation_cost", "test_cost", "living_area_ratio", "unit")
PREDICTION: Final = ("level", "thresholds", "new_levels", "random_effects")

# Each is given once at a time, so that the option names one.
_ONE: Final = {"contrasts": "contrast", "thresholds": "threshold"}
_PLAIN: Final[Mapping[Any, click.ParamType[Any]]] = {float: click.FLOAT, int: click.INT}
_COLUMNS: Final = frozenset({"weights", "offset", "categorical"})


class Pair(click.ParamType[tuple[str, str]]):
    """``NAME=VALUE``, of values of a choice."""

    name = "pair"

    def __init__(self, values: tuple[str, ...]) -> None:
        self._values = values

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return the two, whatever of them the name holds."""
        if isinstance(value, tuple):
            return value[0], value[1]
        name, separator, coding = str(value).rpartition("=")
        if not separator or coding not in self._values:
            self.fail(f"write COLUMN=CODING, with one of {', '.join(self._values)}", param, ctx)
        return name, coding

    def get_metavar(
        self,
        param: click.Parameter,  # noqa: ARG002 - as click calls it
        ctx: click.Context,  # noqa: ARG002 - as click calls it
    ) -> str:
        """Return how the help writes it."""
        return "COLUMN=CODING"


def spec_options(command: C) -> C:
    """Add the options of a fit to a command."""
    return _added(command, FitRequest, SPEC)


def prediction_options(command: C) -> C:
    """Add the options of predictions to a command."""
    return _added(command, PredictionOptions, PREDICTION)


def as_options(
    kind: type[BaseModel], names: tuple[str, ...], *, required: bool = True
) -> Callable[[C], C]:
    """Return what adds fields of a request to a command; ``required`` ones have to be given."""
    return lambda command: _added(command, kind, names, required=required)


def made(kind: type[B], given: Mapping[str, Any], **more: Any) -> B:
    """Return the request that options make; raises ``click.UsageError``."""
    try:
        return kind.model_validate({**_given(given), **more})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = _flag(str(first["loc"][0])) if first["loc"] else ""
        raise click.UsageError(f"{name}: {first['msg']}") from error


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as a request has them: those that were not given are left out."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if value is None or value == ():
            continue
        if name == "contrasts":
            found[name] = dict(value)
        elif name == "random_effects" and value in {("all",), ("none",)}:
            found[name] = value[0]
        else:
            found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _added(
    command: C, kind: type[BaseModel], names: tuple[str, ...], *, required: bool = False
) -> C:
    for name in reversed(names):
        field = kind.model_fields[name]
        command = _option(name, field, required and field.is_required())(command)
    return command


def _option(name: str, field: FieldInfo, required: bool) -> Callable[[C], C]:
    kind, several = _type(field.annotation)
    help_text = (field.description or "").replace("`", "")
    if several:
        help_text += " May be given several times."
    default = None if field.is_required() else field.get_default()
    if default and not several:
        help_text += f" [default: {default}]"
    metavar = "COLUMN" if name in _COLUMNS else None
    flag = _flag(name)
    return click.option(
        flag,
        name,
        type=kind,
        multiple=several,
        required=required,
        help=help_text,
        metavar=metavar,
    )


def _flag(name: str) -> str:
    return "--" + _ONE.get(name, name).replace("_", "-")


def _type(annotation: Any) -> tuple[click.ParamType[Any], bool]:
    """Return what an option takes, and whether it may be given several times."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return click.Choice(inner), False
    if origin is Annotated:
        return _type(inner[0])
    if origin is list:
        return _type(inner[0])[0], True
    if origin is dict:
        return Pair(get_args(inner[1])), True
    if origin in {Union, UnionType}:
        kinds = [kind for kind in inner if kind is not type(None)]
        several = any(get_origin(kind) is list for kind in kinds)
        return (click.STRING, True) if several else _type(kinds[0])
    return _PLAIN.get(annotation, click.STRING), False
