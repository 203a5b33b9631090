"""Every table is the same whatever form it comes in."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pyarrow as pa
import pytest
from pyarrow import csv, ipc, parquet

from service import tabular
from service.catalog import Dataset

pytestmark = pytest.mark.anyio

MODEL = {
    "dataset": "minnesota-radon",
    "formula": "log(radon + 0.1) ~ floor + log_uranium + (1 + log_uranium | county)",
    "categorical": ["floor"],
}
CONTRASTS = {"contrasts": [{"name": "floor", "weights": {"floor1": 1}}]}

READERS = {
    tabular.CSV: lambda content: csv.read_csv(io.BytesIO(content)),
    tabular.PARQUET: lambda content: parquet.read_table(io.BytesIO(content)),
    tabular.ARROW: lambda content: ipc.open_stream(content).read_all(),
}


def flat(item: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the numbers of an item of JSON by their place in it."""
    out: dict[str, Any] = {}
    for name, value in item.items():
        if isinstance(value, dict):
            out |= flat(value, f"{prefix}{name}.")
        else:
            out[f"{prefix}{name}"] = value
    return out


@pytest.mark.parametrize("media", READERS)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("fixed-effects", None),
        ("variance-parameters?interval=wald", None),
        ("anova?type=I", None),
        ("contrasts", CONTRASTS),
        ("marginal-means/floor", None),
        ("marginal-means/floor?pairs=true", None),
        ("random-effects-tests", None),
        ("effects/county", None),
        ("pooling/county", None),
        ("diagnostics/rows", None),
        ("diagnostics/levels/county", None),
    ],
)
async def test_a_table_has_the_numbers_of_the_json(
    client: httpx.AsyncClient, radon: Dataset, media: str, path: str, body: dict[str, Any] | None
) -> None:
    assert radon.name == MODEL["dataset"]
    model = (await client.post("/v1/models", json=MODEL)).headers["location"]
    method = "GET" if body is None else "POST"
    told = (await client.request(method, f"{model}/{path}", json=body)).json()
    answer = await client.request(method, f"{model}/{path}", json=body, headers={"accept": media})
    assert answer.headers["content-type"].split(";")[0] == media
    assert "accept" in answer.headers["vary"].lower()
    table: pa.Table = READERS[media](answer.content)
    items = told["pairs"] if told.get("pairs") else told["items"]
    expected = [flat(item) for item in items]
    assert set(table.column_names) == {name for row in expected for name in row}
    for name in table.column_names:
        column = [row[name] for row in expected]
        own = table[name].to_pylist()
        if media == tabular.CSV and any(isinstance(cell, str) for cell in column):
            own, column = [str(cell) for cell in own], [str(cell) for cell in column]
            assert own == [cell if cell != "None" else "" for cell in column]
        else:
            assert own == pytest.approx(column)
