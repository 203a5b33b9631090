"""A fit as bytes and back, without loss: JSON for names, little-endian arrays for numbers.

The container is safetensors: an 8-byte length, a JSON header of names, types, shapes and offsets,
then the arrays. The header's metadata hold one entry, ``partialpool-fit/1`` (the version of this
layout): the JSON text of the result, where

- an object with one key that is a class name stands for that class, its value for the fields;
- ``{"array": "a3"}`` stands for the array of that name, ``{"map": {...}}`` for a mapping, a list
  for a tuple;
- a specification stands as the plain JSON that a request has;
- the statistics stand with all their values, those too that a fit finds when they are asked for.

Nothing in it is code: reading looks classes up in a closed list.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from safetensors.numpy import load, save

from engine import expression, state
from engine.approximation import Approximation
from engine.convergence import Convergence
from engine.cooccurrence import Cooccurrence
from engine.crossproducts import CrossProducts, GroupProducts, Pilot
from engine.design import Block, Categorical, Design, Grouping, Numeric, Response, TermSet
from engine.errors import DataError, Problem
from engine.fit import Fit
from engine.formula import parse
from engine.randomeffects import RandomEffects
from engine.solution import Solution
from engine.spec import Spec
from engine.statistics import Statistics

FORMAT = "partialpool-fit/1"

_CLASSES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        Approximation,
        Block,
        Categorical,
        Convergence,
        Cooccurrence,
        CrossProducts,
        Design,
        Fit,
        Grouping,
        GroupProducts,
        Numeric,
        Pilot,
        RandomEffects,
        Response,
        Solution,
        TermSet,
        state.GroupMeans,
        state.Polynomial,
        state.Standardization,
        expression.Binary,
        expression.Call,
        expression.Column,
        expression.Negate,
        expression.Number,
    )
}


def to_bytes(fit: Fit) -> bytes:
    """The fit as bytes; equal fits give equal bytes."""
    arrays: dict[str, Any] = {}
    text = json.dumps(_encode(fit, arrays), allow_nan=False, separators=(",", ":"))
    return save(arrays, metadata={FORMAT: text})


def from_bytes(data: bytes) -> Fit:
    """The fit that :func:`to_bytes` wrote.

    Raises:
        DataError: these are not the bytes of a fit, or of another format version.
    """
    try:
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        fit = _decode(json.loads(metadata[FORMAT]), load(data))
    except Exception as error:
        raise DataError(
            Problem("not_a_fit", f"these bytes are not a stored fit ({type(error).__name__})")
        ) from error
    if not isinstance(fit, Fit):
        raise DataError(Problem("not_a_fit", "these bytes hold something else than a fit"))
    return fit


def _encode(value: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(value, Spec):
        return {"Spec": value.to_json()}
    if isinstance(value, Statistics):
        return {"Statistics": _encode(value.values(), arrays)["map"]}
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        # safetensors writes raw memory: it must be contiguous.
        arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"array": name}
    if type(value).__name__ in _CLASSES:
        return {
            type(value).__name__: {
                name: _encode(getattr(value, name), arrays) for name in _fields(value)
            }
        }
    if isinstance(value, Mapping):
        return {"map": {key: _encode(item, arrays) for key, item in value.items()}}
    if isinstance(value, tuple | list):
        return [_encode(item, arrays) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": str(value)}
    return value


def _fields(value: Any) -> tuple[str, ...]:
    """Return the names of what a record or a dataclass holds."""
    if isinstance(value, Struct):
        return value.__struct_fields__
    return tuple(field.name for field in dataclasses.fields(value))


def _decode(value: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    ((key, content),) = value.items()
    if key == "array":
        return arrays[content]
    if key == "map":
        return {name: _decode(item, arrays) for name, item in content.items()}
    if key == "float":
        return float(content)
    if key == "Spec":
        return Spec.of(**(content | {"formula": parse(content["formula"], max_characters=None)}))
    if key == "Statistics":
        return Statistics.known(**_decode({"map": content}, arrays))
    return _CLASSES[key](**{name: _decode(item, arrays) for name, item in content.items()})
