"""A real cluster: a scheduler and workers as processes of this machine; some are killed."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest

from engine import Spec, bootstrap, fit_spec, from_bytes
from service import parted
from service.blobs import Blobs, digest_of
from service.catalog import Model
from service.cluster.client import Cluster
from service.fitting import fit_order
from service.orders import Order, specify
from service.places import Step, UnreachableError, WorkerDiedError
from service.problems import ProblemError
from service.schemas.fits import FitRequest
from service.settings import Settings
from service.stored import Stored, scan_source
from tests.service import tasking
from tests.service.clusters import Local, clustered
from tests.service.jobs import alive, busy, children, soon
from tests.service.keeping import another
from tests.service.test_jobs import ASYNC, RADON, until
from tests.service.test_problems import read
from tools.live import Live, serving

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FORMULA = "y ~ x + c + scale(z) + (x | g) + (1 | h)"
ROWS, GROUP_ROWS = 24_000, 1_000

# A machine that does much else starts a process slowly.
PATIENCE = 300


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with clustered(tmp_path_factory.mktemp("cluster"), 2) as made:
        yield made


@pytest.fixture
async def cluster(local: Local) -> AsyncIterator[Cluster]:
    """A client of the cluster, which has two workers again."""
    await asyncio.to_thread(local.work, 2)
    made = Cluster(Settings(compute=local.address))
    await made.start()
    assert await reached(made)
    yield made
    await made.close()


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"file://{tmp_path_factory.mktemp('blobs')}"


@pytest.fixture(scope="module")
def stored(blobs: str, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A table of many row groups, in the last of which a factor has a new level."""
    draw = np.random.default_rng(3)
    g, h = draw.integers(0, 40, ROWS), draw.integers(0, 7, ROWS)
    rows = pl.DataFrame(
        {
            "y": draw.normal(size=ROWS) + draw.normal(size=40)[g] + draw.normal(size=7)[h],
            "x": draw.normal(size=ROWS),
            "z": 2000.0 + draw.normal(size=ROWS),
            "c": [f"c{i % 3 if i < ROWS - 500 else 3}" for i in range(ROWS)],
            "g": [f"g{i}" for i in g],
            "h": [f"h{i}" for i in h],
        }
    )
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    rows.write_parquet(path, row_group_size=GROUP_ROWS)
    return Stored((asyncio.run(Blobs(blobs).put_file(path, ".parquet")),), tuple(rows.columns))


def order(formula: str = FORMULA) -> Order:
    return Order.of(specify(FitRequest(formula=formula, dataset="d")), "d", "hash")


async def reached(cluster: Cluster) -> bool:
    for _ in range(PATIENCE * 10):
        try:
            cluster.require()
        except UnreachableError:
            await asyncio.sleep(0.1)
        else:
            return True
    return False


def quiet(_: float, __: str, /) -> None:
    return


