from __future__ import annotations

import asyncio
import inspect

import pandas as pd
import pytest

from partialpool import AsyncClient, AsyncModel, Client, Job, Model, ProblemError, Report
from tests.client.conftest import FORMULA
from tools.live import Live


@pytest.fixture
def jobs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not known becomes a job without a second's wait."""
    monkeypatch.setattr("partialpool.calls.jobs.WAIT", "respond-async")


@pytest.mark.usefixtures("jobs_at_once")
def test_what_takes_long_is_a_job_that_is_waited_for_with_progress(live: Live) -> None:
    reports: list[Report] = []
    with Client(live.url, progress=reports.append) as client:
        model = client.fit(FORMULA, "minnesota-radon", method="ML")
        found = model.intervals("bootstrap", n_sim=50)
    assert (found["lower"] < found["upper"]).all()
    assert reports[-1].finished
    assert any("bootstrap" in report.title.lower() for report in reports)


def test_a_fit_is_handed_in_followed_and_fetched(client: Client) -> None:
    formula = "log(radon + 0.1) ~ floor + (1 | state) + (1 | state:county)"
    job = client.submit(formula, "us-radon", method="ML")
    assert isinstance(job, Job)
    states = [each.state for each in job.events()]
    assert states[-1] == "succeeded"
    model = job.model()
    assert isinstance(model, Model)
    assert job.wait().progress == 1.0
    assert job.id in {each.id for each in client.jobs()}
    assert client.job(job.id).refresh().state == "succeeded"
    again = client.submit(formula, "us-radon", method="ML")
    assert again == model


@pytest.mark.usefixtures("jobs_at_once")
def test_an_interrupted_wait_cancels_the_job(live: Live, model: Model) -> None:
    def interrupt(_: Report) -> None:
        raise KeyboardInterrupt

    with Client(live.url, progress=interrupt) as client:
        own = client.model(model.id)
        with pytest.raises(KeyboardInterrupt):
            own.intervals("bootstrap", n_sim=10_000)
        assert next(client.jobs()).state == "cancelled"


@pytest.mark.usefixtures("jobs_at_once")
@pytest.mark.anyio
async def test_a_cancelled_task_cancels_its_job(live: Live, model: Model) -> None:
    waiting = asyncio.Event()
    async with AsyncClient(live.url, progress=lambda _: waiting.set()) as client:
        own = await client.model(model.id)
        task = asyncio.ensure_future(own.intervals("bootstrap", n_sim=10_000, seed=2))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        job = await anext(aiter(client.jobs()))
        assert [each.state async for each in job.events()] == ["cancelled"]


@pytest.mark.anyio
async def test_the_client_that_awaits_makes_the_same_calls(
    live: Live, survey: pd.DataFrame
) -> None:
    async with AsyncClient(live.url) as client:
        model = await client.fit("log(radon+0.1) ~ floor + (1|county)", survey)
        assert isinstance(model, AsyncModel)
        aitkin = (await model.effects("county")).loc["AITKIN"]
        assert round(aitkin["coefficients.(Intercept).estimate"], 7) == 1.2291388
        assert (await model.summary()).startswith("lmer(")
        assert len(await model.predict(survey)) == 919
        assert model.id in [each.id async for each in client.models()]
        with pytest.raises(ProblemError, match="did you mean floor"):
            await client.fit("radon ~ flor + (1 | county)", "minnesota-radon")


def test_both_clients_have_the_same_methods() -> None:
    def calls(kind: type) -> dict[str, str]:
        own = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
        found = {name: value for name, value in own.items() if inspect.isfunction(value)}
        return {
            name: str(inspect.signature(value)).replace("Async", "")
            for name, value in found.items()
        }

    assert calls(Client) == calls(AsyncClient)
    assert calls(Model) == calls(AsyncModel)
    assert "session" not in str(inspect.signature(Client.fit))
    assert "-> 'Model'" in str(inspect.signature(Client.fit))
