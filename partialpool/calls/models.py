"""Models: fit, examine, list, compare; and what the service says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from partialpool.calls.asking import JSON, PAGE, Page, ask, get, once, path_of, posting, read
from partialpool.calls.datasets import upload
from partialpool.calls.jobs import settled
from partialpool.session import AnySession, Bound, D, J, M, Session
from partialpool.steps import Body, Request, Steps
from service.schemas.comparisons import Comparison, ComparisonRequest
from service.schemas.datasets import DatasetSummary
from service.schemas.fits import (
    Cell,
    Contrast,
    FitRequest,
    FittedModel,
    InlineData,
    Method,
    ModelList,
    ModelSummary,
    Validation,
)
from service.schemas.jobs import Job
from service.schemas.system import Limits, UsageReport

if TYPE_CHECKING:
    import pandas as pd

    Data = pd.DataFrame | Bound[Any, DatasetSummary] | Mapping[str, Sequence[Cell]] | Path | str


def fit(
    session: Session[M, D, J],
    formula: str | FitRequest,
    data: Data | None = None,
    *,
    method: Method = "REML",
    weights: str | None = None,
    offset: str | None = None,
    categorical: str | Iterable[str] = (),
    contrasts: Mapping[str, Contrast] | None = None,
    missing: Literal["drop", "fail"] = "drop",
) -> Steps[M]:
    """Fit a model, or find the fit: equal requests are one model.

    A fit that takes long becomes a job; it is waited for, and interrupting the wait cancels it.

    Args:
        formula: in lme4's language; or a whole ``FitRequest``, and nothing else.
        data: a DataFrame (uploaded without its index), a dataset or its id or name, the ``Path`` of
            a file to upload, or a small table as lists by column, which is not kept.
        method: restricted or plain maximum likelihood.
        weights: column of prior weights.
        offset: column taken from the response before fitting, and added to predictions.
        categorical: columns of numbers to take as factors.
        contrasts: coding of factors other than by treatment contrasts.
        missing: whether rows with a missing value are dropped, or refused.

    Raises:
        ProblemError: the model cannot be fitted; it says why, and how to mend it.
    """
    spec = {
        "method": method,
        "weights": weights,
        "offset": offset,
        "categorical": [categorical] if isinstance(categorical, str) else list(categorical),
        "contrasts": dict(contrasts or {}),
        "missing": missing,
    }
    asked = yield from _request(session, formula, data, spec)
    answer = yield from settled(session, _fitting(asked))
    return session.model(read(answer, FittedModel))


def submit(
    session: Session[M, D, J],
    /,
    formula: str | FitRequest,
    data: Data | None = None,
    **spec: Any,
) -> Steps[J | M]:
    """Ask for a fit as a job, and do not wait for it; a model that is known comes at once.

    The arguments are those of ``fit``.
    """
    asked = yield from _request(session, formula, data, spec)
    request = _fitting(asked, {"Prefer": "respond-async"})
    answer = yield from ask(session, request)
    if answer.status_code == 202:
        return session.job(read(answer, Job))
    return session.model(read(answer, FittedModel))


def validate(
    session: Session[M, D, J],
    /,
    formula: str | FitRequest,
    data: Data | None = None,
    **spec: Any,
) -> Steps[Validation]:
    """Return every problem of a model for its data, or its dimensions; nothing is fitted.

    The arguments are those of ``fit``.
    """
    asked = yield from _request(session, formula, data, spec)
    return read(
        (yield from ask(session, posting(path_of("models", "validate"), asked))), Validation
    )


def model(session: Session[M, D, J], name: str) -> Steps[M]:
    """Return a fitted model by its id."""
    return session.model((yield from get(session, path_of("models", name), FittedModel)))


def models(session: AnySession, cursor: str | None) -> Steps[Page[ModelSummary]]:
    """Go through the models, newest first; further pages are fetched on the way."""
    found = yield from get(session, path_of("models"), ModelList, {"limit": PAGE, "cursor": cursor})
    return Page(found.items, found.next)


def compare(
    session: AnySession, *models: Bound[Any, FittedModel] | str, test: bool = True
) -> Steps[pd.DataFrame]:
    """Compare models by AIC, BIC and likelihood-ratio tests, as lme4's ``anova`` does.

    Args:
        models: two or more, or their ids, fitted to the same rows.
        test: whether each is tested against the next smaller one, which must be within it.

    Returns a row for each model, fewest parameters first; ``attrs`` says by which ``method`` they
    are compared, and which of them were ``refitted`` by it.
    """
    import pandas as pd

    names = [each if isinstance(each, str) else each.id for each in models]
    request = posting(path_of("comparisons"), ComparisonRequest(models=names, test=test))
    found = read((yield from ask(session, request)), Comparison)
    frame = pd.DataFrame(
        [
            {
                **row.model_dump(exclude={"test"}),
                **{f"test.{name}": value for name, value in (row.test or {})},
            }
            for row in found.items
        ]
    )
    frame.attrs.update(method=found.method, refitted=found.refitted)
    return frame


def limits(session: AnySession) -> Steps[Limits]:
    """Return the caps that requests are held to."""
    return (yield from get(session, path_of("limits"), Limits))


def usage(session: AnySession) -> Steps[UsageReport]:
    """Return what one keeps at the service, and may keep."""
    return (yield from get(session, path_of("usage"), UsageReport))


def _fitting(asked: FitRequest, headers: Mapping[str, str] | None = None) -> Request:
    content = asked.model_dump_json(exclude_unset=True).encode()
    return once(Request("POST", path_of("models"), headers=headers or {}, body=Body(content, JSON)))


def _request(
    session: Session[M, D, J],
    formula: str | FitRequest,
    data: Data | None,
    spec: Mapping[str, Any],
) -> Steps[FitRequest]:
    """Return the whole request, once its data are at the service."""
    if isinstance(formula, FitRequest):
        if data is not None:
            raise TypeError("a FitRequest names its data itself: leave `data` out")
        return formula
    match data:
        case None:
            raise TypeError("a formula needs `data`")
        case str():
            where: dict[str, Any] = {"dataset": data}
        case Bound():
            where = {"dataset": data.id}
        case Mapping():
            where = {"data": InlineData(columns={name: list(of) for name, of in data.items()})}
        case _:
            kept = yield from upload(session, data)
            assert isinstance(kept, Bound)  # noqa: S101 - as every session makes datasets
            where = {"dataset": kept.id}
    return FitRequest(formula=formula, **where, **spec)
