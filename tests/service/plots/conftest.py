"""One running application with some models, for all tests of plots."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.context import Services
from service.settings import Settings
from tests.service.keeping import RADON, keep

# However busy the machine is, it is not time that is tested.
PATIENT: dict[str, Any] = {"wait_seconds": 300, "plot_seconds": 300}

DATA = Path("tests/reference/data")


@dataclass(frozen=True)
class Plotted:
    """A running application, and the paths of the plots of its models by name."""

    app: FastAPI
    client: httpx.AsyncClient
    models: dict[str, str]

    @property
    def parts(self) -> Services:
        found = self.app.state.services
        assert isinstance(found, Services)
        return found

    async def get(self, model: str, plot: str, **query: Any) -> httpx.Response:
        return await self.client.get(f"{self.models[model]}/{plot}", params=query)

    async def names(self, model: str) -> list[str]:
        answer = await self.client.get(self.models[model])
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.json()["items"]]


MODELS = {
    "radon": ("minnesota-radon", "log(radon + 0.1) ~ floor + log_uranium + (1 | county)"),
    "plain": ("minnesota-radon", "log(radon + 0.1) ~ 1 + (1 | county)"),
    "codes": ("minnesota-radon", "log(radon + 0.1) ~ floor + (1 + floor | fips)"),
    "sleep": ("sleepstudy", "Reaction ~ Days + (Days | Subject)"),
    "penicillin": ("Penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)"),
    "squares": ("minnesota-radon", "log(radon + 0.1) ~ floor"),
    "no intercepts": ("sleepstudy", "Reaction ~ Days + (0 + Days | Subject)"),
    "no way back": ("sleepstudy", "I(Reaction * Days) ~ 1 + (1 | Subject)"),
}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def plotted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plotted]:
    directory = tmp_path_factory.mktemp("plots")
    settings = Settings(
        data_dir=directory / "var", bundled_data=False, max_waiting_plots=5, **PATIENT
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service", timeout=120) as client,
    ):
        found = Plotted(app, client, {})
        await keep(found.parts, RADON, "minnesota-radon")
        for name in ("sleepstudy", "Penicillin"):
            await keep(found.parts, DATA / f"{name}.csv", name)
        for name, (dataset, formula) in MODELS.items():
            body = {"dataset": dataset, "formula": formula}
            answer = await client.post("/v1/models", json=body)
            assert answer.status_code == 201, answer.text
            found.models[name] = f"{answer.headers['location']}/plots"
        yield found
