"""Plots that are asked for faster than they can be drawn: whose turn it is, and who is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.plots.figure import Figure
from service.plots.pictures import Pictures
from service.plots.turns import Turns
from service.problems import ProblemError
from service.settings import Settings
from tests.service.plots.conftest import Plotted
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio


class Line:
    """Drawings that end when they are let, and the owners in the order they were drawn in."""

    def __init__(self, places: int, most: int) -> None:
        self.turns = Turns(places, most)
        self.drawn: list[str] = []
        self.go = asyncio.Event()

    async def draw(self, owner: str) -> None:
        async with self.turns.turn(owner):
            self.drawn.append(owner)
            await self.go.wait()

    async def ask(self, *owners: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.draw(owner)) for owner in owners]
        await asyncio.sleep(0)
        return tasks


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(ProblemError) as caught:
        yield
    assert caught.value.kind.code == code
    if caught.value.kind.status == 429:
        assert int((caught.value.headers or {})["Retry-After"]) >= 1


async def test_owners_take_turns_however_many_one_of_them_asks_for() -> None:
    line = Line(places=1, most=10)
    tasks = await line.ask("a", "a", "a", "a", "b", "c", "b")
    line.go.set()
    await asyncio.gather(*tasks)
    assert "".join(line.drawn) == "aabcaba"
    assert not any(line.turns.busy(owner) for owner in "abc")


async def test_of_one_owner_no_more_wait_than_may_and_others_are_let_in() -> None:
    line = Line(places=1, most=2)
    tasks = await line.ask("a", "a", "a")
    with refused("too_many_plots"):
        await line.draw("a")
    tasks += await line.ask("b", "b")
    with refused("too_many_plots"):
        await line.draw("b")
    line.go.set()
    await asyncio.gather(*tasks)
    await line.draw("a")
    assert sorted(line.drawn) == list("aaaabb")


async def test_who_does_not_wait_any_longer_leaves_the_turn_to_the_next() -> None:
    line = Line(places=1, most=5)
    first, second, third, fourth = await line.ask("a", "a", "b", "b")
    second.cancel()
    third.cancel()
    first.cancel()  # it has the turn, which the fourth is given
    await asyncio.gather(first, second, third, return_exceptions=True)
    line.go.set()
    await fourth
    await line.draw("c")
    assert line.drawn == ["a", "b", "c"]


async def test_a_turn_passes_over_one_who_was_cancelled_at_that_moment() -> None:
    line = Line(places=1, most=5)
    first, second, third = await line.ask("a", "b", "c")
    line.go.set()
    second.cancel()  # the first ends before the second learns of it
    await asyncio.gather(first, third)
    await line.draw("d")
    assert second.cancelled()
    assert line.drawn == ["a", "c", "d"]


async def test_a_turn_that_comes_too_late_goes_to_the_next() -> None:
    line = Line(places=1, most=5)
    first, second, third = await line.ask("a", "a", "b")
    line.go.set()
    while not first.done():
        await asyncio.sleep(0)
        second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await third
    assert line.drawn[-1] == "b"


async def test_who_waits_behind_its_own_plots_is_told_so_and_not_that_the_service_is_slow(
    tmp_path: Path,
) -> None:
    pictures = Pictures(Settings(data_dir=tmp_path, wait_seconds=0.01))
    never = asyncio.Event()

    async def gather() -> Figure:
        await never.wait()
        raise AssertionError

    async def draw(owner: str, name: str) -> None:
        await pictures.draw((owner, name), gather, "svg", 1.0)

    with refused("still_fitting"):
        await draw("a", "one")
    for name in ("two", "three"):
        with refused("too_many_plots"):
            await draw("a", name)
    with refused("still_fitting"):
        await draw("b", "one")
    await pictures.close()


@pytest.mark.slow
async def test_more_plots_than_may_wait_are_refused_and_drawn_when_asked_for_again(
    plotted: Plotted,
) -> None:
    most = (await plotted.client.get("/v1/limits")).json()["max_waiting_plots"]
    widths = range(101, 101 + most + 4)
    asked = [plotted.get("squares", "residual-quantiles", width=width) for width in widths]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200, 429}
    refusals = {w: each for w, each in zip(widths, answers, strict=True) if each.is_error}
    for answer in refusals.values():
        problem = read(answer)
        assert (problem.code, problem.retryable) == ("too_many_plots", True)
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    again = await plotted.get("squares", "residual-quantiles", width=next(iter(refusals)))
    assert again.status_code == 200
