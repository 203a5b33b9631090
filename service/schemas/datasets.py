"""Datasets: what is in one, lists of them, their rows."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field, RootModel

from service.caps import REQUEST
from service.schemas.base import Answer, Asked

Cell: TypeAlias = bool | int | float | str | None
FileFormat: TypeAlias = Literal["parquet", "csv", "tsv", "arrow"]
ColumnKind: TypeAlias = Literal["number", "integer", "boolean", "text"]


class ColumnsDocument(Asked):
    """A table by column."""

    columns: dict[str, list[Cell]] = Field(
        description="The cells of each column, of one kind; all columns have the same length.",
        min_length=1,
    )


class RowsDocument(Asked):
    """A table by row."""

    rows: list[dict[str, Cell]] = Field(
        description="Objects that all have the same keys.", min_length=1
    )


class TableDocument(RootModel[ColumnsDocument | RowsDocument]):
    """A table as one JSON document, for uploads; larger tables are better sent as lines."""


class FileReference(Asked):
    """Files of the operator's, below a root that the settings name."""

    root: str = Field(description="Name of the root.", max_length=100, examples=["survey"])
    path: str = Field(
        description="Path below the root; `*`, `?` and `[ab]` stand within a component.",
        max_length=1_000,
        examples=["2024/*.parquet"],
    )
    format: FileFormat | None = Field(
        None,
        description="Form of the files; null: as the endings of their names say, Parquet when they "
        "say none. CSV and TSV may be compressed by gzip.",
    )


class ReferenceDocument(Asked):
    """Files that are to be a dataset where they are."""

    reference: FileReference


class RegisteredFiles(Answer):
    """The files of a registered dataset."""

    root: str
    path: str
    format: FileFormat
    files: list[str] = Field(description="Paths below the root, in order.")


class DatasetColumn(Answer):
    """A column: its kind, what is missing, and what a look at it would tell."""

    name: str = Field(examples=["radon"])
    kind: ColumnKind = Field(
        description="`integer`: every value is a whole number. Text and booleans are factors."
    )
    missing: int = Field(description="How many cells are missing.", examples=[0])
    missing_words: dict[str, int] = Field(
        description="By which words of a text file missing cells were written, and how often.",
        examples=[{"": 2, "NA": 1}],
    )
    kept_words: dict[str, int] = Field(
        description="How often a column of text has a word that may mean missing and was kept; "
        "`?missing=NA` reads it as missing.",
        examples=[{}],
    )
    distinct: int | None = Field(
        description="How many different values text or integers have; null beyond 10,000, for "
        "other kinds, and for a dataset that has grown.",
        examples=[85],
    )
    minimum: int | float | None = Field(description="Of numbers and integers.")
    maximum: int | float | None = Field(description="Of numbers and integers.")
    mean: float | None = Field(description="Of numbers; of booleans the share that is true.")
    because: str = Field(
        description="Why a column that looked like numbers is text; empty otherwise.",
        examples=["row 12 is not a number"],
    )


class Sums(Answer):
    """What a summary holds: the sums that one model needs of rows that are elsewhere."""

    formula: str = Field(
        description="The model that can be fitted, by any method and with any contrasts.",
        examples=["log(radon + 0.1) ~ floor + (1 | county)"],
    )
    weights: str | None
    offset: str | None
    categorical: list[str]
    factors: dict[str, list[str]] = Field(
        description="Levels of the predictors that are factors.", examples=[{}]
    )
    groups: dict[str, int] = Field(
        description="Levels of each grouping factor.", examples=[{"county": 85}]
    )
    n_dropped: int = Field(description="Rows left out because a value was missing.", examples=[0])
    n_suppressed: int = Field(
        description="Rows left out because their cell was too small.", examples=[0]
    )
    min_count: int = Field(
        description="The fewest rows of a cell, as the sites state.", examples=[5]
    )
    appendable: bool = Field(
        description="Whether a summary of rows that come later can be added: false when the "
        "formula took constants from these rows."
    )
    parts: list[str] = Field(
        description="Ids of the summaries that were added; empty for one that was sent."
    )


class MergeRequest(Asked):
    """Summaries of different rows, to be added."""

    datasets: list[str] = Field(
        description="Ids or names of datasets that are summaries.",
        min_length=2,
        max_length=REQUEST.merged_datasets,
        examples=[["north", "south"]],
    )


class DatasetSummary(Answer):
    """A dataset as a list shows it."""

    id: str = Field(
        description="Follows from the content: the same table in another file has the same id.",
        examples=["ds_23qerx3kr5hlhyx3nuvpsi5yjknb3n7w"],
    )
    name: str | None = Field(
        description="Stands for the id wherever one is asked for.", examples=["minnesota-radon"]
    )
    kind: Literal["table", "summary"] = Field(
        description="`summary`: the sums of rows that are elsewhere; it has no rows or columns."
    )
    n_rows: int = Field(description="Of a summary: the rows summed.", examples=[919])
    n_columns: int = Field(examples=[5])
    size_bytes: int = Field(
        description="As stored, compressed; of a dataset that has grown, all parts. Nothing is "
        "stored of files that are registered.",
        examples=[12035],
    )
    public: bool = Field(description="Whether every owner may read it.")
    created_at: str = Field(examples=["2026-11-23T09:00:00.000000Z"])


class DatasetPart(Answer):
    """A part of a dataset that has grown."""

    content_hash: str = Field(description="SHA-256 of the part's typed content, in hexadecimal.")
    n_rows: int
    size_bytes: int = Field(description="As stored, compressed.")


class DatasetDetail(DatasetSummary):
    """A dataset and its columns."""

    content_hash: str = Field(
        description="SHA-256 of the typed content, in hexadecimal; of several parts, of the hashes "
        "of the parts."
    )
    columns: list[DatasetColumn]
    parts: list[DatasetPart] = Field(
        description="What was uploaded first, and what was appended to it, in order; a dataset "
        "that has not grown is one part. A summary has none."
    )
    previous: str | None = Field(
        description="Id of the dataset that this one grew from by its last part; it may be deleted "
        "since. Null when it has not grown."
    )
    reference: RegisteredFiles | None = Field(
        description="Files that were registered and stay where they are; null otherwise."
    )
    summary: Sums | None = Field(description="What a summary holds; null for a table.")


class DatasetList(Answer):
    """A page of datasets, newest first."""

    items: list[DatasetSummary]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class DatasetPreview(Answer):
    """What an upload would become; nothing is stored."""

    id: str = Field(description="The id that the dataset would have.")
    n_rows: int
    columns: list[DatasetColumn]
    head: list[dict[str, Cell]] = Field(description="The first rows.")


class DatasetRows(Answer):
    """A page of rows."""

    dataset: str
    columns: list[str] = Field(description="Names, in the order of the table.")
    start: int = Field(description="Index of the first row of the page, from 0.")
    items: list[dict[str, Cell]] = Field(description="The rows; null where a cell is missing.")
    next: str | None = Field(description="Cursor of the next page; null on the last.")
