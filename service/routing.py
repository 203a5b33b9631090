"""Routes that tell the OpenAPI document by name what they answer.

Endpoints write their answers themselves. FastAPI, told of their models, would build what checks and
writes each before it starts: a tenth of a second that nobody needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from service.schemas.base import Answer


class Router(APIRouter):
    """A router whose answers are models of ours, which only the OpenAPI document looks at."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.answers: set[type[Answer]] = set()
        """The models that the routes answer with."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add a route; see FastAPI."""
        told = {
            status: self._named(dict(answer), answer.get("model"))
            for status, answer in (options.get("responses") or {}).items()
        }
        model = options.get("response_model")
        if _known(model):
            status = options.get("status_code") or 200
            told[status] = self._named(told.get(status, {}), model)
            options["response_model"] = None
        super().add_api_route(path, endpoint, **options | {"responses": told})

    def _named(self, answer: dict[str, Any], model: Any) -> dict[str, Any]:
        """Return an answer of an operation whose JSON is told by the name of its model."""
        if not _known(model):
            return answer
        self.answers.add(model)
        answer.pop("model", None)
        named = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
        content = answer.get("content", {})
        content = {**content, "application/json": {**content.get("application/json", {}), **named}}
        return {**answer, "content": content}


def _known(model: object) -> bool:
    return isinstance(model, type) and issubclass(model, Answer)
