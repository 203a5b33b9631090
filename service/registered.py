"""Datasets that are files of the operator's: registered where they are, and never copied.

What is kept of a file is its SHA-256 and the mark that it had then. A file whose mark is another is
hashed again before it is read, and marks are compared again afterwards: what is fitted is what was
registered, or it is an error.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from engine import Problem
from service.intake import Kind
from service.intake.rooted import Mark, NotBelowError, Opened, matching, opened, parts_of
from service.problems import ProblemError

if TYPE_CHECKING:
    import polars as pl


FRESH: Final = 2_000_000_000
"""Nanoseconds since a write within which another may go unseen."""


@dataclass(frozen=True, slots=True)
class File:
    """A registered file: its path below the root, its hash, its rows, and the mark it had."""

    name: str
    digest: str
    n_rows: int
    mark: Mark


@dataclass(frozen=True, slots=True)
class Reference:
    """Registered files, in order, and the directory that they are below."""

    directory: str
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Registered:
    """What registering found: the files, and the columns as the catalog keeps them."""

    files: tuple[File, ...]
    columns: list[dict[str, Any]]

    @property
    def n_rows(self) -> int:
        """Of all files."""
        return sum(file.n_rows for file in self.files)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be registered at once."""

    files: int
    rows: int
    columns: int


def hash_of(root: str, files: Sequence[File]) -> str:
    """Return the hash of a dataset of registered files: their places and contents."""
    lines = [f"{file.digest} {file.n_rows} {root}/{file.name}" for file in files]
    return hashlib.sha256("\n".join(["partialpool files 1", *lines]).encode()).hexdigest()


def report_of(root: str, path: str, found: Registered) -> dict[str, Any]:
    """Return what the catalog keeps of registered files."""
    files = [asdict(file) for file in found.files]
    return {"form": "reference", "reference": {"root": root, "path": path, "files": files}}


def reference_of(report: dict[str, Any], roots: dict[str, Path]) -> Reference:
    """Return where registered files are; raises ``files_changed`` when their root is no more."""
    kept = report["reference"]
    if kept["root"] not in roots:
        raise ProblemError("files_changed", "The root of the files is not among the data roots.")
    files = tuple(File(**{**file, "mark": Mark(**file["mark"])}) for file in kept["files"])
    return Reference(str(roots[kept["root"]]), files)


def require_path(path: str) -> None:
    """Refuse a path that could leave a directory; nothing is looked at."""
    try:
        parts_of(path)
    except NotBelowError as error:
        raise _refused("invalid_path", f"{str(error).capitalize()}.") from error


def register(directory: str, path: str, bounds: Bounds) -> Registered:
    """Look at the files below a directory that a path or pattern names.

    Raises ``ProblemError``: ``invalid_request`` for the path, ``limit_passed``, ``invalid_table``
    for the files, which are Parquet with the same columns.
    """
    try:
        names = matching(Path(directory), path, bounds.files)
    except NotBelowError as error:
        raise _refused("invalid_path", f"{str(error).capitalize()}.") from error
    except OSError as error:
        raise ProblemError("unavailable", "The root cannot be read.") from error
    if not names:
        raise _refused("no_files", "No file below the root has this path.")
    if len(names) > bounds.files:
        raise _passed("too_many_files", f"More than {bounds.files} files have this path.")
    try:
        with opened(Path(directory), names) as files:
            return _looked_at(files, bounds)
    except (OSError, NotBelowError) as error:  # gone in the meantime
        raise _refused("no_files", "A file went away while it was read.") from error


@contextmanager
def scanned(reference: Reference, names: Sequence[str]) -> Iterator[pl.LazyFrame]:
    """Give a scan of registered files, as long as they are those that were registered.

    Raises ``files_changed``, also at the end when a file was written to meanwhile.
    """
    with _unchanged(reference) as files:
        yield _scan(files, names)


def read(reference: Reference, names: Sequence[str], start: int, count: int) -> pa.Table:
    """Return columns of some rows, text as dictionaries; raises ``files_changed``."""
    with _unchanged(reference) as files:
        rows = _scan(files, names).slice(start, count).collect(engine="streaming")
    return _plain(rows.to_arrow(compat_level=_oldest()))


@contextmanager
def _unchanged(reference: Reference) -> Iterator[list[Opened]]:
    try:
        with opened(Path(reference.directory), [file.name for file in reference.files]) as files:
            marks = [own.mark for own in files]
            for file, own, mark in zip(reference.files, files, marks, strict=True):
                if mark != file.mark and own.digest() != file.digest:
                    raise _changed(file.name)
            try:
                yield files
            finally:  # a reader may also have failed of it
                for own, mark in zip(files, marks, strict=True):
                    if own.mark != mark:
                        raise _changed(own.name)
    except OSError as error:
        raise ProblemError("files_changed", "A registered file is gone.") from error


def _looked_at(files: Sequence[Opened], bounds: Bounds) -> Registered:
    marks = [file.mark for file in files]
    counts = [_footer(file, files[0]) for file in files]
    if sum(counts) > bounds.rows:
        raise _passed("too_many_rows", f"The files have more than {bounds.rows} rows.")
    if not sum(counts):
        raise _invalid("no_rows", "The files have no rows.")
    kinds = _kinds(pq.read_schema(files[0].path), bounds)
    columns = _columns(_scan(files, list(kinds)), kinds)
    digests = [file.digest() for file in files]
    if [file.mark for file in files] != marks:
        raise ProblemError("files_changed", "A file was written to while it was registered.")
    found = zip(files, digests, counts, marks, strict=True)
    return Registered(
        tuple(File(own.name, digest, rows, _lasting(mark)) for own, digest, rows, mark in found),
        columns,
    )


