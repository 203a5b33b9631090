from __future__ import annotations

import asyncio

import pytest

from service.flights import Flights
from service.problems import ProblemError

pytestmark = pytest.mark.anyio


async def test_who_asks_for_what_is_under_way_waits_for_it() -> None:
    flights, begun = Flights(), 0

    async def make() -> int:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.01)
        return begun

    answers = await asyncio.gather(*(flights.once("key", make) for _ in range(10)))
    assert [value for value, _ in answers] == [1] * 10
    assert sum(first for _, first in answers) == 1
    assert await flights.once("key", make) == (2, True), "a later one begins anew"


async def test_different_keys_do_not_wait_for_each_other() -> None:
    flights, gate = Flights(), asyncio.Event()

    async def slow() -> str:
        await gate.wait()
        return "slow"

    async def fast() -> str:
        return "fast"

    waiting = asyncio.ensure_future(flights.once("slow", slow))
    assert (await flights.once("fast", fast))[0] == "fast"
    gate.set()
    assert (await waiting)[0] == "slow"


async def test_all_who_wait_get_the_error_and_the_next_tries_again() -> None:
    flights, tries = Flights(), 0

    async def fail() -> None:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        raise ValueError

    for expected in (1, 2):
        answers = await asyncio.gather(
            *(flights.once("key", fail) for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(answer, ValueError) for answer in answers)
        assert tries == expected


async def test_work_goes_on_when_who_asked_runs_out_of_time_or_leaves() -> None:
    flights, gate, made = Flights(), asyncio.Event(), []

    async def make() -> str:
        await gate.wait()
        made.append(1)
        return "made"

    with pytest.raises(ProblemError) as caught:
        await flights.once("key", make, wait=0.01)
    assert (caught.value.kind.code, caught.value.kind.retryable) == ("still_fitting", True)
    leaving = asyncio.ensure_future(flights.once("key", make))
    await asyncio.sleep(0)
    leaving.cancel()
    gate.set()
    assert await flights.once("key", make) == ("made", False)
    assert made == [1]


async def test_closing_drops_what_is_under_way() -> None:
    flights = Flights()

    async def never() -> None:
        await asyncio.Event().wait()

    waiting = asyncio.ensure_future(flights.once("key", never))
    await asyncio.sleep(0)
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
