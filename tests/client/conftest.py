"""Clients of a running service, and the survey as a DataFrame."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from partialpool import Client, Model
from service.radon.tables import DATA
from tools.live import Live

FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"
SURVEY = DATA / "minnesota-radon.csv"


@pytest.fixture(scope="module")
def client(live: Live) -> Iterator[Client]:
    with Client(live.url, progress=False) as client:
        yield client


@pytest.fixture(scope="module")
def model(client: Client) -> Model:
    return client.fit(FORMULA, "minnesota-radon")


@pytest.fixture
def survey() -> pd.DataFrame:
    return pd.read_csv(SURVEY)


def number(frame: pd.DataFrame, row: object, column: str) -> float:
    """A cell of a table."""
    return float(frame.loc[[row], column].to_numpy(dtype=float)[0])
