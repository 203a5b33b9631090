"""From the bytes of a file to a typed table, its canonical hash and its stored form. No HTTP."""

from service.intake.caps import MISSING_WORDS, Caps, Reading
from service.intake.digest import dataset_id
from service.intake.errors import (
    CapError,
    IntakeError,
    MalformedJsonError,
    TooManyBytesError,
    UnknownFormError,
)
from service.intake.form import MEDIA_TYPES, Form, form_of, form_of_name
from service.intake.kinds import Kind
from service.intake.storage import heights, read_columns, read_rows, scan_parts, scan_stored
from service.intake.summary import ColumnSummary
from service.intake.sums import take_summary
from service.intake.table import TypedTable, rows_of_files, take_columns, take_files, take_in

__all__ = [
    "MEDIA_TYPES",
    "MISSING_WORDS",
    "CapError",
    "Caps",
    "ColumnSummary",
    "Form",
    "IntakeError",
    "Kind",
    "MalformedJsonError",
    "Reading",
    "TooManyBytesError",
    "TypedTable",
    "UnknownFormError",
    "dataset_id",
    "form_of",
    "form_of_name",
    "heights",
    "read_columns",
    "read_rows",
    "rows_of_files",
    "scan_parts",
    "scan_stored",
    "take_columns",
    "take_files",
    "take_in",
    "take_summary",
]
