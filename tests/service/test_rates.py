"""What a caller may ask for: units of work a minute, and requests at a time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from limits.aio.storage import MemoryStorage

from service import prices
from service.limiting import FREE
from service.problems import ProblemError
from service.rates import AGAIN_SECONDS, WINDOW, Rates
from service.settings import Settings
from tests.servers import running_redis
from tests.service.guarded import given
from tests.service.making import made
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio


@pytest.fixture
async def within_a_minute() -> None:
    """Begin early in a minute: at its end a part of what was spent comes back."""
    left = WINDOW - time.time() % WINDOW
    if left < 5:
        await asyncio.sleep(left)


MEMORY = "async+memory://"
HOUSES = "county,floor,radon\n" + "".join(
    f"{county},{i % 2},{1 + (7 * i % 11) / 3 + rise}\n"
    for county, rise in (("A", 0), ("B", 1), ("C", 3))
    for i in range(20)
)
FIT = {"dataset": "houses", "formula": "radon ~ floor + (1 | county)"}


@asynccontextmanager
async def limited(
    directory: Path, address: str = "192.0.2.7", **changes: object
) -> AsyncIterator[httpx.AsyncClient]:
    """A service that listens to all without keys, asked from an address."""
    fixed = {"data_dir": directory, "host": "0.0.0.0", "auth": "off", "bundled_data": False}
    app = made(Settings.model_validate(fixed | changes))
    transport = httpx.ASGITransport(app, client=(address, 4711))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        yield client


def left(answer: httpx.Response) -> int:
    """Return the units that an answer says are left."""
    found = re.fullmatch(r'"work";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found is not None
    return int(found[1])


async def uploaded(client: httpx.AsyncClient) -> httpx.Response:
    headers = {"content-type": "text/csv"}
    answer = await client.post("/v1/datasets?name=houses", content=HOUSES, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer


async def test_a_caller_may_spend_what_there_is_and_no_more() -> None:
    rates = Rates(1_000, MEMORY, 10)
    for _ in range(1_000):
        await rates.charge("a", 1)
    with pytest.raises(ProblemError) as caught:
        await rates.charge("a", 1)
    assert caught.value.kind.code == "rate_limited"
    assert rates.left("a") == 0
    assert int((caught.value.headers or {})["Retry-After"]) >= 1
    await rates.charge("b", 1)


async def test_what_is_refused_costs_nothing() -> None:
    rates = Rates(100, MEMORY, 10)
    await rates.charge("a", 50)
    await rates.charge("a", 40)
    with pytest.raises(ProblemError):
        await rates.charge("a", 20)
    await rates.charge("a", 10)


async def test_the_dearest_work_can_be_had_at_the_price_of_half_a_minute() -> None:
    rates = Rates(100, MEMORY, 10)
    await rates.charge("a", 1e9)
    assert rates.left("a") == 50


async def test_many_at_once_spend_no_more_than_one_after_the_other() -> None:
    rates = Rates(1_000, MEMORY, 10)
    outcomes = await asyncio.gather(
        *(rates.charge("a", 7) for _ in range(200)), return_exceptions=True
    )
    assert sum(outcome is None for outcome in outcomes) <= 1_000 // 7
    assert sum(outcome is None for outcome in outcomes) >= 0.98 * 1_000 // 7


class Broken(MemoryStorage):
    """A store that is there and does not answer."""

    STORAGE_SCHEME = ["async+broken"]  # noqa: RUF012  as its base class has it

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    async def get(self, key: str) -> int:
        raise OSError(key)


async def test_without_its_store_a_process_counts_for_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rates = Rates(10, "async+broken://", 10)
    for _ in range(10):
        await rates.charge("a", 1)
    with pytest.raises(ProblemError) as caught:
        await rates.charge("a", 1)
    assert caught.value.kind.code == "rate_limited"
    assert rates.losses == 1, "it is not asked again for each request"
    assert "rate limits cannot be read" in capsys.readouterr().out


@pytest.mark.usefixtures("within_a_minute")
async def test_replicas_share_what_a_caller_may_ask_for_and_count_alone_without_their_store(
    tmp_path: Path,
) -> None:
    """A real Redis is stopped and started beside two replicas, neither of which is restarted.

    A unit comes back every three seconds once a minute ends meanwhile.
    """
    with running_redis() as redis:
        changes: dict[str, Any] = {"rate_units": 20, "rate_store": redis.url}
        async with (
            limited(tmp_path / "here", **changes) as here,
            limited(tmp_path / "there", **changes) as there,
        ):

            async def spent(*replicas: httpx.AsyncClient) -> int:
                """Ask in turn until all refuse; return how often they did not."""
                answers = 0
                while True:
                    codes = [(await each.get("/v1/limits")).status_code for each in replicas]
                    assert set(codes) <= {200, 429}
                    answers += codes.count(200)
                    if 200 not in codes:
                        return answers

            assert 20 <= await spent(here, there) < 30
            redis.stop()
            assert 20 <= await spent(here) < 30
            assert 20 <= await spent(there) < 30
            redis.start()
            await asyncio.sleep(1.1 * AGAIN_SECONDS)
            assert 20 <= await spent(here, there) < 30


async def test_every_answer_tells_what_is_left(tmp_path: Path) -> None:
    async with limited(tmp_path, rate_units=1_000) as client:
        for path in ("/v1/limits", "/v1/nothing", "/docs", "/v1/models/m_x"):
            answer = await client.get(path)
            assert 0 < left(answer) < 1_000
            policy = '"work";q=1000;w=60;qu="units", "requests";q=100;qu="concurrent-requests"'
            assert answer.headers["ratelimit-policy"] == policy
        assert (await client.get("/v1/limits")).json()["rate_units"] == 1_000


async def test_too_much_is_a_429_that_says_when_to_come_back(tmp_path: Path) -> None:
    async with limited(tmp_path, rate_units=5) as client:
        answers = [await client.get("/v1/limits") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    problem = read(answers[-1])
    assert (problem.code, problem.retryable) == ("rate_limited", True)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert left(answers[-1]) == 0


@pytest.mark.parametrize("path", sorted(FREE))
async def test_health_is_never_limited(tmp_path: Path, path: str) -> None:
    async with limited(tmp_path, rate_units=1) as client:
        for _ in range(5):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert "ratelimit" not in answer.headers


async def test_each_kind_of_work_has_its_price(tmp_path: Path) -> None:
    async with limited(tmp_path) as client:
        rest = left(await client.get("/v1/limits"))

        async def cost(answer: httpx.Response) -> int:
            nonlocal rest
            assert answer.is_success, answer.text
            spent, rest = rest - left(answer), left(answer)
            return spent

        assert await cost(await client.get("/v1/datasets")) == 1
        assert await cost(await uploaded(client)) == 2  # itself, and the bytes begun
        made = await client.post("/v1/models", json=FIT)
        assert await cost(made) == 2 + 6
        assert await cost(await client.post("/v1/models", json=FIT)) == 2, "it is known"
        model = f"/v1/models/{made.json()['id']}"
        rows = {"columns": {"county": ["A"] * 2_000, "floor": [0] * 2_000}}
        assert await cost(await client.post(f"{model}/predictions", json=rows)) >= 20
        draws = {"n_sim": 1_000, "seed": 1}
        assert await cost(await client.post(f"{model}/simulations", json=draws)) == 2 + 6
        assert await cost(await client.get(f"{model}/diagnostics/rows")) == 2
        boot = f"{model}/fixed-effects?interval=bootstrap&n_sim=200"
        assert await cost(await client.get(boot)) >= 1 + prices.replicates(60, 200)
        assert await cost(await client.get(boot)) == 1, "it is known"


async def test_a_body_without_a_length_is_charged_as_it_comes(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"county,radon\n"
        for i in range(200):
            yield f"A{i},{'1' * 1000}\n".encode()

    async with limited(tmp_path, rate_units=10) as client:
        headers = {"content-type": "text/csv", "transfer-encoding": "chunked"}
        answer = await client.post("/v1/datasets/preview", content=pieces(), headers=headers)
    assert read(answer).code == "rate_limited"


async def test_no_more_requests_at_a_time_than_one_may_have(tmp_path: Path) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        arrived.set()
        await go.wait()
        yield HOUSES.encode()

    async with limited(tmp_path, max_concurrent_requests=1) as client:
        headers = {"content-type": "text/csv"}
        first = asyncio.create_task(
            client.post("/v1/datasets/preview", content=slow(), headers=headers)
        )
        await arrived.wait()
        refused = await client.get("/v1/limits")
        go.set()
        assert (await first).status_code == 200
        assert read(refused).code == "too_many_requests"
        assert "retry-after" in refused.headers
        assert (await client.get("/v1/limits")).status_code == 200


@pytest.mark.usefixtures("within_a_minute")
async def test_keys_and_addresses_have_each_their_own(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    keys = [await given(settings, owner) for owner in ("alice", "alice", "bob")]
    async with limited(tmp_path, auth="keys", rate_units=3) as client:
        for key in keys:
            headers = {"authorization": f"Bearer {key}"}
            codes = [
                (await client.get("/v1/limits", headers=headers)).status_code for _ in range(4)
            ]
            assert codes == [200, 200, 200, 429]
        assert (await client.get("/v1/limits")).status_code == 401


@pytest.mark.usefixtures("within_a_minute")
async def test_who_tries_keys_is_soon_told_to_wait(tmp_path: Path) -> None:
    async with limited(tmp_path, auth="keys", rate_units=50) as client:
        wrong = {"authorization": "Bearer pp_wrong"}
        codes = [(await client.get("/v1/limits", headers=wrong)).status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]


@pytest.mark.usefixtures("within_a_minute")
async def test_the_addresses_of_one_site_count_as_one(tmp_path: Path) -> None:
    """Whoever has an IPv6 network has more addresses than there are seconds."""
    fixed = {"data_dir": tmp_path, "host": "::", "auth": "off", "bundled_data": False}
    app = made(Settings.model_validate({**fixed, "rate_units": 2}))
    async with app.router.lifespan_context(app):
        codes = []
        for address in ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"):
            transport = httpx.ASGITransport(app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://s") as client:
                codes.append((await client.get("/v1/limits")).status_code)
    assert codes == [200, 200, 429, 200]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"auth": "keys"}, True),
        ({"host": "0.0.0.0", "auth": "off"}, True),
        ({"host": "0.0.0.0", "rate_units": 0}, False),
    ],
)
def test_who_is_alone_on_the_machine_is_not_counted(
    changes: dict[str, object], expected: bool
) -> None:
    assert Settings.model_validate(changes).limited is expected