class Heard:
    """Takes note of progress."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []

    def __call__(self, done: float, message: str, /) -> None:
        self.told.append((done, message))


async def fitted(cluster: Cluster, stored: Stored, blobs: str, heard: Heard | None = None) -> Model:
    return await parted.fit(
        cluster,
        order(),
        stored,
        blobs,
        False,
        GROUP_ROWS,
        progress=heard or quiet,
        seconds=PATIENCE,
    )


async def test_a_fit_in_parts_is_the_fit_of_the_whole(
    cluster: Cluster, stored: Stored, blobs: str
) -> None:
    heard = Heard()
    found = from_bytes(await Blobs(blobs).read((await fitted(cluster, stored, blobs, heard)).blob))
    whole = scan_source([await Blobs(blobs).file(stored.files[0], Path())], stored)
    _, expected = fit_order(order(), whole, quiet)
    assert found.coefficients == expected.coefficients
    assert found.n_rows == ROWS
    np.testing.assert_allclose(found.beta, expected.beta, rtol=1e-10)
    np.testing.assert_allclose(found.std_errors, expected.std_errors, rtol=1e-10)
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-7)
    assert any("parts done" in message for _, message in heard.told)
    assert len({done for done, _ in heard.told}) > ROWS / GROUP_ROWS, "every part is told of"


async def test_the_number_of_workers_changes_no_bit(
    local: Local, cluster: Cluster, stored: Stored, blobs: str
) -> None:
    two = await fitted(cluster, stored, blobs)
    await asyncio.to_thread(local.work, 1)
    one = await fitted(cluster, stored, blobs)
    assert digest_of(one.blob) == digest_of(two.blob)


async def test_four_workers_change_no_bit(
    local: Local, cluster: Cluster, stored: Stored, blobs: str
) -> None:
    two = await fitted(cluster, stored, blobs)
    await asyncio.to_thread(local.work, 4)
    four = await fitted(cluster, stored, blobs)
    assert digest_of(four.blob) == digest_of(two.blob)


async def test_a_worker_killed_in_the_middle_changes_no_bit(
    local: Local, cluster: Cluster, stored: Stored, blobs: str
) -> None:
    whole = await fitted(cluster, stored, blobs)
    heard = Heard()
    fitting = asyncio.create_task(fitted(cluster, stored, blobs, heard))
    while not any(message.startswith(("3 of", "4 of", "5 of")) for _, message in heard.told):
        assert not fitting.done()
        await asyncio.sleep(0.001)
    local.workers[0].kill()
    assert not fitting.done()
    assert digest_of((await fitting).blob) == digest_of(whole.blob)


async def test_a_task_that_kills_its_process_takes_no_worker_with_it(
    local: Local, cluster: Cluster
) -> None:
    with pytest.raises(WorkerDiedError) as caught:
        await cluster.run(tasking.add, Step(tasking.die, ()), 1, progress=quiet, seconds=PATIENCE)
    assert caught.value.kind.code == "worker_died"
    assert [own.process.poll() for own in local.workers] == [None, None]
    assert await cluster.run(tasking.add, 1, 1, progress=quiet, seconds=PATIENCE) == 2


async def test_what_a_task_refuses_reaches_who_asked(cluster: Cluster) -> None:
    with pytest.raises(ProblemError) as caught:
        await cluster.run(tasking.refuse, progress=quiet, seconds=PATIENCE)
    assert caught.value.kind.code == "unusable_data"
    assert [item.code for item in caught.value.items] == ["bad"]


async def test_cancelling_ends_the_process_and_the_worker_is_free(
    local: Local, cluster: Cluster
) -> None:
    await asyncio.to_thread(local.work, 1)
    asked = cluster.run(tasking.multiply, 1500, progress=quiet, seconds=PATIENCE)
    task = asyncio.create_task(asked)
    child = await asyncio.to_thread(busy, local.workers[0].process.pid, PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(soon, lambda: not alive(child), 10)
    assert await cluster.run(tasking.add, 1, 1, progress=quiet, seconds=PATIENCE) == 2


async def test_who_asked_may_go_and_its_task_ends(local: Local) -> None:
    await asyncio.to_thread(local.work, 1)
    other = Cluster(Settings(compute=str(local.file)))
    await other.start()
    assert await reached(other)
    asked = other.run(tasking.multiply, 1500, progress=quiet, seconds=PATIENCE)
    task = asyncio.create_task(asked)
    child = await asyncio.to_thread(busy, local.workers[0].process.pid, PATIENCE)
    await other.close()
    await asyncio.gather(task, return_exceptions=True)
    assert await asyncio.to_thread(soon, lambda: not alive(child), 10)


async def test_a_task_that_takes_too_long_is_ended(cluster: Cluster) -> None:
    with pytest.raises(ProblemError) as caught:
        await cluster.run(tasking.multiply, 200, progress=quiet, seconds=0.5)
    assert caught.value.kind.code == "limit_passed"


async def test_without_a_scheduler_nothing_can_be_asked_for() -> None:
    nowhere = Cluster(Settings(compute="/nowhere/scheduler.json"))
    await nowhere.start()
    with pytest.raises(UnreachableError):
        await nowhere.run(tasking.add, 1, 1, progress=quiet, seconds=1)
    await nowhere.close()


async def test_a_service_is_ready_without_a_scheduler_if_the_operator_says_so(
    tmp_path: Path,
) -> None:
    for spared, status in ((False, 503), (True, 200)):
        given = Settings(
            data_dir=tmp_path,
            bundled_data=False,
            compute="/nowhere/scheduler.json",
            ready_without_compute=spared,
        )
        async with another(given) as client:
            answer = await client.get("/readyz")
            assert answer.status_code == status
            assert "lost" in answer.text


# Over HTTP


@pytest.fixture(scope="module")
def live_cluster(local: Local, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service of its own that has the cluster for its long work."""
    directory = tmp_path_factory.mktemp("service")
    with serving(directory, PARTIALPOOL_COMPUTE=local.address) as running:
        yield running


@pytest.fixture
def client(local: Local, live_cluster: Live) -> Iterator[httpx.Client]:
    local.work(2)
    with httpx.Client(base_url=live_cluster.url, timeout=PATIENCE) as made:
        yield made


