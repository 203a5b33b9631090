"""Datasets that grow: a part is appended, and the parts together are a new dataset."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine import Problem
from service import summaries
from service.caps import REQUEST
from service.catalog import Dataset
from service.catalog.datasets import dataset_id
from service.context import Services
from service.datasets import SUFFIX, column_row, keep_row, read
from service.intake import Form, Kind, Reading, TypedTable
from service.problems import ProblemError

_NUMBERS: Final = frozenset({Kind.NUMBER.value, Kind.INTEGER.value})


async def append(
    parts: Services,
    owner: str,
    ref: str,
    path: Path,
    form: Form,
    missing: tuple[str, ...] | None,
    *,
    directory: Path,
    name: str | None = None,
) -> tuple[Dataset, bool]:
    """Make a dataset of the rows of one and those of a file, and tell whether it was new.

    Only the file's rows are read and stored. Raises ``IntakeError`` for the file, ``ProblemError``:
    ``dataset_not_found``, ``only_sums``, ``limit_passed``, ``invalid_table`` when the columns are
    not those of the dataset, ``name_taken``.
    """
    base = await parts.datasets(owner).get(ref)
    _require_room(base)
    texts = tuple(str(own["name"]) for own in base.columns if own["kind"] == Kind.TEXT.value)
    target = directory / "stored"
    reading = Reading(texts, missing, strict=False)
    table = await read(parts, path, form, reading, directory=directory, target=target)
    columns, widened = _joined(base, table)
    if base.n_rows + table.rows > parts.settings.max_dataset_rows:
        raise _refused("too_many_rows", f"more than {parts.settings.max_dataset_rows} rows")
    size = (await asyncio.to_thread(target.stat)).st_size
    own = {"hash": table.hash, "blob": "", "n_rows": table.rows, "size_bytes": size}
    every = [*parts_of(base), {**own, "widened": widened}]
    new = Dataset(
        content_hash=hash_of([part["hash"] for part in every]),
        blob="",
        n_rows=base.n_rows + table.rows,
        size_bytes=base.size_bytes + size,
        columns=columns,
        report={"form": form.value, "parts": every},
        name=name,
    )
    return await keep_row(parts, owner, new, lambda: parts.blobs.put_file(target, SUFFIX))


def parts_of(dataset: Dataset) -> list[dict[str, Any]]:
    """Return the parts of a dataset in order; one that never grew is a part itself.

    The file of the last is the dataset's own.
    """
    found = dataset.report.get("parts")
    if found:
        return [*found[:-1], {**found[-1], "blob": dataset.blob}]
    return [
        {
            "hash": dataset.content_hash,
            "blob": dataset.blob,
            "n_rows": dataset.n_rows,
            "size_bytes": dataset.size_bytes,
            "widened": False,
        }
    ]


def hash_of(hashes: Sequence[str]) -> str:
    """Return the hash of a dataset with parts of these hashes, in order; of one, its own."""
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("\n".join(["partialpool parts 1", *hashes]).encode()).hexdigest()


def versions(dataset: Dataset) -> list[tuple[int, str]]:
    """Return how many parts each version up to a dataset has, and its hash; newest first.

    None from before a part that made a column of whole numbers one of numbers.
    """
    every = parts_of(dataset)
    hashes = [part["hash"] for part in every]
    found = []
    for count in range(len(every), 0, -1):
        found.append((count, hash_of(hashes[:count])))
        if every[count - 1]["widened"]:
            break
    return found


def previous(dataset: Dataset) -> str | None:
    """Return the id of the dataset that this one grew from."""
    every = parts_of(dataset)
    return dataset_id(hash_of([part["hash"] for part in every[:-1]])) if len(every) > 1 else None


def _require_room(base: Dataset) -> None:
    if summaries.is_summary(base):
        raise ProblemError("only_sums", "The dataset is a summary: add another by POST .../merge.")
    if "reference" in base.report:
        detail = "The dataset is files of the operator's, of which the service keeps none."
        hint = (
            "Have the rows put below the root as another file, and register all files again with a "
            "path that names it too, such as 2024/*.parquet; or upload the rows as a dataset."
        )
        item = Problem("registered_files", detail, hint, ("path", "dataset"))
        raise ProblemError("invalid_request", detail, [item])
    if len(parts_of(base)) >= REQUEST.parts:
        raise _refused("too_many_parts", f"more than {REQUEST.parts} parts")


def _refused(code: str, passed: str) -> ProblemError:
    detail = f"The dataset would have {passed}."
    item = Problem(code, detail, "Upload all rows as one dataset; GET /v1/limits has the limits.")
    return ProblemError("limit_passed", detail, [item])


def _joined(base: Dataset, table: TypedTable) -> tuple[list[dict[str, Any]], bool]:
    """Return the columns of both, and whether one of whole numbers is now one of numbers."""
    added = {column.name: column_row(column) for column in table.columns}
    _require_same_names([str(own["name"]) for own in base.columns], list(added))
    problems, columns, widened = [], [], False
    for own in base.columns:
        its = added[own["name"]]
        kind = _kind(own, its, table.rows)
        if kind is None:
            problems.append(_other_kind(own, its))
            continue
        widened = widened or kind != own["kind"]
        columns.append(_both(own, its, kind, base.n_rows, table.rows))
    if problems:
        raise ProblemError("invalid_table", problems[0].detail, problems)
    return columns, widened


def _require_same_names(own: Sequence[str], its: Sequence[str]) -> None:
    problems = [
        Problem("missing_column", f"The part has no column {name!r}.", "", ("columns", name))
        for name in own
        if name not in its
    ]
    problems += [
        Problem("unknown_column", f"The dataset has no column {name!r}.", "", ("columns", name))
        for name in its
        if name not in own
    ]
    if problems:
        raise ProblemError("invalid_table", problems[0].detail, problems)


def _kind(own: Mapping[str, Any], its: Mapping[str, Any], rows: int) -> str | None:
    """Return the kind of a column of both; ``None`` when they have none in common."""
    if own["kind"] == its["kind"] or its["missing"] == rows:
        return str(own["kind"])
    return Kind.NUMBER.value if {own["kind"], its["kind"]} <= _NUMBERS else None


def _other_kind(own: Mapping[str, Any], its: Mapping[str, Any]) -> Problem:
    detail = f"Column {own['name']!r} is {own['kind']} in the dataset and {its['kind']} in the part"
    why = f" ({its['because']})" if its["because"] else ""
    hint = "Mend the cells, or upload all rows as a new dataset."
    return Problem("other_kind", f"{detail}{why}.", hint, ("columns", own["name"]))


def _both(
    own: Mapping[str, Any], its: Mapping[str, Any], kind: str, n_own: int, n_its: int
) -> dict[str, Any]:
    """Return the summary of a column of both; how many values differ is not known."""
    present = (n_own - own["missing"], n_its - its["missing"])
    means = [(n, each["mean"]) for n, each in zip(present, (own, its), strict=True) if n]
    known = bool(means) and all(mean is not None for _, mean in means)
    bounds = [each for each in (own, its) if each["minimum"] is not None]
    return {
        **own,
        "kind": kind,
        "missing": own["missing"] + its["missing"],
        "missing_words": _added(own["missing_words"], its["missing_words"]),
        "kept_words": _added(own["kept_words"], its["kept_words"]),
        "distinct": None,
        "minimum": min((each["minimum"] for each in bounds), default=None),
        "maximum": max((each["maximum"] for each in bounds), default=None),
        "mean": sum(n * mean for n, mean in means) / sum(present) if known else None,
        "because": own["because"] or (its["because"] if kind == Kind.TEXT.value else ""),
    }


def _added(own: Mapping[str, int], its: Mapping[str, int]) -> dict[str, int]:
    return {word: own.get(word, 0) + its.get(word, 0) for word in {**own, **its}}
