"""Models fitted on this machine, by the engine, in the words of the service.

What the service answers with is loaded where it is asked for: a fit is printed in half the time.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import Fit, Spec, display, group_effects, read_table
from engine.command import fit_file
from engine.prediction import Predictive
from partialpool.bars import Progress, Report
from partialpool.cli import shown
from partialpool.frames import frame_of_table
from service.schemas.fits import FitRequest
from service.schemas.predictions import PredictionOptions

if TYPE_CHECKING:
    import pandas as pd


class LocalModel:
    """A model of a file, which nothing keeps."""

    def __init__(self, path: Path, asked: FitRequest | None, fit: Fit, seconds: float) -> None:
        self._path, self._fit, self._seconds = path, fit, seconds
        self._asked = asked or FitRequest(formula=fit.spec.formula.text, method=fit.spec.method)

    @property
    def groups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""
        return {each.group: len(each.levels) for each in self._fit.random}

    def summary(self) -> str:
        """Return the table that R's ``display`` prints."""
        return display(self._fit)

    def notes(self) -> list[str]:
        """Return what is worth knowing beside it."""
        fit = self._fit
        return shown.notes(fit.n_dropped, fit.dropped_terms, fit.convergence.messages)

    def document(self) -> dict[str, Any]:
        """Return the model as the service tells it; it has no id, for nothing keeps it."""
        from service import answers
        from service.orders import Order, specify

        with self._path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        order = Order.of(specify(self._asked), self._path.name, content)
        rows = answers.Rows(self._fit.n_rows + self._fit.n_dropped, None, None)
        row = answers.row(order, self._fit, self._seconds * 1e3, rows)
        told: dict[str, Any] = json.loads(answers.model(row, self._fit).model_dump_json())
        return told | {"id": None}

    def effects(self, group: str) -> pd.DataFrame:
        """Return the effects of each level of a group, by level."""
        from service import effects

        found = frame_of_table(effects.table(group_effects(self._fit, group)))
        return found.set_index("level").rename_axis(group)

    def predict(self, new: pd.DataFrame, asked: PredictionOptions) -> pd.DataFrame:
        """Predict new rows; columns that the model does not use are left out."""
        from service import predicting

        options = predicting.options_of(asked)
        model = Predictive.of(self._fit)
        needs = model.counting(options.random_effects).needs
        names = [each.name for each in (*needs.required, *needs.optional) if each.name in new]
        cells = new[names].astype(object).where(new[names].notna(), None)
        columns = {name: cells[name].tolist() for name in names}
        return frame_of_table(predicting.answer_table(model, columns, options))


def fitted(path: Path, asked: FitRequest | None, progress: Progress) -> LocalModel:
    """Fit a table, or the sums of a summary; raises ``EngineError`` and ``OSError``."""
    title = f"fitting {path.name}"

    def told(fraction: float, message: str) -> None:
        progress(Report(title, fraction, message))

    spec = None
    if asked is not None:
        spec = Spec.of(**asked.model_dump(exclude={"dataset", "data"}))
    begun = time.perf_counter()
    try:
        fit = fit_file(path, spec, progress=told)
    finally:
        progress(Report(title, 1.0, finished=True))
    return LocalModel(path, asked, fit, time.perf_counter() - begun)


def table_of(path: Path) -> pd.DataFrame:
    """Return a file as a table, read as the engine reads it."""
    return frame_of_table(read_table(path))
