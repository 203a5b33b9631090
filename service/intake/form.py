"""The forms of file that are understood, by media type or by file name."""

from __future__ import annotations

from enum import Enum

from engine import Problem
from service.intake.errors import UnknownFormError


class Form(Enum):
    """A form of file; the value is its media type."""

    CSV = "text/csv"
    TSV = "text/tab-separated-values"
    PARQUET = "application/vnd.apache.parquet"
    ARROW = "application/vnd.apache.arrow.stream"
    ARROW_FILE = "application/vnd.apache.arrow.file"
    NDJSON = "application/x-ndjson"
    JSON = "application/json"


MEDIA_TYPES = tuple(form.value for form in Form)

_ALIASES = {
    "application/csv": Form.CSV,
    "text/tsv": Form.TSV,
    "application/parquet": Form.PARQUET,
    "application/x-parquet": Form.PARQUET,
    "application/ndjson": Form.NDJSON,
    "application/jsonl": Form.NDJSON,
    "application/jsonlines": Form.NDJSON,
}

_ENDINGS = {
    "csv": Form.CSV,
    "tsv": Form.TSV,
    "tab": Form.TSV,
    "parquet": Form.PARQUET,
    "pq": Form.PARQUET,
    "arrow": Form.ARROW,
    "arrows": Form.ARROW,
    "feather": Form.ARROW_FILE,
    "ndjson": Form.NDJSON,
    "jsonl": Form.NDJSON,
    "json": Form.JSON,
}

_SAYS_NOTHING = {
    "",
    "application/octet-stream",
    "application/gzip",
    "application/x-gzip",
    "text/plain",
}

_HINT = "Send one of " + ", ".join(MEDIA_TYPES) + "; or multipart/form-data with a part 'file'."


def form_of(media_type: str, file_name: str = "") -> Form:
    """Return the form of a file from its media type, or from its name when the type says nothing.

    Raises ``UnknownFormError`` for any other type, and for text in a charset that is not UTF-8.
    """
    kind, _, rest = media_type.partition(";")
    kind = kind.strip().lower()
    form = _FORMS.get(kind)
    if form is None and kind in _SAYS_NOTHING:
        form = _ENDINGS.get(_ending(file_name))
    if form is None:
        raise UnknownFormError(_unknown(kind, file_name))
    charset = _parameter(rest, "charset")
    if charset not in {"", "utf-8", "utf8", "us-ascii"}:
        raise UnknownFormError(
            Problem(
                "unsupported_charset",
                "The text is in a charset other than UTF-8.",
                "Convert the file to UTF-8.",
                ("header", "content-type"),
            )
        )
    return form


def form_of_name(file_name: str) -> Form | None:
    """Return the form that the ending of a name says; ``None`` when it says none."""
    return _ENDINGS.get(_ending(file_name))


_FORMS = {form.value: form for form in Form} | _ALIASES


def _unknown(kind: str, file_name: str) -> Problem:
    if kind and kind not in _SAYS_NOTHING:
        detail = f"Files of type {kind[:100]!r} are not understood."
    elif file_name:
        detail = "Neither the type of the file nor the ending of its name says what form it has."
    else:
        detail = "The request does not say what form the file has."
    return Problem("unknown_form", detail, _HINT, ("header", "content-type"))


def _ending(file_name: str) -> str:
    return file_name.lower().removesuffix(".gz").rpartition(".")[2]


def _parameter(rest: str, name: str) -> str:
    for part in rest.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"').lower()
    return ""
