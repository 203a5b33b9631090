"""Sums instead of rows: what a model needs of its rows, made where they are and fitted anywhere."""

from engine.summaries.encoding import digest_of, read_summary, write_summary
from engine.summaries.fitted import fit_summary, require_made_for
from engine.summaries.summary import FORMAT, Summary, merge, summarise

__all__ = [
    "FORMAT",
    "Summary",
    "digest_of",
    "fit_summary",
    "merge",
    "read_summary",
    "require_made_for",
    "summarise",
    "write_summary",
]
