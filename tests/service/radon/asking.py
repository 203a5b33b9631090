"""The homeowner's questions, asked over HTTP."""

from __future__ import annotations

from typing import Any

import httpx

from service.schemas.radon import CountyPage, DecisionAnswer, RadonAssessment

FORMULA = "log(radon + 0.1) ~ floor + log_uranium + (1 | county)"


async def assessed(client: httpx.AsyncClient, **asked: Any) -> RadonAssessment:
    answer = await client.post("/v1/radon/assessments", json={"floor": "basement"} | asked)
    assert answer.status_code == 200, answer.text
    return RadonAssessment.model_validate_json(answer.content)


async def decided(client: httpx.AsyncClient, **asked: Any) -> DecisionAnswer:
    answer = await client.post("/v1/radon/decisions", json=asked)
    assert answer.status_code == 200, answer.text
    return DecisionAnswer.model_validate_json(answer.content)


async def listed(client: httpx.AsyncClient, **query: Any) -> CountyPage:
    answer = await client.get("/v1/radon/counties", params=query)
    assert answer.status_code == 200, answer.text
    return CountyPage.model_validate_json(answer.content)