def ask(client: httpx.Client, path: str) -> str:
    """Ask for a job, as soon as the cluster is there; return its path."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = client.get(path, headers=ASYNC)
        if answer.status_code == 202 or time.monotonic() > end:
            assert answer.status_code == 202, answer.text
            return str(answer.headers["location"])
        time.sleep(0.2)


def model(client: httpx.Client) -> str:
    answer = client.post("/v1/models", json=RADON)
    assert answer.is_success, answer.text
    return f"/v1/models/{answer.json()['id']}"


def test_a_bootstrap_is_spread_and_its_answer_is_that_of_one_process(client: httpx.Client) -> None:
    path = f"{model(client)}/variance-parameters?interval=bootstrap&n_sim=200&seed=7"
    done = until(client, ask(client, path), "succeeded", "failed", seconds=PATIENCE)
    assert done["state"] == "succeeded", done
    found = client.get(path).json()
    rows = pl.read_csv("service/radon/data/minnesota-radon.csv")
    fit = fit_spec(Spec.of(RADON["formula"]), rows.to_pandas())
    expected = {own.parameter.name: own for own in bootstrap(fit, n_sim=200, seed=7).intervals}
    for item in found["items"]:
        own = expected[item["name"]]
        assert (item["lower"], item["upper"]) == pytest.approx((own.lower, own.upper), rel=1e-6)


def test_a_profile_is_spread(client: httpx.Client) -> None:
    path = f"{model(client)}/fixed-effects?interval=profile"
    done = until(client, ask(client, path), "succeeded", "failed", seconds=PATIENCE)
    assert done["state"] == "succeeded", done
    assert len(client.get(path).json()["items"]) == 2


def resting(pid: int) -> bool:
    """Tell whether the children of a process do nothing for a moment."""
    before = children(pid)
    time.sleep(0.3)
    now = children(pid)
    return all(used - before.get(child, used) < 0.05 for child, used in now.items())


def test_a_job_is_cancelled_over_http(client: httpx.Client, local: Local) -> None:
    path = f"{model(client)}/variance-parameters?interval=bootstrap&n_sim=10000&seed=8"
    job = ask(client, path)
    running = until(client, job, "running")
    workers = [own.process.pid for own in local.workers]
    assert all(busy(pid, PATIENCE) for pid in workers)
    told = client.get(job).json()
    assert told["progress"] >= running["progress"]
    assert client.delete(job).json()["state"] == "cancelled"
    assert soon(lambda: all(map(resting, workers)), 20)


def test_a_lost_scheduler_is_told_and_found_again(client: httpx.Client, local: Local) -> None:
    long = f"{model(client)}/variance-parameters?interval=bootstrap&n_sim=2000&seed=9"
    job = ask(client, long)
    until(client, job, "running")
    assert local.scheduler is not None
    local.scheduler.kill()
    until(client, job, "queued")
    assert not_ready(client) == "Not ready: catalog ok, store ok, cluster lost."
    other = client.get(long.replace("seed=9", "seed=10"), headers=ASYNC)
    assert (other.status_code, other.json()["code"]) == (503, "unavailable")
    assert int(other.headers["retry-after"]) > 0
    small = client.post("/v1/models", json=RADON | {"method": "ML"})
    assert small.status_code == 201, "what a thread does goes on"
    local.schedule()
    assert until(client, job, "succeeded", "failed", seconds=PATIENCE)["state"] == "succeeded"
    assert client.get("/readyz").json()["checks"]["cluster"] == "ok"


def test_a_scheduler_that_says_nothing_and_one_without_workers_are_told(
    client: httpx.Client, local: Local
) -> None:
    assert soon(lambda: client.get("/readyz").is_success, PATIENCE)
    assert local.scheduler is not None
    local.scheduler.process.send_signal(signal.SIGSTOP)
    try:
        assert "cluster lost" in not_ready(client)
    finally:
        local.scheduler.process.send_signal(signal.SIGCONT)
    assert soon(lambda: client.get("/readyz").is_success, PATIENCE), "it is found again"
    local.work(0)
    assert soon(lambda: client.get("/readyz").status_code == 503, PATIENCE)
    assert "no workers" in read(client.get("/readyz")).errors[0].detail
    local.work(1)
    assert soon(lambda: client.get("/readyz").is_success, PATIENCE)


def not_ready(client: httpx.Client) -> str:
    """Return what the service says that is not ready."""
    answer = client.get("/readyz")
    problem = read(answer)
    assert (answer.status_code, problem.code) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert [item.pointer for item in problem.errors] == ["#/checks/cluster"]
    return problem.detail
