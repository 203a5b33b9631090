"""What the service says of itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from service.schemas.base import Answer


class Health(Answer):
    """The process is alive."""

    status: Literal["ok"] = Field(description="Always `ok`: an answer is the message.")


class Readiness(Answer):
    """The parts that the service stands on, each asked just now."""

    status: Literal["ready"] = Field(description="Always `ready`; otherwise the answer is a 503.")
    checks: dict[str, Literal["ok"]] = Field(
        description="Each part that answered.", examples=[{"catalog": "ok", "blobs": "ok"}]
    )


class Limits(Answer):
    """The caps that requests are held to; a request past one is refused and says which."""

    max_body_bytes: int = Field(description="Largest request body, in bytes.")
    max_json_bytes: int = Field(description="Largest JSON body of a fit or a prediction, in bytes.")
    max_rows: int = Field(description="Most rows of an uploaded table.")
    max_decoded_bytes: int = Field(
        description="Largest uploaded table once decompressed and decoded, in bytes."
    )
    max_document_bytes: int = Field(description="Largest upload as one JSON document, in bytes.")
    max_columns: int = Field(description="Most columns of a table.")
    max_inline_rows: int = Field(description="Most rows of data given with a request.")
    max_prediction_rows: int = Field(description="Most rows of a request for predictions.")
    max_simulated_values: int = Field(
        description="Most values of a request for simulations: rows times draws."
    )
    max_simulations: int = Field(description="Most draws of a row in a request for simulations.")
    max_thresholds: int = Field(description="Most thresholds of a request for predictions.")
    max_formula_characters: int = Field(description="Longest formula.")
    max_formula_nesting: int = Field(description="Deepest nesting of a formula.")
    max_terms: int = Field(description="Most terms of a formula once written out.")
    max_random_terms: int = Field(description="Most random terms of a formula.")
    max_model_columns: int = Field(description="Most columns of a model once factors are expanded.")
    wait_seconds: float = Field(description="How long a request waits for its fit.")


class ProblemPage(Answer):
    """What a kind of problem means and how to mend it."""

    code: str = Field(description="Stable name of the kind.")
    status: int = Field(description="The HTTP status it comes with.")
    title: str = Field(description="What it is.")
    meaning: str = Field(description="What it means.")
    mend: str = Field(description="What to do about it.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
