"""The base of all that is asked and answered; pydantic alone, for clients import it too.

A body is built into what reads and writes it when it is first used (``defer_build``), not at the
start, for all of them take a tenth of a second.
"""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue


class Asked(BaseModel):
    """A request body: unknown keys are refused, values are not converted, numbers are finite."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True
    )


class Options(BaseModel):
    """Options that stand in the query; an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Answer(BaseModel):
    """A response body: a number that is not finite is written as null."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null", defer_build=True)

    @classmethod
    def showing(cls, found: object) -> Self:
        """Return what ``found`` has under the same names."""
        return cls.model_validate(found, from_attributes=True)


def one_of(first: str, second: str) -> dict[str, JsonValue]:
    """Return the JSON schema's way of saying that exactly one of two keys is given a value."""
    given: dict[str, JsonValue] = {"not": {"type": "null"}}
    return {
        "if": {"required": [first], "properties": {first: given}},
        "then": {"properties": {second: {"type": "null"}}},
        "else": {"required": [second], "properties": {second: given}},
    }
