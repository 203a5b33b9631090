"""Pictures are drawn elsewhere, once, and always the same."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.plots.figure import Figure
from service.plots.pictures import Pictures, bundle_name
from service.problems import ProblemError
from service.settings import Settings
from tests.service.jobs import alive, soon
from tests.service.plots.conftest import PATIENT, Plotted
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio

LINE = Figure("quantiles", "", (), "", {}, {})


def workers() -> set[int]:
    """Return the worker processes that this one has started and that still run."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in children if b"spawn_main" in _command(pid)}


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def ended(pid: int) -> bool:
    return soon(lambda: not alive(pid), 5)


async def test_a_picture_that_the_client_has_is_not_drawn_again(plotted: Plotted) -> None:
    first = await plotted.get("sleep", "residual-quantiles", format="svg")
    drawn = plotted.parts.pictures.drawn
    again = await plotted.get("sleep", "residual-quantiles", format="svg")
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    path = f"{plotted.models['sleep']}/residual-quantiles?format=svg"
    kept = await plotted.client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (kept.status_code, kept.content) == (304, b"")
    assert kept.headers["etag"] == first.headers["etag"]
    other = await plotted.get("sleep", "residual-quantiles", format="svg", width=200)
    assert other.headers["etag"] != first.headers["etag"]
    assert plotted.parts.pictures.drawn == drawn + 1


@pytest.fixture(scope="module")
async def fresh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pictures]:
    """Pictures of another replica."""
    pictures = Pictures(Settings(data_dir=tmp_path_factory.mktemp("other"), **PATIENT))
    yield pictures
    await pictures.close()


@pytest.mark.slow
async def test_two_processes_draw_the_same_bytes(plotted: Plotted, fresh: Pictures) -> None:
    """What one drew first and another after much else: an entity tag is strong."""
    pictures = plotted.parts.pictures

    async def gather() -> Figure:
        columns = {"x": [1.0, 2.0, 3.0], "y": [1.0, 2.5, 3.0]}
        points: dict[str, list[Any]] = {
            "name": ["a", "b", "c"],
            **columns,
            "lower": [0.0] * 3,
            "upper": [4.0] * 3,
        }
        words = {"x": "x", "y": "y"}
        tables: dict[str, dict[str, list[Any]]] = {"points": points, "line": columns}
        return Figure("quantiles", "T", ("s",), "A", tables, words)

    for form in ("svg", "png"):
        one = await pictures.draw(("same", form), gather, form, 1.0)
        two = await fresh.draw(("same", form), gather, form, 1.0)
        assert one == two


async def test_the_event_loop_turns_while_pictures_are_drawn(plotted: Plotted) -> None:
    """Other requests are answered before the drawings that were asked for earlier are done."""
    drawings = [
        asyncio.create_task(plotted.get("radon", "residuals", format="png", width=400 + i))
        for i in range(6)
    ]
    await asyncio.sleep(0)
    answered = 0
    while not any(task.done() for task in drawings):
        answer = await plotted.client.get("/healthz")
        assert answer.status_code == 200
        answered += 1
        await asyncio.sleep(0.01)
    assert answered >= 5
    for answer in await asyncio.gather(*drawings):
        assert answer.status_code == 200
    assert "vl_convert" not in sys.modules


async def test_the_same_picture_asked_for_at_once_is_drawn_once(plotted: Plotted) -> None:
    drawn = plotted.parts.pictures.drawn
    asked = [plotted.get("sleep", "means", format="svg", height=111) for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert len({answer.content for answer in answers}) == 1
    assert plotted.parts.pictures.drawn == drawn + 1


async def test_what_breaks_or_dies_over_a_picture_is_replaced(fresh: Pictures) -> None:
    async def gather() -> Figure:
        return LINE

    with pytest.raises(ProblemError) as caught:
        await fresh.draw(("somebody", "broken"), gather, "svg", 1.0)
    assert caught.value.kind.code == "internal"
    for pid in workers():
        os.kill(pid, signal.SIGKILL)
        assert await asyncio.to_thread(ended, pid)
    script, squeezed = await fresh.bundle()
    assert len(squeezed) < len(script) / 2


async def test_readiness_tells_of_a_process_that_draws_and_was_killed(plotted: Plotted) -> None:
    """Another takes its place unasked; as long as none can be started, the service is not ready."""

    async def ready() -> httpx.Response:
        return await plotted.client.get("/readyz")

    async def until(status: int, told: str) -> httpx.Response:
        for _ in range(1200):
            answer = await ready()
            if answer.status_code == status and told in answer.text:
                return answer
            await asyncio.sleep(0.05)
        raise AssertionError(answer.text)

    assert (await plotted.get("squares", "residual-quantiles", width=321)).status_code == 200
    assert (await ready()).json()["checks"]["drawing"] == "ok"
    multiprocessing.set_executable("/bin/false")
    try:
        for pid in workers():
            os.kill(pid, signal.SIGKILL)
            assert await asyncio.to_thread(ended, pid)
        problem = read(await until(503, "drawing lost"))
        assert [item.pointer for item in problem.errors] == ["#/checks/drawing"]
    finally:
        multiprocessing.set_executable(sys.executable)
    await until(200, '"drawing":"ok"')


async def test_scripts_are_kept_for_ever_and_sent_compressed(plotted: Plotted) -> None:
    page = await plotted.get("sleep", "caterpillar", format="html")
    assert f"/static/{bundle_name()}" in page.text
    script = await plotted.client.get(f"/static/{bundle_name()}")
    assert script.status_code == 200
    assert script.headers["content-encoding"] == "gzip"
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"].startswith("text/javascript")
    assert int(script.headers["content-length"]) < 500_000
    plain = httpx.Headers({"accept-encoding": "identity"})
    answer = await plotted.client.get(f"/static/{bundle_name()}", headers=plain)
    assert answer.content == script.content
    assert (await plotted.client.get("/static/vega.js")).status_code == 404
