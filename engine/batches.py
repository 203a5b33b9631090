"""A lazy scan as batches of complete rows: what a model reads of it, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from engine.adder import LEAST_ROWS
from engine.errors import DataError, Problem
from engine.expression import Column
from engine.frame import (
    Frame,
    Roles,
    each_number,
    missing_values,
    no_rows,
    refuse_infinite,
    require_columns,
)
from engine.levels import Levels, Text, is_number, levels_of
from engine.parquet import ParquetRows, Scan, TextCodes
from engine.progress import Progress, silent
from engine.spec import Spec
from engine.sums import CHUNK_CELLS
from engine.table import Codes, Floats, Kind, all_finite, not_numeric, unsupported

EXPECTED = 10_000_000
"""Rows after which reading is taken to be half way: how many there are is not known."""
FACTOR = "factor:"
"""Before the name of a column that is read as a factor; it may be read as a number too."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a scan: names and types, nothing read."""

    types: Mapping[str, pl.DataType]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(self.types)

    def kind(self, name: str) -> Kind:
        """What a column holds; raises ``DataError`` for a type that cannot be modelled."""
        kind = self.types[name]
        if is_number(kind):
            return "number"
        if kind == pl.Boolean:
            return "boolean"
        if kind == pl.String or isinstance(kind, pl.Categorical | pl.Enum):
            return "text"
        raise unsupported(name, kind)

    def number(self, name: str) -> pl.Expr:
        """A column as doubles; raises ``DataError`` when it is none of numbers or booleans."""
        if self.kind(name) == "text":
            raise not_numeric(name)
        column = pl.col(name)
        return column if self.types[name] == pl.Float64 else column.cast(pl.Float64)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some complete rows.

    Attributes:
        frame: their numbers; no factors.
        codes: the codes of their factors by column, as ``Reader.levels`` has them.
    """

    frame: Frame
    codes: Mapping[str, Codes]


@dataclass(slots=True)
class Reader:
    """The columns of a scan that a model reads, and what has been met in them so far.

    Attributes:
        spec: the model.
        lazy: the scan.
        roles: how each column is read.
        numbers: expressions of the columns that are read as numbers.
        levels: of the columns that are read as factors.
        batch_rows: rows of a batch; ``None`` leaves it to the scan.
        progress: told how many rows have been read.
        first: number (from 0) of the first row, where the scan is a part of another.
        files: the Parquet files of all rows, where they are known.
        texts: those of ``levels`` whose codes these files give.
        checked: whether each number is looked at before it is summed; else NaN and infinity, where
            no cell is empty, are left to the sums, which tell of them too.
        n_rows: complete rows, in the pass that ended last.
        n_dropped: rows that missed a value, likewise.
        read: rows read in all passes.
    """

    spec: Spec
    lazy: pl.LazyFrame
    roles: Roles
    numbers: Mapping[str, pl.Expr]
    levels: Mapping[str, Levels]
    batch_rows: int | None
    progress: Progress = silent
    first: int = 0
    files: tuple[Path, ...] = ()
    texts: Mapping[str, Text] = field(default_factory=dict)
    checked: bool = True
    n_rows: int = field(default=0, init=False)
    n_dropped: int = field(default=0, init=False)
    read: int = field(default=0, init=False)

    @classmethod
    def of(
        cls,
        spec: Spec,
        rows: Scan,
        batch_rows: int | None = None,
        progress: Progress = silent,
        first: int = 0,
    ) -> Reader:
        """Decide how the columns are read, from their types alone.

        Raises:
            SpecError: columns do not exist.
            DataError: text where a number is needed, types that cannot be modelled.
        """
        lazy, files = lazy_of(rows), rows.files if isinstance(rows, ParquetRows) else ()
        schema = Schema(schema_of(lazy))
        require_columns(spec, schema)
        roles = Roles.of(spec, schema)
        found = each_number(roles, schema.number)
        # As the files have them: polars gives columns of another order out much later.
        numbers = {name: found[name] for name in schema.names if name in found}
        levels = {name: levels_of(name, schema.types[name]) for name in roles.factors}
        texts = {
            name: own
            for name, own in levels.items()
            if files
            and isinstance(own, Text)
            and isinstance(schema.types[name], pl.String | pl.Categorical)
        }
        return cls(spec, lazy, roles, numbers, levels, batch_rows, progress, first, files, texts)

    def batches(self) -> Iterator[Batch]:
        """Go over the rows once, in their order; a batch has a row or more.

        Raises:
            DataError: infinite values, no complete row, rows that miss a value when none may;
                or the data cannot be read.
        """
        yield from self.some_batches()
        refuse_gaps(self.spec, self.n_rows, self.n_dropped)

    def some_batches(self) -> Iterator[Batch]:
        """The same where these are not all rows: how many miss a value is only counted."""
        n_rows = n_dropped = 0
        for part in self._parts():
            n_rows += part.n_rows
            gaps = part.gaps()
            dropped = 0 if gaps is None else int(gaps.sum())
            n_dropped += dropped
            if dropped < part.n_rows and not (n_dropped and self.spec.missing == "fail"):
                yield part.complete(gaps, self.roles)
        self.n_rows, self.n_dropped = n_rows - n_dropped, n_dropped

    def _parts(self) -> Iterator[_Part]:
        """What the scan gives, in parts whose columns stay in a processor's cache."""
        step = max(LEAST_ROWS, CHUNK_CELLS // (len(self.numbers) + len(self.levels) + 1))
        others = {name: own for name, own in self.levels.items() if name not in self.texts}
        batches, first = self._read(others), self.first
        with _readable():
            texts = TextCodes(self.files, self.texts)
        while True:
            with _readable():
                read = next(batches, None)
            if read is None:
                return
            numbers = {name: read[name].to_numpy() for name in self.numbers}
            looked_at = self.checked or any(read[name].null_count() for name in self.numbers)
            codes = {name: own.codes(read[FACTOR + name]) for name, own in others.items()}
            for start in range(0, read.height, step):
                stop = min(start + step, read.height)
                with _readable():
                    beside = texts.take(stop - start)
                yield _Part(
                    stop - start,
                    first + start,
                    {name: own[start:stop] for name, own in numbers.items()},
                    beside | {name: own[start:stop] for name, own in codes.items()},
                    looked_at,
                )
            first += read.height
            self.read += read.height
            self.progress(1.0 - 1.0 / (1.0 + self.read / EXPECTED), f"rows read: {self.read}")

    def _read(self, levels: Mapping[str, Levels]) -> Iterator[pl.DataFrame]:
        """What polars reads: it begins now, beside what is done until it is asked for."""
        wanted = [
            *(expr.alias(name) for name, expr in self.numbers.items()),
            *(own.expr.alias(FACTOR + name) for name, own in levels.items()),
        ]
        with _readable():
            return self.lazy.select(wanted).collect_batches(
                chunk_size=self.batch_rows, maintain_order=True, lazy=False, engine="streaming"
            )


@dataclass(frozen=True, slots=True)
class _Part:
    """Some rows as they are read, numbered from ``first``; missing is NaN or -1."""

    n_rows: int
    first: int
    numbers: Mapping[str, Floats]
    codes: Mapping[str, Codes]
    checked: bool

    def gaps(self) -> NDArray[np.bool_] | None:
        """A mask (n,) of the rows that miss a value; ``None`` when all numbers are finite too."""
        numbers = self.numbers.values() if self.checked else ()
        odd = [np.isnan(own) for own in numbers if not all_finite(own)]
        odd += [own < 0 for own in self.codes.values() if own.min() < 0]
        return np.logical_or.reduce(odd) if odd else None

    def complete(self, gaps: NDArray[np.bool_] | None, roles: Roles) -> Batch:
        """The rows that miss no value; raises ``DataError`` when one is infinite."""
        if gaps is None:
            frame = Frame(self.n_rows, 0, self.numbers, {}, roles.bare, first=self.first)
            return Batch(frame, self.codes)
        kept = np.flatnonzero(~gaps)
        numbers = {name: values[kept] for name, values in self.numbers.items()}
        dropped = self.n_rows - len(kept)
        frame = Frame(len(kept), dropped, numbers, {}, roles.bare, rows=kept + self.first)
        refuse_infinite(frame, roles)
        return Batch(frame, {name: own[kept] for name, own in self.codes.items()})


def sums_tell(spec: Spec, roles: Roles) -> bool:
    """Whether a number that is not finite makes a sum that is not.

    It does where each column of numbers is the response or a fixed term, as it stands.
    """
    formula = spec.formula
    own = [formula.response, *(t.factors[0] for t in formula.terms if len(t.factors) == 1)]
    names = {each.name for each in own if isinstance(each, Column)}
    return spec.weights is None and spec.offset is None and names >= roles.numbers.keys()


def refuse_gaps(spec: Spec, n_rows: int, n_dropped: int) -> None:
    """Raise ``DataError`` when no row is complete, or some are not and none may miss a value."""
    if n_dropped and spec.missing == "fail":
        raise missing_values(n_dropped)
    if not n_rows:
        raise no_rows(spec)


def schema_of(lazy: pl.LazyFrame) -> pl.Schema:
    """Names and types of the columns of a scan; raises ``DataError`` when they cannot be read."""
    with _readable():
        return lazy.collect_schema()


def lazy_of(rows: Scan) -> pl.LazyFrame:
    """The rows as polars reads them."""
    return rows.scan if isinstance(rows, ParquetRows) else rows


@contextmanager
def _readable() -> Iterator[None]:
    """Raise ``DataError`` for what is raised when files cannot be read."""
    try:
        yield
    except (pl.exceptions.PolarsError, pa.ArrowException) as error:
        raise unreadable(error) from error


def collected(rows: Scan, columns: Iterable[str]) -> pa.Table:
    """Those of the columns that a scan has, in memory; raises ``DataError``."""
    lazy = lazy_of(rows)
    names = schema_of(lazy).names()
    with _readable():
        found = lazy.select(name for name in dict.fromkeys(columns) if name in names).collect(
            engine="streaming"
        )
    return found.to_arrow(compat_level=pl.CompatLevel.oldest())


def unreadable(error: pl.exceptions.PolarsError | pa.ArrowException) -> DataError:
    """The error of data that a scan cannot read."""
    return DataError(
        Problem(
            "unreadable_data",
            f"the data cannot be read: {str(error).splitlines()[0]}",
            "give the scan the types of the columns, or mend the files",
            ("dataset",),
        )
    )
