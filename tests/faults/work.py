"""Long work under way, to have something happen in the midst of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd

from tests.faults.traffic import BOUND, CSV
from tests.service.jobs import soon

PATIENCE = 120
ASYNC = {"prefer": "respond-async"}
QUESTION = {"interval": "bootstrap", "n_sim": "3000"}


def model_of(client: httpx.Client, formula: str = "y ~ floor + (1 | county)") -> str:
    """Upload houses in counties, fit them, and return the path of the model."""
    draw = np.random.default_rng(7)
    g = draw.integers(0, 85, 919)
    floor = draw.integers(0, 2, 919)
    y = 1.4 - 0.7 * floor + 0.3 * draw.standard_normal(85)[g] + 0.7 * draw.standard_normal(919)
    table = pd.DataFrame({"y": y, "floor": floor, "county": [f"c{each:02d}" for each in g]})
    url = "/v1/datasets?name=houses"
    answer = client.post(url, content=table.to_csv(index=False), headers=CSV)
    assert answer.is_success, answer.text
    body = {"dataset": "houses", "formula": formula}
    return str(client.post("/v1/models", json=body).headers["location"])


def begin(client: httpx.Client, model: str, seed: int = 1, draws: int = 3000) -> str:
    """Ask what takes some seconds; return the path of its job once it is under way."""
    question = QUESTION | {"seed": str(seed), "n_sim": str(draws)}
    answer = client.get(f"{model}/fixed-effects", params=question, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    path = str(answer.headers["location"])
    assert soon(lambda: client.get(path).json()["progress"] > 0, PATIENCE)
    return path


def ended(client: httpx.Client, path: str, seconds: float = PATIENCE) -> dict[str, Any]:
    """Return a job once it is finished, whatever a service in need answers meanwhile."""
    job: dict[str, Any] = {}

    def finished() -> bool:
        answer = client.get(path)
        if answer.is_success:
            job.update(answer.json())
        return job.get("state") in {"succeeded", "failed", "cancelled"}

    assert soon(finished, seconds), job
    return job


def succeeds(client: httpx.Client, path: str) -> None:
    """Assert that a job comes to its result, which can be read."""
    job = ended(client, path)
    assert job["state"] == "succeeded", job
    answer = client.get(job["result"]["href"])
    assert answer.status_code == 200, answer.text
    for item in answer.json().get("items", ()):
        assert item["lower"] < item["estimate"] < item["upper"]


def followed(client: httpx.Client, path: str) -> Iterator[dict[str, Any]]:
    """Follow a job: the job of every event."""
    with client.stream("GET", f"{path}/events", timeout=BOUND) as stream:
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                yield json.loads(value)
