"""The jobs of a catalog that several processes share."""

from __future__ import annotations

import asyncio

import pytest

from service.catalog import Database, Job, Jobs, Queue
from service.problems import ProblemError, body_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database, "default")


@pytest.fixture
def here(database: Database) -> Queue:
    return Queue(database, "here")


@pytest.fixture
def there(database: Database) -> Queue:
    return Queue(database, "there")


def new(key: str, blob: str | None = None) -> Job:
    return Job(key, "fit", "a fit", {"a": 1}, f"/v1/models/{key}", blob)


async def added(jobs: Jobs, key: str) -> Job:
    return (await jobs.add(new(key), 10))[0]


async def test_unfinished_work_of_the_same_key_is_one_job(jobs: Jobs, here: Queue) -> None:
    adding = await asyncio.gather(*(jobs.add(new("k"), 10) for _ in range(8)))
    assert len({job.id for job, _ in adding}) == 1
    assert sum(fresh for _, fresh in adding) == 1
    claimed = await here.claim()
    assert claimed is not None
    assert not (await jobs.add(new("k"), 10))[1]
    await here.succeed(claimed.job)
    assert (await jobs.add(new("k"), 10))[1], "once it is finished it may be asked for again"


async def test_one_process_gets_a_job_and_those_that_wait_longest_come_first(
    jobs: Jobs, here: Queue, there: Queue
) -> None:
    ids = [(await added(jobs, key)).id for key in "abcdef"]
    claims = await asyncio.gather(*(queue.claim() for queue in [here, there] * 4))
    got = [claimed.job.id for claimed in claims if claimed is not None]
    assert sorted(got) == sorted(ids)
    assert await here.claim() is None


async def test_who_has_lost_a_job_cannot_say_anything_of_it(
    jobs: Jobs, here: Queue, there: Queue
) -> None:
    await added(jobs, "k")
    claimed = await here.claim()
    assert claimed is not None
    assert await here.tell(claimed.job, 0.5, "half way")
    (lost,) = await there.lost(-1.0)
    assert await there.take_back(lost.job)
    again = await there.claim()
    assert again is not None
    assert (again.job.attempts, again.job.deaths, again.job.progress) == (2, 1, 0.0)
    assert not await here.tell(claimed.job, 0.6, "further")
    assert not await here.succeed(claimed.job)
    assert await there.succeed(again.job)


async def test_a_job_that_shows_signs_of_life_is_not_taken(
    jobs: Jobs, here: Queue, there: Queue
) -> None:
    await added(jobs, "k")
    claimed = await here.claim()
    assert claimed is not None
    (lost,) = await there.lost(-1.0)
    await here.tell(claimed.job, 0.1, "alive")
    assert not await there.take_back(lost.job)
    assert await there.lost(10.0) == []


async def test_a_cancelled_job_is_not_finished_by_who_works_on_it(jobs: Jobs, here: Queue) -> None:
    job = await added(jobs, "k")
    claimed = await here.claim()
    assert claimed is not None
    assert (await jobs.cancel(job.id)).state == "cancelled"
    assert not await here.tell(claimed.job, 0.5, "still at it")
    assert not await here.succeed(claimed.job)
    assert (await jobs.get(job.id)).state == "cancelled"


async def test_an_owner_has_so_many_jobs_and_another_has_its_own(
    jobs: Jobs, database: Database, here: Queue
) -> None:
    await jobs.add(new("a"), 2)
    await jobs.add(new("b"), 2)
    assert not (await jobs.add(new("b"), 2))[1], "what is there already is no more"
    with pytest.raises(ProblemError) as caught:
        await jobs.add(new("c"), 2)
    assert (caught.value.kind.code, caught.value.kind.status) == ("too_many_jobs", 429)
    other = Jobs(database, "other")
    mine, fresh = await other.add(new("a"), 2)
    assert fresh, "equal work of another owner is another job"
    with pytest.raises(ProblemError):
        await jobs.get(mine.id)
    with pytest.raises(ProblemError):
        await jobs.cancel(mine.id)
    claimed = await here.claim()
    assert claimed is not None
    await here.fail(claimed.job, body_of(ProblemError("internal"), "/").model_dump())
    assert (await jobs.add(new("c"), 2))[1]


async def test_the_file_of_a_finished_job_is_left_over_and_old_jobs_are_forgotten(
    jobs: Jobs, here: Queue
) -> None:
    job, _ = await jobs.add(new("k", "ab/cd.arrow"), 10)
    assert await here.leftovers() == []
    await jobs.cancel(job.id)
    (left,) = await here.leftovers()
    assert left.blob == "ab/cd.arrow"
    await here.let_go(left)
    assert await here.leftovers() == []
    await here.sweep(60)
    assert (await jobs.get(job.id)).state == "cancelled"
    await here.sweep(-1)
    with pytest.raises(ProblemError):
        await jobs.get(job.id)


async def test_jobs_are_listed_by_their_state_page_by_page(jobs: Jobs, here: Queue) -> None:
    ids = [(await added(jobs, key)).id for key in "abc"]
    claimed = await here.claim()
    assert claimed is not None
    assert [job.id for job in (await jobs.page(10, None, "running")).items] == ids[:1]
    first = await jobs.page(1, None, "queued")
    rest = await jobs.page(5, first.next, "queued")
    assert [job.id for job in (*first.items, *rest.items)] == ids[:0:-1]
    assert rest.next is None


async def test_who_queues_at_once_gets_no_more_than_one_owner_may_have(jobs: Jobs) -> None:
    adding = (jobs.add(new(key), 3) for key in "abcdefgh")
    outcomes = await asyncio.gather(*adding, return_exceptions=True)
    assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 3
    assert len((await jobs.page(10)).items) == 3
