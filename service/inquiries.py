"""Questions about a model that may take long to answer: what each is called and computed by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct
from pydantic_core import from_json

from engine import EngineError, Fit, Progress
from service.handlers import of_options
from service.intervals import Made, Piece, fixed_intervals, made, pieces, variance_parameters
from service.plots.profiles import curves
from service.schemas.base import Answer, Options
from service.schemas.inference import FixedEffectsQuery
from service.schemas.intervals import VarianceQuery
from service.schemas.profiles import ProfileQuery


class Inquiry(Struct, frozen=True):
    """A kind of question.

    Attributes:
        title: what is computed, in words.
        path: of the answer, below that of the model.
        query: what may be asked for.
        answer: computes it of a fit and a query, and tells how far it is; it is given the pieces of
            it that have been made already.
        matters: the options that the JSON depends on; with others, only what is made of it differs.
    """

    title: str
    path: str
    query: type[Options]
    answer: Callable[[Fit, Any, Progress, Sequence[Made]], Answer]
    matters: tuple[str, ...]


INQUIRIES: Final[Mapping[str, Inquiry]] = {
    "fixed-effects": Inquiry(
        "intervals of the fixed effects",
        "fixed-effects",
        FixedEffectsQuery,
        fixed_intervals,
        ("interval", "level", "n_sim", "seed"),
    ),
    "variance-parameters": Inquiry(
        "intervals of the variance parameters",
        "variance-parameters",
        VarianceQuery,
        variance_parameters,
        ("interval", "level", "scale", "n_sim", "seed"),
    ),
    "profiles": Inquiry(
        "profile curves",
        "plots/profile",
        ProfileQuery,
        lambda fit, asked, progress, _: curves(fit, asked, progress),
        ("parameter", "level"),
    ),
}


def answered(
    name: str, fit: Fit, asked: Options, progress: Progress, ready: Sequence[Made] = ()
) -> Any:
    """Return the JSON that answers a question; raises the problem of an option."""
    with _as_asked():
        found = INQUIRIES[name].answer(fit, asked, progress, ready)
    return from_json(found.model_dump_json())


def pieces_of(fit: Fit, asked: Any) -> list[Piece]:
    """Return the pieces that the answer to a question can be made in; none when it is one task."""
    return pieces(fit, asked) if isinstance(asked, FixedEffectsQuery | VarianceQuery) else []


def piece_of(fit: Fit, asked: Any, piece: Piece, progress: Progress) -> Made:
    """Return one piece; raises the problem of an option."""
    with _as_asked():
        return made(fit, asked, piece, progress)


@contextmanager
def _as_asked() -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        raise of_options(error, lambda path: ("query", *path)) from error
