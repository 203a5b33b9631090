"""The base of all request models, and how a body becomes one."""

from __future__ import annotations

from typing import Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from service.handlers import invalid_request
from service.problems import ProblemError

MAX_REF: Final = 100
"""Longest id or name that a dataset is asked for by."""


class Asked(BaseModel):
    """A request body: unknown keys are refused, values are not converted, numbers are finite."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Options(BaseModel):
    """Options that stand in the query; an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Answer(BaseModel):
    """A response body: a number that is not finite is written as null."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")

    @classmethod
    def showing(cls, found: object) -> Self:
        """Return what ``found`` has under the same names."""
        return cls.model_validate(found, from_attributes=True)


A = TypeVar("A", bound=Asked)


def one_of(first: str, second: str) -> dict[str, JsonValue]:
    """Return the JSON schema's way of saying that exactly one of two keys is given a value."""
    given: dict[str, JsonValue] = {"not": {"type": "null"}}
    return {
        "if": {"required": [first], "properties": {first: given}},
        "then": {"properties": {second: {"type": "null"}}},
        "else": {"required": [second], "properties": {second: given}},
    }


async def read_json(request: Request, model: type[A], limit: int) -> A:
    """Return the JSON body of a request, of at most ``limit`` bytes, as ``model``.

    Raises ``ProblemError``: another media type (415), not JSON (400), too large (413), not valid
    (422).
    """
    if media_type(request) != "application/json":
        raise unsupported("application/json")
    return parse(await read_body(request, limit), model)


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body; raises ``body_too_large`` as soon as it passes ``limit`` bytes."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > limit:
            detail = f"A JSON body of this operation is at most {limit} bytes."
            raise ProblemError("body_too_large", detail)
    return bytes(content)


def parse(content: bytes, model: type[A]) -> A:
    """Return JSON text as ``model``."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid_request(details, model) from None


def media_type(request: Request) -> str:
    """Return the media type of the body, without parameters, in lower case."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def unsupported(*known: str) -> ProblemError:
    """Return the problem of a body in another form than those in ``known``."""
    return ProblemError(
        "unsupported_media_type",
        f"The Content-Type is not one of: {', '.join(known)}.",
        headers={"Accept": ", ".join(known)},
    )


def json_response(
    answer: Answer, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return a response with ``answer`` as its JSON body, written in one go."""
    return Response(answer.model_dump_json(), status, headers, "application/json")
