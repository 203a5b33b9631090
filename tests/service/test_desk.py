"""Work that is asked for by requests and jobs at the same time."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

import httpx
import pytest

from service.catalog import Dataset, Job
from service.context import Services
from service.desk import LOOKING_SECONDS, Obtained
from service.preference import Preference
from service.settings import Settings
from service.work import Label, Outlasted, Stowed
from tests.service.jobs import alive, busy, soon
from tests.service.keeping import another
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio

NOW, LATER = Preference(True, 0.0, ""), Preference(False, 20.0, "")
RADON = {"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}


@dataclass
class Thought:
    """Work that ends when it is let, in a thread, or outlasts it; its job has no worker."""

    outlasts: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    result: str | None = None
    label: Label = field(default=Label("k" * 64, "thought", "a thought", "/v1/thoughts/1"))

    async def find(self) -> str | None:
        return self.result

    async def attempt(self) -> str:
        self.begun += 1
        if self.outlasts:
            raise Outlasted
        await self.gate.wait()
        self.result = "thought"
        return self.result

    async def made(self, job: Job) -> str | None:
        assert job.href == self.label.href
        return self.result

    async def stow(self) -> Stowed:
        return Stowed({})


class Slow(Thought):
    """Work whose rows take longer to put away than a request waits."""

    stowed = 0

    async def stow(self) -> Stowed:
        self.stowed += 1
        await asyncio.sleep(2 * LOOKING_SECONDS)
        return await super().stow()


async def test_who_waits_gets_the_result_and_the_next_finds_it(parts: Services) -> None:
    work, jobs = Thought(), parts.jobs("default")
    work.gate.set()
    assert await parts.desk.obtain(jobs, work, LATER) == Obtained("thought", "made")
    assert await parts.desk.obtain(jobs, work, NOW) == Obtained("thought", "found")
    assert work.begun == 1


async def test_many_who_wait_share_one_result(parts: Services) -> None:
    work, jobs = Thought(), parts.jobs("default")
    asking = [asyncio.create_task(parts.desk.obtain(jobs, work, LATER)) for _ in range(5)]
    await asyncio.sleep(0.05)
    work.gate.set()
    found = await asyncio.gather(*asking)
    assert work.begun == 1
    assert {obtained.how for obtained in found if isinstance(obtained, Obtained)} == {
        "made",
        "shared",
    }


async def test_a_request_that_waits_no_longer_leaves_a_job_that_joins_what_has_begun(
    parts: Services,
) -> None:
    await parts.runner.close()
    parts.changes.closing = False
    work, jobs = Thought(), parts.jobs("default")
    first = await parts.desk.obtain(jobs, work, Preference(False, 0.0, ""))
    assert isinstance(first, Job)
    assert (first.state, first.href) == ("queued", "/v1/thoughts/1")
    joining = asyncio.create_task(parts.desk.join("default", work.label.key))
    await asyncio.sleep(LOOKING_SECONDS / 2)
    assert not joining.done()
    work.gate.set()
    await joining
    assert (work.begun, work.result) == (1, "thought")


async def test_what_outlasts_a_thread_becomes_one_job(parts: Services) -> None:
    await parts.runner.close()
    parts.changes.closing = False
    work, jobs = Thought(outlasts=True), parts.jobs("default")
    brief = Preference(False, 0.3, "")
    found = await asyncio.gather(*(parts.desk.obtain(jobs, work, brief) for _ in range(3)))
    assert len({job.id for job in found if isinstance(job, Job)}) == 1
    assert work.begun == 1


async def test_rows_that_take_long_to_put_away_are_put_away_once(parts: Services) -> None:
    await parts.runner.close()
    parts.changes.closing = False
    work, jobs = Slow(), parts.jobs("default")
    found = await asyncio.gather(*(parts.desk.obtain(jobs, work, NOW) for _ in range(3)))
    assert len({job.id for job in found if isinstance(job, Job)}) == 1
    assert work.stowed == 1


@pytest.mark.usefixtures("radon")
async def test_requests_and_jobs_for_the_same_fit_make_it_once(
    client: httpx.AsyncClient, parts: Services
) -> None:
    headers = [{}, {"prefer": "respond-async"}, {"prefer": "wait=10"}] * 4
    asking = (client.post("/v1/models", json=RADON, headers=each) for each in headers)
    answers = await asyncio.gather(*asking)
    assert {answer.status_code for answer in answers} <= {200, 201, 202}
    found = await client.post("/v1/models", json=RADON)
    assert (found.status_code in {200, 201}, parts.fitting.fits) == (True, 1)


async def test_more_jobs_than_one_may_have_are_refused_for_the_time_being(
    settings: Settings, radon: Dataset
) -> None:
    assert radon.n_rows
    async with another(settings.model_copy(update={"max_jobs": 1})) as client:
        answers = [
            await client.post(
                "/v1/models", json=RADON | {"method": method}, headers={"prefer": "respond-async"}
            )
            for method in ("REML", "ML")
        ]
        assert answers[0].status_code == 202
        assert read(answers[1]).code == "too_many_jobs"
        assert int(answers[1].headers["retry-after"]) > 0
        again = await client.post("/v1/models", json=RADON, headers={"prefer": "respond-async"})
        assert again.headers["location"] == answers[0].headers["location"]
        await client.delete(answers[0].headers["location"])


async def test_a_job_is_cancelled_by_another_replica_than_runs_it(settings: Settings) -> None:
    bundled = settings.model_copy(update={"bundled_data": True})
    async with another(bundled) as here, another(bundled) as there:
        path = (await here.post("/v1/models", json=RADON)).headers["location"]
        query = {"interval": "bootstrap", "n_sim": "10000"}
        headers = {"prefer": "respond-async"}
        answer = await here.get(f"{path}/fixed-effects", params=query, headers=headers)
        job = answer.headers["location"]
        for _ in range(300):
            if (await there.get(job)).json()["progress"]:
                break
            await asyncio.sleep(0.1)
        worker = await asyncio.to_thread(busy, os.getpid())
        assert (await there.delete(job)).json()["state"] == "cancelled"
        assert await asyncio.to_thread(soon, lambda: not alive(worker), 2)
        assert (await here.get(job)).json()["state"] == "cancelled"
