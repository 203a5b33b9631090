"""Pages of results, read: sections, their tables, and the numbers in cells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[1]

_CELLS: Final = re.compile(r"(?<!\\)\|")
_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
_TIME: Final = re.compile(r"(\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?) (ms|s)\b")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its head and its rows, as text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def cells(self, name: str) -> list[str]:
        """Return a column by its name, the first of that name."""
        place = self.head.index(name)
        return [row[place] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Section:
    """What stands below a heading: its title, the lines that are no table, the tables."""

    title: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...]


def sections(page: str) -> list[Section]:
    """Read a page of results, or none of one that has not been written yet."""
    path = FOLDER / page
    if not path.exists():
        return []
    parts = re.split(r"^#+ ", path.read_text("utf-8"), flags=re.MULTILINE)
    return [_section(part) for part in parts if part.strip()]


def _section(text: str) -> Section:
    title, _, rest = text.partition("\n")
    lines: list[str] = []
    tables: list[list[tuple[str, ...]]] = []
    before = ""
    for line in rest.splitlines():
        if not line.startswith("|"):
            lines.append(line)
        elif not before.startswith("|"):
            tables.append([_row(line)])
        else:
            tables[-1].append(_row(line))
        before = line
    found = tuple(Table(head, tuple(rows[1:])) for head, *rows in tables)
    return Section(title.strip(), tuple(line for line in lines if line.strip()), found)


def _row(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in _CELLS.split(line)[1:-1])


def machine(page: str) -> list[str]:
    """What a page was measured on: the first list on it."""
    lines = [line for section in sections(page) for line in section.lines]
    listed = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    return listed[:4]


def number(text: str) -> float | None:
    """Return the first number in a cell; None where there is none."""
    found = _NUMBER.search(text)
    return None if found is None else float(found[0].replace(",", ""))


def certain(text: str) -> float:
    """Return the number of a cell that must have one; raises ``ValueError``."""
    found = number(text)
    if found is None:
        raise ValueError(f"no number in the cell {text!r}")
    return found


def seconds(text: str) -> float | None:
    """Return the time that a cell begins with; None where it begins with none."""
    found = _TIME.match(text)
    if found is None:
        return None
    return float(found[1].replace(",", "")) * (1e-3 if found[2] == "ms" else 1.0)
