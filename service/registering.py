"""Files that are registered as datasets: from the request to the row of the catalog."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
from msgspec import Struct
from pydantic import ValidationError

from engine import Problem, Progress
from service import tasks
from service.catalog import Claimed, Dataset, Job
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
    reading_of,
    report_of,
    require_path,
    told_of,
)
from service.schemas.datasets import FileReference, ReferenceDocument, RegisteredFiles
from service.shares import silent
from service.stored import bounds_of
from service.work import Label, Outlasted, Stowed

KIND: Final = "registration"

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


class Registration(Struct, frozen=True, dict=True):
    """Files that an owner wants as a dataset: looked at by a worker process, as a job.

    Its result is the dataset, and whether it is new. Nothing is found of it before: only who reads
    files knows what they are now.
    """

    parts: Services
    owner: str
    asked: FileReference
    name: str | None
    reading: Reading

    @classmethod
    def of(
        cls,
        parts: Services,
        owner: str,
        asked: FileReference,
        name: str | None,
        reading: Reading,
    ) -> Registration:
        """Return the work; raises ``invalid_request`` for a root or path that cannot be."""
        _place(parts, asked.root)
        require_path(asked.path)
        return cls(parts, owner, asked, name, reading)

    @property
    def label(self) -> Label:
        """What identifies it."""
        key = json.dumps([KIND, self._request], sort_keys=True)
        return Label(
            key=hashlib.sha256(key.encode()).hexdigest(),
            kind=KIND,
            title=f"registration of {self.asked.root}/{self.asked.path}",
            href="/v1/datasets",  # which of them is known when the files have been read
            large=True,
        )

    async def find(self) -> None:
        """Find nothing."""

    async def attempt(self) -> tuple[Dataset, bool]:
        """Leave it to a worker process, whose memory is bounded."""
        raise Outlasted

    async def made(self, job: Job) -> tuple[Dataset, bool]:
        """Return the dataset that a job has made, and whether there was none before."""
        kept = await self.parts.datasets(self.owner).get(job.href.rpartition("/")[2])
        return kept, kept.created_at >= (job.started_at or "")

    async def stow(self) -> Stowed:
        """Put away what is asked for."""
        return Stowed(self._request)

    @property
    def _request(self) -> dict[str, Any]:
        return {
            "reference": self.asked.model_dump(mode="json"),
            "reading": told_of(self.reading),
            "name": self.name,
        }


async def perform(parts: Services, claimed: Claimed, progress: Progress) -> str:
    """Do a job that is a registration, in a worker process; return the path of the dataset."""
    settings, given = parts.settings, claimed.job.request
    asked, reading = FileReference(**given["reference"]), reading_of(given["reading"])
    wanted = Asked(_place(parts, asked.root), asked.path, asked.format, reading)
    found: Registered = await parts.workers.run(
        tasks.registered,
        wanted,
        bounds_of(settings),
        progress=progress,
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
        name=given["name"],
    )
    kept, _ = await parts.datasets(claimed.owner).add(new)
    return f"/v1/datasets/{kept.id}"


def _place(parts: Services, root: str) -> str:
    """Return the directory or URL of a root; raises ``invalid_request``."""
    place = parts.settings.data_roots.get(root)
    if place is None:
        detail = "There is no data root of this name."
        hint = "The operator names them in PARTIALPOOL_DATA_ROOTS."
        item = Problem("unknown_root", detail, hint, ("reference", "root"))
        raise ProblemError("invalid_request", detail, [item])
    return place


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
        progress=silent,
        seconds=parts.settings.job_seconds,
    )
    return found
