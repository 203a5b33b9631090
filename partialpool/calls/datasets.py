"""Datasets: upload, append, list, look at, delete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from partialpool.bars import Report
from partialpool.calls.asking import (
    PAGE,
    Page,
    ask,
    get,
    once,
    pairs,
    path_of,
    posting,
    read,
    table,
)
from partialpool.errors import UnusableDataError
from partialpool.frames import PARQUET, frame_of, joined, parquet_of
from partialpool.session import AnySession, Bound, D, J, M, Session
from partialpool.steps import Body, Request, Steps
from service.schemas.base import Asked
from service.schemas.datasets import (
    DatasetDetail,
    DatasetList,
    DatasetPreview,
    DatasetSummary,
    FileFormat,
    FileReference,
    MergeRequest,
    ReferenceDocument,
)

if TYPE_CHECKING:
    import pandas as pd

MEDIA: Final = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": PARQUET,
    ".arrows": "application/vnd.apache.arrow.stream",
    ".arrow": "application/vnd.apache.arrow.file",
    ".feather": "application/vnd.apache.arrow.file",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".json": "application/json",
}
"""Forms of file by the ending of the name; ``.gz`` may follow."""

UPLOAD_SECONDS: Final = 900.0
"""How long a large file may take to be read by the service once it is there."""
ROWS_A_PAGE: Final = 100_000


def upload(
    session: Session[M, D, J],
    data: pd.DataFrame | Path | str,
    *,
    name: str | None = None,
    missing: Iterable[str] | None = None,
    text: Iterable[str] = (),
    media_type: str | None = None,
) -> Steps[D]:
    """Keep a table at the service; the same content again is the same dataset.

    Args:
        data: a DataFrame (without its index), or the path of a file: CSV, TSV, Parquet, Arrow,
            NDJSON or JSON by its ending, perhaps with ``.gz``. A file is read while it is sent.
        name: stands for the id from then on.
        missing: words for a missing cell, instead of the usual ones.
        text: columns to keep as text whatever they look like.
        media_type: what a file is, when the ending of its name does not say, as of a summary.
    """
    query = pairs({"name": name, "missing": missing, "text": text})
    return session.dataset(
        (yield from _sent(session, path_of("datasets"), query, data, media_type))
    )


def preview(
    session: AnySession, data: pd.DataFrame | Path | str, *, missing: Iterable[str] | None = None
) -> Steps[DatasetPreview]:
    """Return what an upload would become: columns, kinds, first rows. Nothing is kept."""
    request = Request(
        "POST",
        path_of("datasets", "preview"),
        pairs({"missing": missing}),
        body=_body(session, data),
        pure=True,
        patience=UPLOAD_SECONDS,
    )
    return read((yield from ask(session, request)), DatasetPreview)


def register(
    session: Session[M, D, J],
    root: str,
    path: str,
    *,
    format: FileFormat | None = None,  # noqa: A002 - as in the request
    name: str | None = None,
) -> Steps[D]:
    """Make files of the operator's a dataset where they are, below a root that the service names.

    Args:
        root: name of the root.
        path: below the root; ``*``, ``?`` and ``[ab]`` stand within a component.
        format: of the files; by default as their names say.
        name: stands for the id from then on.
    """
    asked = ReferenceDocument(reference=FileReference(root=root, path=path, format=format))
    return (yield from _kept(session, path_of("datasets"), asked, name))


def merge(
    session: Session[M, D, J], *summaries: Bound[Any, DatasetSummary] | str, name: str | None = None
) -> Steps[D]:
    """Add summaries of different rows; a fit of the sum is the fit of all rows together."""
    names = [each if isinstance(each, str) else each.id for each in summaries]
    asked = MergeRequest(datasets=names)
    return (yield from _kept(session, path_of("datasets", "merge"), asked, name))


def dataset(session: Session[M, D, J], ref: str) -> Steps[D]:
    """Return a dataset by its id or name."""
    return session.dataset((yield from get(session, path_of("datasets", ref), DatasetDetail)))


def datasets(session: Session[M, D, J], cursor: str | None) -> Steps[Page[D]]:
    """Go through the datasets, newest first; further pages are fetched on the way."""
    query = {"limit": PAGE, "cursor": cursor}
    found = yield from get(session, path_of("datasets"), DatasetList, query)
    return Page([session.dataset(item) for item in found.items], found.next)


def detail(session: AnySession, info: DatasetSummary) -> Steps[DatasetDetail]:
    """Return what is in the dataset: its columns, their kinds, ranges and missing cells."""
    return (yield from get(session, path_of("datasets", info.id), DatasetDetail))


def append(
    session: Session[M, D, J], info: DatasetSummary, data: pd.DataFrame | Path | str
) -> Steps[D]:
    """Return a new dataset: this one with more rows. A fit of it reads the new rows alone."""
    return session.dataset(
        (yield from _sent(session, path_of("datasets", info.id, "parts"), (), data))
    )


def rows(
    session: AnySession, info: DatasetSummary, *, limit: int | None = None
) -> Steps[pd.DataFrame]:
    """Return the rows of the dataset, at most ``limit`` of them, as a DataFrame."""
    left = info.n_rows if limit is None else min(limit, info.n_rows)
    frames: list[pd.DataFrame] = []
    query = pairs({"limit": min(max(left, 1), ROWS_A_PAGE)})
    request: Request | None = table(Request("GET", path_of("datasets", info.id, "rows"), query))
    while request is not None:
        answer = yield from ask(session, request)
        frames.append(frame_of(answer))
        left -= len(frames[-1])
        following = answer.links.get("next", {}).get("url") if left > 0 else None
        request = None if following is None else table(Request("GET", following))
    return joined(frames).head(limit) if limit is not None else joined(frames)


def delete(session: AnySession, info: DatasetSummary) -> Steps[None]:
    """Delete the dataset; models that were fitted to it stay."""
    yield from ask(session, Request("DELETE", path_of("datasets", info.id)))


def _kept(session: Session[M, D, J], path: str, asked: Asked, name: str | None) -> Steps[D]:
    request = replace(posting(path, asked), query=pairs({"name": name}), pure=False)
    answer = yield from ask(session, replace(once(request), patience=UPLOAD_SECONDS))
    return session.dataset(read(answer, DatasetDetail))


def _sent(
    session: AnySession,
    path: str,
    query: tuple[tuple[str, str], ...],
    data: pd.DataFrame | Path | str,
    media_type: str | None = None,
) -> Steps[DatasetDetail]:
    body = _body(session, data, media_type)
    request = once(Request("POST", path, query, body=body, patience=UPLOAD_SECONDS))
    try:
        return read((yield from ask(session, request)), DatasetDetail)
    finally:
        session.progress(Report(_title(data), 1.0, finished=True))


def _body(
    session: AnySession, data: pd.DataFrame | Path | str, media_type: str | None = None
) -> Body:
    if isinstance(data, str | Path):
        path = Path(data)
        content: bytes | Path = path
        size, media = path.stat().st_size, media_type or media_of(path)
    else:
        content, media = parquet_of(data), PARQUET
        size = len(content)
    title = _title(data)

    def told(done: int) -> None:
        reading = "the service reads it" if done >= size else ""
        session.progress(Report(title, done / size if size else 1.0, reading))

    return Body(content, media, told)


def media_of(path: Path) -> str:
    """Return the media type of a file by its name; raises ``UnusableDataError``."""
    name = path.name.lower().removesuffix(".gz")
    found = MEDIA.get(Path(name).suffix)
    if found is None:
        raise UnusableDataError(f"{path.name}: the ending is none of {', '.join(MEDIA)}")
    return found


def _title(data: pd.DataFrame | Path | str) -> str:
    return f"uploading {Path(data).name if isinstance(data, str | Path) else 'the table'}"
