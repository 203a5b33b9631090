"""What a contestant is told to fit: a model, and its table as files of columns.

The folder of a task has ``task.json`` and a file of each column: 64-bit floats of numbers, 32-bit
codes (from 0) of factors. R and Python read these in no time and without copies, so that the peak
memory of a program is that of its fit. Runs in the peers' environment too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Task:
    """A model to fit, in lme4's language and in pieces for programs that speak another.

    Attributes:
        formula: of the model.
        plain: the formula with its response a column, for programs whose formulas know no
            functions.
        response: that column.
        fixed: columns of the fixed effects beside the intercept.
        random: grouping columns, the one with most levels first.
        slopes: columns that vary over the first grouping column, correlated with its intercept.
        nested: whether the levels of each grouping column lie within those of the next.
        reml: by REML, else by ML.
        want: "fit", "effects" (with those of every level), "tables" or "kenward-roger".
        text: whether the levels of factors are text; else whole numbers.
    """

    formula: str
    plain: str
    response: str
    fixed: tuple[str, ...]
    random: tuple[str, ...]
    slopes: tuple[str, ...] = ()
    nested: bool = False
    reml: bool = True
    want: str = "fit"
    text: bool = True


def write(task: Task, table: pd.DataFrame, folder: Path) -> None:
    """Write a task and its table, of numbers and of factors (text or named in ``random``)."""
    columns: dict[str, list[str] | None] = {}
    for name in table.columns:
        if name in task.random or not pd.api.types.is_numeric_dtype(table[name]):
            codes, levels = pd.factorize(table[name], sort=True)
            codes.astype(np.int32).tofile(folder / name)
            columns[name] = [str(level) for level in levels]
        else:
            table[name].to_numpy(dtype=np.float64).tofile(folder / name)
            columns[name] = None
    text = json.dumps(asdict(task) | {"columns": columns, "rows": len(table)})
    (folder / "task.json").write_text(text, "utf-8")


def read(folder: Path) -> tuple[Task, pd.DataFrame]:
    """Read a task and its table."""
    told = json.loads((folder / "task.json").read_text("utf-8"))
    columns: dict[str, list[str] | None] = told["columns"]
    lists = {name: tuple(told[name]) for name in ("fixed", "random", "slopes")}
    task = Task(**{own.name: told[own.name] for own in fields(Task)} | lists)
    return task, pd.DataFrame(
        {name: _column(folder / name, levels, task.text) for name, levels in columns.items()}
    )


def _column(path: Path, levels: Sequence[str] | None, text: bool) -> pd.Series:
    if levels is None:
        return pd.Series(np.fromfile(path, dtype=np.float64))
    codes = np.fromfile(path, dtype=np.int32)
    return pd.Series(np.array(levels, dtype=object)[codes] if text else codes + 1)
