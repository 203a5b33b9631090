"""The cases of lmerTest, pbkrtest and emmeans fitted over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np
import pytest

from tests.reference.inference import InferenceCase, categorical, inference_cases, table

CASES = inference_cases()
OATS, CAKE = "oats", "cake"

every_case = pytest.mark.parametrize("known", CASES, ids=lambda known: known["name"])


async def model_of(
    client: httpx.AsyncClient, known: InferenceCase | str, method: str = "REML"
) -> str:
    """Fit a case over HTTP and return the path of its model."""
    if isinstance(known, str):
        known = next(case for case in CASES if case["name"] == known)
    columns = {str(name): values.tolist() for name, values in table(known).items()}
    body = {
        "data": {"columns": columns},
        "formula": known["formula"],
        "categorical": categorical(known),
        "contrasts": known["contrasts"],
        "method": method,
    }
    answer = await client.post("/v1/models", json=body)
    assert answer.status_code in {200, 201}, answer.text
    return str(answer.headers["location"])


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def agree(
    items: Sequence[Mapping[str, Any]], expected: Mapping[str, Any], rtol: float, atol: float = 0.0
) -> None:
    """Assert that a table has these columns, and nulls in the same places."""
    for name, values in expected.items():
        found = np.array([item[name] for item in items], dtype=float)
        np.testing.assert_allclose(found, np.array(values, dtype=float), rtol, atol, err_msg=name)
