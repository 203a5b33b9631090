"""The rows of a request: of a stored dataset, or given with it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, Protocol

import pyarrow as pa
from msgspec import Struct

from engine import CAPS, Problem, Spec, Summary
from service import registering, summaries
from service.catalog import Dataset, Datasets
from service.catalog.datasets import dataset_id
from service.context import Services
from service.fitting import Fitted
from service.handlers import of_intake
from service.intake import Caps, IntakeError, Kind, TypedTable, take_columns
from service.parts import parts_of, versions
from service.problems import ProblemError
from service.registered import Reference
from service.schemas.fits import FitRequest, InlineData
from service.stored import (
    Stored,
    is_registered,
    read_source,
    read_table,
    stored_of,
    with_names,
)

ONLY_SUMS: Final = "The model was fitted to sums: the rows are not here."
ROWS_NOT_KEPT: Final = (
    "The table that the model was fitted to is not among the datasets; upload it and ask again."
)


class Read(Protocol):
    """Reads columns of all parts of a dataset, or of those after the first few."""

    def __call__(self, wanted: Sequence[str], after: int = 0, /) -> Awaitable[pa.Table | Summary]:
        """Return the columns that are wanted."""


class Version(Struct, frozen=True):
    """A dataset as it was when it had so many parts: its hash, id and rows."""

    parts: int
    hash: str
    id: str
    n_rows: int


class Data(Struct, frozen=True):
    """What to fit.

    Attributes:
        id, hash: as a dataset.
        n_rows: how many.
        stored: where it is kept; ``None`` when it came with the request.
        read: returns the columns that are named, of all parts or of those after the first few.
        dataset: what is kept; ``None`` when it came with the request.
    """

    id: str
    hash: str
    n_rows: int
    stored: Stored | None
    read: Read
    dataset: Dataset | None = None

    @property
    def versions(self) -> tuple[Version, ...]:
        """What it grew from, itself first; none of a summary."""
        return () if self.dataset is None else _versions(self.dataset)

    @property
    def distinct(self) -> dict[str, int | None]:
        """How many different values columns of text have, where that was counted."""
        columns = () if self.dataset is None else self.dataset.columns
        return {str(each["name"]): each["distinct"] for each in columns if _is_text(each)}

    def sums(self, spec: Spec) -> int:
        """Return about how many sums a model has at most: levels of a group times columns.

        Columns whose different values are not counted are taken to differ in each row as groups,
        and to be numbers as predictors.
        """
        distinct = self.distinct
        groups = [self._levels(term.group, distinct) for term in spec.formula.random]
        grouping = {name for term in spec.formula.random for name in term.group}
        others = [name for name in spec.columns if name not in grouping]
        width = math.prod(distinct.get(name) or 1 for name in others)
        return max(groups, default=1) * min(width, CAPS.columns)

    def _levels(self, columns: Sequence[str], distinct: Mapping[str, int | None]) -> int:
        counts = [distinct.get(name) or self.n_rows for name in columns]
        return min(math.prod(counts), self.n_rows)


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
    stored = stored_of(dataset, parts.settings)
    wanted = list(fitted.fit.spec.columns)
    if stored.reference is not None:
        return await _registered(stored.reference, wanted, dataset, parts)
    contents = [await parts.blobs.read(blob) for blob in stored.files]
    return await parts.compute.run(read_table, contents, stored, wanted)


async def _stored(ref: str, datasets: Datasets, parts: Services) -> Data:
    try:
        dataset = await datasets.get(ref)
    except ProblemError as error:
        if error.kind.code != "dataset_not_found":
            raise
        detail, hint = "There is no dataset of this id or name.", "List them: GET /v1/datasets."
        item = Problem(error.kind.code, detail, hint, ("dataset",))
        raise ProblemError(error.kind.code, detail, [item]) from error
    return kept_data(dataset, parts)


def kept_data(dataset: Dataset, parts: Services) -> Data:
    """Return the data of a stored dataset."""
    stored = stored_of(dataset, parts.settings)

    async def read(wanted: Sequence[str], after: int = 0) -> pa.Table | Summary:
        if stored.reference is not None:
            names = [name for name in stored.names if name in wanted]
            table = await _registered(stored.reference, names, dataset, parts)
            return with_names(table, stored.names)
        own = stored.after(after)
        contents = [await parts.blobs.read(blob) for blob in own.files]
        return await parts.compute.run(read_source, contents, own, wanted)

    return Data(dataset.id, dataset.content_hash, dataset.n_rows, stored, read, dataset)


def _is_text(column: Mapping[str, Any]) -> bool:
    return bool(column["kind"] == Kind.TEXT.value)


async def _registered(
    reference: Reference, names: Sequence[str], dataset: Dataset, parts: Services
) -> pa.Table:
    """Return columns of registered files; raises ``limit_passed`` when they have too many rows."""
    if dataset.n_rows > parts.settings.max_rows:
        most = parts.settings.max_rows
        detail = f"What is asked for holds the rows in memory: {most} at most."
        raise ProblemError("limit_passed", detail, [Problem("too_many_rows", detail, "", ())])
    return await registering.rows(parts, reference, names, 0, dataset.n_rows)


def _versions(dataset: Dataset) -> tuple[Version, ...]:
    if summaries.is_summary(dataset):
        return ()
    if is_registered(dataset):
        return (Version(0, dataset.content_hash, dataset.id, dataset.n_rows),)
    rows = list(accumulate(int(part["n_rows"]) for part in parts_of(dataset)))
    return tuple(
        Version(count, digest, dataset_id(digest), rows[count - 1])
        for count, digest in versions(dataset)
    )


async def _inline(data: InlineData, parts: Services) -> Data:
    caps = Caps(rows=parts.settings.max_inline_rows, columns=parts.settings.max_columns)
    found, table = await parts.compute.run(_take, data, caps)

    async def read(_: Sequence[str], after: int = 0) -> pa.Table:  # noqa: ARG001  one part
        return table

    return Data(found.id, found.hash, table.num_rows, None, read)


def _take(data: InlineData, caps: Caps) -> tuple[TypedTable, pa.Table]:
    try:
        return take_columns(data.columns, caps=caps)
    except IntakeError as error:
        raise of_intake(error, ("data",)) from error
