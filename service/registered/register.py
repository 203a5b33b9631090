"""Looking at files that are to be registered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from msgspec import structs

from engine import Progress
from service.buckets import Tag, TooLargeError
from service.intake import Form, Reading, form_of_name
from service.intake.rooted import Mark, NotBelowError, parts_of
from service.problems import ProblemError
from service.registered import parquet, texts
from service.registered.places import Held, held, names_below, require_same
from service.registered.problems import passed, refused
from service.registered.reference import Asked, Bounds, File, Format, Registered
from service.shares import share, silent

FRESH: Final = 2_000_000_000
"""Nanoseconds since a write within which another may go unseen."""

COPIED: Final = 0.3
LOOKED: Final = 0.7
"""The shares of the work once files are copied, where they are, and once their rows are read."""

_FORMATS: Final[dict[Form | None, Format]] = {
    None: "parquet",
    Form.PARQUET: "parquet",
    Form.CSV: "csv",
    Form.TSV: "tsv",
    Form.ARROW: "arrow",
    Form.ARROW_FILE: "arrow",
}


def require_path(path: str) -> None:
    """Refuse a path that could leave a directory; nothing is looked at."""
    try:
        parts_of(path)
    except NotBelowError as error:
        raise refused("invalid_path", f"{str(error).capitalize()}.") from error


def register(asked: Asked, bounds: Bounds, progress: Progress = silent) -> Registered:
    """Look at the files below a directory or prefix that a path or pattern names.

    Raises ``ProblemError``: ``invalid_request`` for the path, ``limit_passed``, ``invalid_table``
    for the files, which have one form and the same columns; ``IntakeError`` for their cells.
    """
    names = _names(asked, bounds)
    form = asked.format or _format(names)
    if form == "parquet" and asked.reading != Reading():
        detail = "Columns of Parquet have the kind of their type."
        raise refused("typed_columns", f"{detail} Leave 'text' and 'missing' out.")
    try:
        with held(asked.place, names, bounds.bytes, share(progress, 0.0, COPIED)) as files:
            if form != "parquet" and sum(file.mark.size for file in files) > bounds.bytes:
                raise TooLargeError
            return _looked_at(files, form, asked.reading, bounds, progress)
    except TooLargeError as error:
        raise passed(
            "too_many_bytes", f"The files are larger than {bounds.bytes} bytes."
        ) from error
    except (OSError, NotBelowError) as error:  # gone in the meantime
        raise refused("no_files", "A file went away while it was read.") from error


def _names(asked: Asked, bounds: Bounds) -> list[str]:
    try:
        names = names_below(asked.place, asked.path, bounds.files)
    except NotBelowError as error:
        raise refused("invalid_path", f"{str(error).capitalize()}.") from error
    except OSError as error:
        raise ProblemError("unavailable", "The root cannot be read.") from error
    if not names:
        raise refused("no_files", "No file below the root has this path.")
    if len(names) > bounds.files:
        raise passed("too_many_files", f"More than {bounds.files} files have this path.")
    return names


def _format(names: Sequence[str]) -> Format:
    """Return the form of files that the endings of their names say; Parquet when they say none."""
    forms = {form_of_name(name) for name in names}
    formats = {_FORMATS.get(form) for form in forms}
    found = formats.pop()
    if formats or found is None:
        detail = "The files have several forms, or one that is not registered."
        raise refused("other_form", f"{detail} Give 'format', or a path such as 2024/*.csv.")
    return found


def _looked_at(
    files: Sequence[Held], form: Format, reading: Reading, bounds: Bounds, progress: Progress
) -> Registered:
    looking = share(progress, COPIED, LOOKED)
    if form == "parquet":
        counts, columns = parquet.look(files, bounds, looking)
    else:
        counts, columns = texts.look(files, form, reading, bounds, looking)
    digests = _digests(files, share(progress, LOOKED, 1.0))
    require_same(files)
    found = zip(files, digests, counts, strict=True)
    return Registered(
        form,
        tuple(File(own.name, digest, rows, _lasting(own.mark)) for own, digest, rows in found),
        columns,
    )


def _digests(files: Sequence[Held], progress: Progress) -> list[str]:
    """Return the hash of each file."""
    sizes, found = [file.mark.size for file in files], list[str]()
    total = max(sum(sizes), 1)
    for place, file in enumerate(files):
        start = sum(sizes[:place])
        found.append(file.digest(share(progress, start / total, (start + sizes[place]) / total)))
    return found


def _lasting(mark: Mark | Tag) -> Mark | Tag:
    """Return a mark; of a file written just now, one that no file has.

    The clock of a file system is coarse: another write may leave the same times.
    """
    if isinstance(mark, Tag):
        return mark
    return structs.replace(mark, changed=0) if time.time_ns() - mark.changed < FRESH else mark
