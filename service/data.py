"""The rows of a request: of a stored dataset, or given with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from engine import Problem
from service import summaries
from service.catalog import Dataset, Datasets
from service.context import Services
from service.fitting import Fitted
from service.handlers import of_intake
from service.intake import Caps, IntakeError, TypedTable, read_columns, take_columns
from service.problems import ProblemError
from service.schemas.fits import FitRequest, InlineData
from service.stored import Source, Stored, read_source

ONLY_SUMS: Final = "The model was fitted to sums: the rows are not here."
ROWS_NOT_KEPT: Final = (
    "The table that the model was fitted to is not among the datasets; upload it and ask again."
)


@dataclass(frozen=True, slots=True)
class Data:
    """What to fit.

    Attributes:
        id, hash: as a dataset.
        n_rows: how many.
        stored: where it is kept; ``None`` when it came with the request.
        read: returns the columns that are named.
    """

    id: str
    hash: str
    n_rows: int
    stored: Stored | None
    read: Callable[[Sequence[str]], Awaitable[Source]]


async def data_of(asked: FitRequest, datasets: Datasets, parts: Services) -> Data:
    """Return the data of a request; raises ``ProblemError``."""
    if (asked.dataset is None) == (asked.data is None):
        detail = "Give either 'dataset' or 'data'."
        hint = "'dataset' is an id or a name; 'data' is {\"columns\": {...}}."
        item = Problem("either_or", detail, hint, ("dataset",))
        raise ProblemError("invalid_request", detail, [item])
    if asked.data is not None:
        return await _inline(asked.data, parts)
    return await _stored(asked.dataset or "", datasets, parts)


async def rows_of(fitted: Fitted, datasets: Datasets, parts: Services) -> pa.Table:
    """Return the columns of a model in its dataset.

    Raises ``rows_not_kept`` when that is gone, ``only_sums`` when it never had rows.
    """
    try:
        dataset = await datasets.get(fitted.row.dataset_id)
    except ProblemError as error:
        if error.kind.code != "dataset_not_found":
            raise
        raise ProblemError("rows_not_kept", ROWS_NOT_KEPT) from error
    if summaries.is_summary(dataset):
        raise ProblemError("only_sums", ONLY_SUMS)
    content = await parts.blobs.read(dataset.blob)
    return await parts.compute.run(read_columns, content, list(fitted.fit.spec.columns))


def stored_of(dataset: Dataset) -> Stored:
    """Return where the rows of a dataset are."""
    return Stored(dataset.blob, tuple(str(column["name"]) for column in dataset.columns))


async def _stored(ref: str, datasets: Datasets, parts: Services) -> Data:
    try:
        dataset = await datasets.get(ref)
    except ProblemError as error:
        if error.kind.code != "dataset_not_found":
            raise
        detail, hint = "There is no dataset of this id or name.", "List them: GET /v1/datasets."
        item = Problem(error.kind.code, detail, hint, ("dataset",))
        raise ProblemError(error.kind.code, detail, [item]) from error
    stored = stored_of(dataset)

    async def read(wanted: Sequence[str]) -> Source:
        content = await parts.blobs.read(dataset.blob)
        return await parts.compute.run(read_source, content, stored, wanted)

    return Data(dataset.id, dataset.content_hash, dataset.n_rows, stored, read)


async def _inline(data: InlineData, parts: Services) -> Data:
    caps = Caps(rows=parts.settings.max_inline_rows, columns=parts.settings.max_columns)
    found, table = await parts.compute.run(_take, data, caps)

    async def read(_: Sequence[str]) -> pa.Table:
        return table

    return Data(found.id, found.hash, table.num_rows, None, read)


def _take(data: InlineData, caps: Caps) -> tuple[TypedTable, pa.Table]:
    try:
        return take_columns(data.columns, caps=caps)
    except IntakeError as error:
        raise of_intake(error, ("data",)) from error
