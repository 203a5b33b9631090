"""Datasets that are sums instead of rows: kept, and added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from engine import (
    EngineError,
    LimitError,
    Problem,
    Summary,
    digest_of,
    merge,
    write_summary,
)
from service.catalog import Dataset
from service.context import Services
from service.datasets import caps_of, keep_row
from service.handlers import of_engine, of_intake
from service.intake import Caps, IntakeError, take_summary
from service.problems import ProblemError
from service.stored import SUMS, read_sums

JSON: Final = "application/vnd.partialpool.summary+json"
ARROW: Final = "application/vnd.partialpool.summary+arrow"
MEDIA_TYPES: Final = (JSON, ARROW)


def is_summary(dataset: Dataset) -> bool:
    """Tell whether a dataset is sums of rows that are elsewhere."""
    return "summary" in dataset.report


async def keep(
    parts: Services, owner: str, path: Path, media: str, name: str | None
) -> tuple[Dataset, bool]:
    """Make a dataset of the summary in a file, and tell whether it was new.

    Raises ``ProblemError``: ``invalid_summary``, ``limit_passed``, ``body_too_large``,
    ``name_taken``.
    """
    caps = caps_of(parts.settings)
    row, content = await parts.compute.run(_taken, path, caps, media)
    return await _add(parts, owner, structs.replace(row, name=name), content)


async def merged(
    parts: Services, owner: str, refs: Sequence[str], name: str | None
) -> tuple[Dataset, bool]:
    """Make a dataset of the sums of several, and tell whether it was new.

    They are added in the order of their hashes, so that the order of ``refs`` does not matter.
    Raises ``ProblemError``: ``dataset_not_found``, ``invalid_request`` when one is a table or would
    count twice, ``invalid_summary`` when they do not add up.
    """
    found = [await _wanted(parts, owner, i, ref) for i, ref in enumerate(refs)]
    _require_different(found)
    order = sorted(range(len(found)), key=lambda i: found[i].content_hash)
    contents = [await parts.blobs.read(found[i].blob) for i in order]
    leaves = sorted(leaf for dataset in found for leaf in _leaves(dataset))
    row, content = await parts.compute.run(_merged, contents, order, leaves)
    return await _add(parts, owner, structs.replace(row, name=name), content)


async def _add(parts: Services, owner: str, row: Dataset, content: bytes) -> tuple[Dataset, bool]:
    return await keep_row(parts, owner, row, lambda: parts.blobs.put(content, SUMS))


async def _wanted(parts: Services, owner: str, index: int, ref: str) -> Dataset:
    """Return the summary of this id or name."""
    try:
        dataset = await parts.datasets(owner).get(ref)
    except ProblemError as error:
        if error.kind.code != "dataset_not_found":
            raise
        detail, hint = "There is no dataset of this id or name.", "List them: GET /v1/datasets."
        item = Problem(error.kind.code, detail, hint, ("datasets", index))
        raise ProblemError(error.kind.code, detail, [item]) from error
    if not is_summary(dataset):
        detail = f"Dataset {index + 1} is a table: only summaries can be added."
        hint = "Summarise it: python -m engine summarise."
        raise _refused(Problem("not_a_summary", detail, hint, ("datasets", index)))
    return dataset


def _require_different(found: Sequence[Dataset]) -> None:
    """Refuse summaries whose rows would count twice."""
    seen: dict[str, int] = {}
    for i, dataset in enumerate(found):
        for leaf in _leaves(dataset):
            if leaf in seen:
                detail = f"Datasets {seen[leaf] + 1} and {i + 1} have rows in common."
                hint = "Name each summary once, by itself or within one that was added before."
                raise _refused(Problem("same_rows", detail, hint, ("datasets", i)))
            seen[leaf] = i


def _leaves(dataset: Dataset) -> list[str]:
    """Return the ids of the summaries as they were sent that a dataset holds."""
    return list(dataset.report["summary"]["parts"]) or [dataset.id]


def _refused(item: Problem) -> ProblemError:
    return ProblemError("invalid_request", item.detail, [item])


def _taken(path: Path, caps: Caps, media: str) -> tuple[Dataset, bytes]:
    try:
        return _row(take_summary(path, path.parent, caps), media, [])
    except EngineError as error:
        raise _invalid(error) from error
    except IntakeError as error:
        problem = of_intake(error)
        code = "invalid_summary" if problem.kind.code == "invalid_table" else problem.kind.code
        raise ProblemError(code, problem.detail, problem.items) from error


def _merged(
    contents: Sequence[bytes], order: Sequence[int], leaves: Sequence[str]
) -> tuple[Dataset, bytes]:
    try:
        return _row(merge([read_sums(content) for content in contents]), JSON, leaves)
    except EngineError as error:
        raise _invalid(_in_order(error, order)) from error


def _in_order(error: EngineError, order: Sequence[int]) -> EngineError:
    """Return the error with places in the request instead of places in order of the hashes."""
    items = []
    for problem in error.problems:
        match problem.path:
            case ("summaries", int(place)):
                first, other = order[0] + 1, order[place] + 1
                detail = f"Dataset {other}, beside dataset {first}: {problem.detail}"
                path = ("datasets", order[place])
                items.append(replace(problem, path=path, detail=detail))
            case _:
                items.append(replace(problem, path=("datasets",)))
    return type(error)(*items)


def _row(summary: Summary, form: str, parts: Sequence[str]) -> tuple[Dataset, bytes]:
    """Return the catalog's row of a summary, still without its file, and the file."""
    content = write_summary(summary, "arrow")
    report = {"form": form, "summary": _report(summary, parts)}
    return Dataset(digest_of(summary), "", summary.n_rows, len(content), [], report), content


def _report(summary: Summary, parts: Sequence[str]) -> dict[str, Any]:
    spec = summary.spec
    return {
        "formula": spec.formula.text,
        "weights": spec.weights,
        "offset": spec.offset,
        "categorical": list(spec.categorical),
        "factors": {name: list(levels) for name, levels in summary.levels.items()},
        "groups": {group.name: len(group.levels) for group in summary.sums.products.groups},
        "n_dropped": summary.n_dropped,
        "n_suppressed": summary.n_suppressed,
        "min_count": summary.min_count,
        "appendable": summary.appendable,
        "parts": list(parts),
    }


def _invalid(error: EngineError) -> ProblemError:
    problem = of_engine(error)
    code = "limit_passed" if isinstance(error, LimitError) else "invalid_summary"
    return ProblemError(code, problem.detail, problem.items)
