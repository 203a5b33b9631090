"""Models of a service, fitted there or found by their id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partialpool.cli import shown
from partialpool.client import Client, Model
from service.schemas.fits import FitRequest
from service.schemas.predictions import PredictionOptions

if TYPE_CHECKING:
    import pandas as pd


class RemoteModel:
    """A model that a service keeps."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def groups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""
        return self._model.groups

    def summary(self) -> str:
        """Return the table that R's ``display`` prints."""
        return self._model.summary()

    def notes(self) -> list[str]:
        """Return what is worth knowing beside it."""
        info = self._model.info
        return shown.notes(info.n_dropped, info.dropped_terms, info.convergence.messages)

    def document(self) -> dict[str, Any]:
        """Return the model as the service tells it."""
        told: dict[str, Any] = json.loads(self._model.info.model_dump_json())
        return told

    def effects(self, group: str) -> pd.DataFrame:
        """Return the effects of each level of a group, by level."""
        return self._model.effects(group)

    def predict(self, new: pd.DataFrame, asked: PredictionOptions) -> pd.DataFrame:
        """Predict new rows; columns that the model does not use are left out."""
        return self._model.predict(new, **asked.model_dump())


def fitted(client: Client, target: str, asked: FitRequest) -> RemoteModel:
    """Fit a file, which is uploaded, or a dataset of the service."""
    path = Path(target)
    dataset = client.upload(path).id if path.is_file() else target
    return RemoteModel(client.fit(asked.model_copy(update={"dataset": dataset})))
