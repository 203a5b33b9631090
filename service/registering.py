"""Files that are registered as datasets: from the request to the row of the catalog."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import pyarrow as pa
from pydantic import ValidationError

from engine import Problem
from service import tasks
from service.catalog import Dataset
from service.context import Services
from service.handlers import invalid_request
from service.intake import Form, Reading
from service.intake.receiving import Received
from service.problems import ProblemError
from service.registered import (
    Asked,
    Reference,
    Registered,
    hash_of,
    read,
    report_of,
    require_path,
)
from service.schemas.datasets import FileReference, ReferenceDocument, RegisteredFiles
from service.stored import bounds_of

LONGEST: Final = 8_192
"""Bytes of a document that refers to files, at most."""


async def asked(received: Received) -> FileReference | None:
    """Return the files that a body refers to; ``None`` when it is a table."""
    if received.form is not Form.JSON or received.size > LONGEST:
        return None
    content = await asyncio.to_thread(received.path.read_bytes)
    if b'"reference"' not in content:
        return None
    try:
        return ReferenceDocument.model_validate_json(content).reference
    except ValidationError as error:
        errors = error.errors()
        if any(each["loc"][:1] != ("reference",) for each in errors):
            return None  # a table with a column of this name, or nothing at all
        raise invalid_request(errors, ReferenceDocument) from error


async def register(
    parts: Services, owner: str, asked: FileReference, name: str | None, reading: Reading
) -> tuple[Dataset, bool]:
    """Make a dataset of files below a root, and tell whether it was new.

    Raises ``ProblemError``: ``invalid_request`` for root and path, ``limit_passed``,
    ``invalid_table``, ``name_taken``, and what a worker process ends with.
    """
    settings = parts.settings
    place = settings.data_roots.get(asked.root)
    if place is None:
        detail = "There is no data root of this name."
        hint = "The operator names them in PARTIALPOOL_DATA_ROOTS."
        item = Problem("unknown_root", detail, hint, ("reference", "root"))
        raise ProblemError("invalid_request", detail, [item])
    require_path(asked.path)
    wanted = Asked(place, asked.path, asked.format, reading)
    found: Registered = await parts.workers.run(
        tasks.registered,
        wanted,
        bounds_of(settings),
        progress=_quiet,
        seconds=settings.job_seconds,
    )
    digest = hash_of(asked.root, found.files, found.format, reading)
    new = Dataset(
        content_hash=digest,
        blob=f"registered/{digest}",  # no file of the store
        n_rows=found.n_rows,
        size_bytes=0,
        columns=found.columns,
        report=report_of(asked.root, wanted, found),
        name=name,
    )
    return await parts.datasets(owner).add(new)


def files_of(dataset: Dataset) -> RegisteredFiles | None:
    """Return the files of a registered dataset."""
    kept = dataset.report.get("reference")
    if kept is None:
        return None
    names = [file["name"] for file in kept["files"]]
    form = kept.get("format", "parquet")
    return RegisteredFiles(root=kept["root"], path=kept["path"], format=form, files=names)


async def rows(
    parts: Services, reference: Reference, names: Sequence[str], start: int, count: int
) -> pa.Table:
    """Return columns of some rows of registered files, text as dictionaries.

    What has to be copied, or read from the beginning, is read by a worker process.
    """
    if not reference.copied:
        return await parts.compute.run(read, reference, names, start, count)
    found: pa.Table = await parts.workers.run(
        tasks.rows_of_files,
        *(reference, names, start, count),
        progress=_quiet,
        seconds=parts.settings.job_seconds,
    )
    return found


def _quiet(done: float, message: str, /) -> None:
    """Nobody is told."""
