"""Datasets that are files of the operator's: registered where they are, and never kept.

What is kept of a file is its SHA-256 and the mark that it had then. A file whose mark is another is
hashed again before it is read, and marks are compared again afterwards; what is copied to be read
is hashed on the way. What is fitted is what was registered, or it is an error.
"""

from service.registered.reading import read, scanned
from service.registered.reference import (
    Asked,
    Bounds,
    File,
    Format,
    Reference,
    Registered,
    hash_of,
    reading_of,
    reference_of,
    report_of,
    told_of,
)
from service.registered.register import register, require_path

__all__ = [
    "Asked",
    "Bounds",
    "File",
    "Format",
    "Reference",
    "Registered",
    "hash_of",
    "read",
    "reading_of",
    "reference_of",
    "register",
    "report_of",
    "require_path",
    "scanned",
    "told_of",
]
