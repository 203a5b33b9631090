"""What is kept of registered files, and what may be asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct, to_builtins

from service.buckets import SCHEME, Tag
from service.intake import Form, Reading
from service.intake.rooted import Mark
from service.problems import ProblemError

Format: TypeAlias = Literal["parquet", "csv", "tsv", "arrow"]

PLAIN: Final = Reading()
"""How cells are read when nothing is said."""

FORMS: Final[Mapping[Format, Form]] = {
    "parquet": Form.PARQUET,
    "csv": Form.CSV,
    "tsv": Form.TSV,
    "arrow": Form.ARROW,
}


class File(Struct, frozen=True):
    """A registered file: its path below the root, its hash, its rows, and the mark it had."""

    name: str
    digest: str
    n_rows: int
    mark: Mark | Tag


class Bounds(Struct, frozen=True):
    """How much may be registered at once.

    ``bytes`` counts the files that are copied to be read: those of a bucket, and those that are
    not Parquet; a file that is compressed counts as what it becomes, too.
    """

    files: int
    rows: int
    columns: int
    bytes: int
    expansion: int


class Asked(Struct, frozen=True):
    """Files to be registered: below which directory or URL, which, and how they are to be read.

    Without a format the names say it.
    """

    place: str
    path: str
    format: Format | None = None
    reading: Reading = PLAIN


class Reference(Struct, frozen=True):
    """Registered files, in order, the directory or URL that they are below, how they are read."""

    place: str
    files: tuple[File, ...]
    bounds: Bounds
    format: Format = "parquet"
    reading: Reading = PLAIN
    kinds: tuple[str, ...] = ()

    @property
    def copied(self) -> bool:
        """Whether reading them takes a copy, or a reading of text from the beginning."""
        return self.format != "parquet" or self.place.startswith(SCHEME)


class Registered(Struct, frozen=True):
    """What registering found: the form, the files, the columns as the catalog keeps them."""

    format: Format
    files: tuple[File, ...]
    columns: list[dict[str, Any]]

    @property
    def n_rows(self) -> int:
        """Of all files."""
        return sum(file.n_rows for file in self.files)


def hash_of(
    root: str, files: Sequence[File], form: Format = "parquet", reading: Reading | None = None
) -> str:
    """Return the hash of a dataset of registered files: places, contents, how they are read."""
    lines = [f"{file.digest} {file.n_rows} {root}/{file.name}" for file in files]
    if form != "parquet":
        lines.append(json.dumps([form, told_of(reading or PLAIN)]))
    return hashlib.sha256("\n".join(["partialpool files 1", *lines]).encode()).hexdigest()


def report_of(root: str, asked: Asked, found: Registered) -> dict[str, Any]:
    """Return what the catalog keeps of registered files."""
    files = [to_builtins(file) for file in found.files]
    kept = {"root": root, "path": asked.path, "files": files, "format": found.format}
    return {"form": "reference", "reference": {**kept, "reading": told_of(asked.reading)}}


def reference_of(
    report: Mapping[str, Any], kinds: Sequence[str], roots: Mapping[str, str], bounds: Bounds
) -> Reference:
    """Return where registered files are; raises ``files_changed`` when their root is no more."""
    kept = report["reference"]
    if kept["root"] not in roots:
        raise ProblemError("files_changed", "The root of the files is not among the data roots.")
    files = tuple(File(**{**file, "mark": _mark(file["mark"])}) for file in kept["files"])
    form, reading = kept.get("format", "parquet"), reading_of(kept.get("reading", told_of(PLAIN)))
    return Reference(roots[kept["root"]], files, bounds, form, reading, tuple(kinds))


def _mark(kept: Mapping[str, Any]) -> Mark | Tag:
    return Tag(**kept) if "etag" in kept else Mark(**kept)


def reading_of(told: Mapping[str, Any]) -> Reading:
    """Return how cells are read, as it was kept."""
    missing = None if told["missing"] is None else tuple(told["missing"])
    return Reading(tuple(told["text"]), missing)


def told_of(reading: Reading) -> dict[str, Any]:
    """Return how cells are read, to be kept as JSON."""
    missing = None if reading.missing is None else list(reading.missing)
    return {"text": sorted(reading.text), "missing": missing}
