"""Worker processes: what becomes of tasks, and of processes that are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from service.places import UnreachableError, WorkerDiedError
from service.problems import ProblemError
from service.worker import Kind
from service.workers import Workers
from tests.service import tasking
from tests.service.jobs import alive, busy, soon

pytestmark = pytest.mark.anyio

GIB = 1 << 30


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def workers() -> AsyncIterator[Workers]:
    """One worker for all tests, so that each finds it as the one before has left it."""
    made = Workers(1, 4 * GIB, threads=1)
    yield made
    await made.close()


def quiet(_: float, __: str, /) -> None:
    return


def there(path: Path) -> bool:
    return path.exists()


async def test_a_task_runs_in_a_process_that_stays_for_the_next(workers: Workers) -> None:
    assert await workers.run(tasking.add, 2, 3, progress=quiet, seconds=120) == 5
    first = await workers.run(tasking.pid, progress=quiet, seconds=120)
    assert first not in {os.getpid(), os.getppid()}
    assert await workers.run(tasking.pid, progress=quiet, seconds=120) == first


async def test_progress_comes_while_the_task_runs_and_only_forward(workers: Workers) -> None:
    told: list[tuple[float, str]] = []
    task = workers.run(tasking.count, 8, progress=lambda *said: told.append(said), seconds=120)
    assert await task == "1", "the threads of linear algebra are those that were allowed"
    shares = [done for done, _ in told]
    assert shares == sorted(shares)
    assert len(set(shares)) >= 3


async def test_what_a_process_has_written_goes_with_it(workers: Workers) -> None:
    told: list[str] = []
    with pytest.raises(WorkerDiedError):
        await workers.run(
            tasking.die_writing, progress=lambda _, said: told.append(said), seconds=120
        )
    its, own = Path(told[-1]), Path(told[-1]).parent
    assert own != Path(tempfile.gettempdir())
    assert not there(its)
    assert not there(own)


async def test_what_a_task_refuses_reaches_who_asked(workers: Workers) -> None:
    with pytest.raises(ProblemError) as caught:
        await workers.run(tasking.refuse, progress=quiet, seconds=120)
    assert caught.value.kind.code == "unusable_data"
    (item,) = caught.value.items
    assert (item.code, item.hint, item.path) == ("bad", "do better", ("rows", 3))


async def test_an_error_nobody_foresaw_is_internal_and_logged(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ProblemError) as caught:
        await workers.run(tasking.stumble, progress=quiet, seconds=120)
    assert caught.value.kind.code == "internal"
    assert "ZeroDivisionError" in capsys.readouterr().out


async def test_too_much_memory_is_a_problem_and_the_worker_stays(workers: Workers) -> None:
    first = await workers.run(tasking.pid, progress=quiet, seconds=120)
    with pytest.raises(ProblemError) as caught:
        await workers.run(tasking.hold, 5 * GIB, progress=quiet, seconds=120)
    assert caught.value.kind.code == "out_of_memory"
    assert await workers.run(tasking.pid, progress=quiet, seconds=120) == first


async def test_cancelling_ends_the_process_within_a_second_whatever_it_does(
    workers: Workers,
) -> None:
    task = asyncio.create_task(workers.run(tasking.multiply, 3000, progress=quiet, seconds=60))
    await asyncio.sleep(0.5)
    worker = await asyncio.to_thread(busy, os.getpid())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(soon, lambda: not alive(worker), 1)
    assert await workers.run(tasking.add, 1, 1, progress=quiet, seconds=120) == 2


async def test_a_task_that_takes_too_long_is_ended(workers: Workers) -> None:
    begun = time.monotonic()
    with pytest.raises(ProblemError) as caught:
        await workers.run(tasking.multiply, 500, progress=quiet, seconds=0.5)
    assert caught.value.kind.code == "limit_passed"
    assert time.monotonic() - begun < 10
    assert await workers.run(tasking.add, 1, 1, progress=quiet, seconds=120) == 2


async def test_a_worker_that_dies_fails_its_task_and_is_replaced(workers: Workers) -> None:
    deaths = workers.deaths
    with pytest.raises(ProblemError) as caught:
        await workers.run(tasking.die, progress=quiet, seconds=120)
    assert (caught.value.kind.code, caught.value.kind.retryable) == ("worker_died", True)
    assert workers.deaths == deaths + 1
    assert "SIGKILL" in caught.value.detail
    assert await workers.run(tasking.add, 1, 1, progress=quiet, seconds=120) == 2


async def test_a_worker_killed_while_it_hands_over_a_result_holds_nobody_up() -> None:
    made = Workers(1, 4 * GIB, threads=1)
    try:
        with suppress(WorkerDiedError):  # the result was quicker
            await made.run(tasking.hand_over, 0.05, progress=quiet, seconds=120)
        assert await made.run(tasking.add, 1, 1, progress=quiet, seconds=120) == 2
    finally:
        await made.close()


async def test_processes_that_do_not_start_are_told_and_those_that_do_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    made = Workers(1, 4 * GIB, 1, Kind("what_workers_import", "RLIMIT_AS"))
    try:
        assert await made.check() == "idle"
        with pytest.raises(WorkerDiedError):
            await made.run(tasking.add, 1, 1, progress=quiet, seconds=120)
        with pytest.raises(UnreachableError):
            await made.check()
        (tmp_path / "what_workers_import.py").write_text("")
        for _ in range(1200):
            if await well(made):
                break
            await asyncio.sleep(0.1)
        assert await made.run(tasking.add, 1, 1, progress=quiet, seconds=120) == 2
    finally:
        await made.close()


async def well(workers: Workers) -> bool:
    try:
        return await workers.check() == "ok"
    except UnreachableError:
        return False


async def test_a_worker_killed_while_it_waits_is_replaced(workers: Workers) -> None:
    idle = await workers.run(tasking.pid, progress=quiet, seconds=120)
    os.kill(idle, signal.SIGKILL)
    await asyncio.sleep(0.5)
    assert await workers.run(tasking.add, 1, 1, progress=quiet, seconds=120) == 2


async def test_no_process_is_left_when_they_are_closed() -> None:
    made = Workers(2, 4 * GIB, threads=1)
    worker = await made.run(tasking.pid, progress=quiet, seconds=120)
    await made.close()
    assert not alive(worker)
