"""How a call looks once it is a method: without the session, and with the value it returns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

_KINDS = {"M": "Model", "D": "Dataset", "J": "Job"}

F = TypeVar("F", bound=Callable[..., Any])


def named(method: F, call: Callable[..., Any], bound: int, kinds: str) -> F:
    """Give a method the name, the description and the parameters of its call.

    Args:
        method: what is called.
        call: what it calls.
        bound: how many of the first parameters of the call the object stands for.
        kinds: what the names of the objects begin with that the call may return.
    """
    told = inspect.signature(call)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    parameters = [own, *list(told.parameters.values())[bound:]]
    value = str(told.return_annotation).removeprefix("Steps[").removesuffix("]")
    value = value.replace("Page[", f"{kinds}Iterator[")
    value = re.sub(r"\b[MDJ]\b", lambda found: kinds + _KINDS[found[0]], value)
    method.__name__, method.__doc__ = call.__name__, call.__doc__
    method.__qualname__, method.__module__ = call.__name__, call.__module__
    vars(method)["__signature__"] = told.replace(parameters=parameters, return_annotation=value)
    return method