def _lasting(mark: Mark) -> Mark:
    """Return a mark; of a file written just now, one that no file has.

    The clock of a file system is coarse: another write may leave the same times.
    """
    return replace(mark, changed=0) if time.time_ns() - mark.changed < FRESH else mark


def _footer(file: Opened, first: Opened) -> int:
    """Return the rows of a file; its columns are those of the first."""
    try:
        rows = int(pq.read_metadata(file.path).num_rows)
        if not pq.read_schema(file.path).equals(pq.read_schema(first.path)):
            raise _invalid("other_columns", f"{file.name} has other columns than {first.name}.")
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, ProblemError):
            raise
        raise _invalid("unreadable_file", f"{file.name} cannot be read as Parquet.") from error
    return rows


def _kinds(schema: pa.Schema, bounds: Bounds) -> dict[str, Kind]:
    if len(schema.names) > bounds.columns:
        raise _passed("too_many_columns", f"The files have more than {bounds.columns} columns.")
    found = {given.name: _kind(given.type) for given in schema}
    problems = [
        Problem("unsupported_type", f"Column {name!r} is of no kind that is kept.", "", ())
        for name, kind in found.items()
        if kind is None
    ]
    if problems or len(found) < len(schema.names):
        detail = problems[0].detail if problems else "A column name stands twice."
        raise ProblemError("invalid_table", detail, problems)
    return {name: kind for name, kind in found.items() if kind is not None}


def _kind(given: pa.DataType) -> Kind | None:
    if pa.types.is_dictionary(given):
        given = given.value_type
    if pa.types.is_floating(given):
        return Kind.NUMBER
    if pa.types.is_integer(given) and not pa.types.is_uint64(given):
        return Kind.INTEGER
    if pa.types.is_boolean(given):
        return Kind.BOOLEAN
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return Kind.TEXT if any(holds(given) for holds in texts) else None


def _scan(files: Sequence[Opened], names: Sequence[str]) -> pl.LazyFrame:
    import polars as pl  # a third of a second

    scans = [pl.scan_parquet(file.path, glob=False).select(names) for file in files]
    return pl.concat(scans, parallel=False) if len(scans) > 1 else scans[0]


def _columns(rows: pl.LazyFrame, kinds: dict[str, Kind]) -> list[dict[str, Any]]:
    """Return what there is to know of each column without holding its values."""
    import polars as pl  # as above

    asked = []
    for i, (name, kind) in enumerate(kinds.items()):
        column = pl.col(name)
        if kind is Kind.NUMBER:
            column = column.cast(pl.Float64).fill_nan(None)
        asked.append(column.null_count().alias(f"{i} missing"))
        if kind in {Kind.NUMBER, Kind.INTEGER}:
            asked += [column.min().alias(f"{i} minimum"), column.max().alias(f"{i} maximum")]
        if kind is not Kind.TEXT:
            asked.append(column.cast(pl.Float64).mean().alias(f"{i} mean"))
    try:
        found = rows.select(asked).collect(engine="streaming").row(0, named=True)
    except pl.exceptions.PolarsError as error:
        raise _invalid("unreadable_file", "A file cannot be read as Parquet.") from error
    return [
        {
            "name": name,
            "kind": kind.value,
            "missing": found[f"{i} missing"],
            "missing_words": {},
            "kept_words": {},
            "distinct": None,
            "minimum": _finite(found.get(f"{i} minimum")),
            "maximum": _finite(found.get(f"{i} maximum")),
            "mean": _finite(found.get(f"{i} mean")),
            "because": "",
        }
        for i, (name, kind) in enumerate(kinds.items())
    ]


def _finite(value: float | None) -> float | None:
    return None if value is None or abs(value) == float("inf") else value


def _plain(table: pa.Table) -> pa.Table:
    """Return the columns with text as dictionaries, as stored tables have it."""
    for i, given in enumerate(table.schema):
        if _kind(given.type) is Kind.TEXT:
            column = table.column(i).cast(pa.string()).combine_chunks().dictionary_encode()
            table = table.set_column(i, given.name, column)
    return table


def _oldest() -> pl.CompatLevel:
    import polars as pl  # as above

    return pl.CompatLevel.oldest()


def _changed(name: str) -> ProblemError:
    return ProblemError("files_changed", f"{name} has changed since it was registered.")


def _refused(code: str, detail: str) -> ProblemError:
    item = Problem(code, detail, "Give a path below the root, *.parquet.", ("reference", "path"))
    return ProblemError("invalid_request", detail, [item])


def _passed(code: str, detail: str) -> ProblemError:
    hint = "Name fewer files; GET /v1/limits tells the limits."
    return ProblemError("limit_passed", detail, [Problem(code, detail, hint, ("reference",))])


def _invalid(code: str, detail: str) -> ProblemError:
    hint = "Give Parquet files that have the same columns."
    return ProblemError("invalid_table", detail, [Problem(code, detail, hint, ("reference",))])
