"""Two services on one catalog and one store, both of which can be taken from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.faults.line import Line, line
from tests.faults.traffic import BOUND
from tests.faults.work import model_of
from tests.servers import Postgres, Storage, running_postgres, running_storage
from tools.live import Live, serving


@dataclass(frozen=True)
class Fleet:
    """Two services, a client of each, what they work on, and the path of a model."""

    here: Live
    there: Live
    clients: tuple[httpx.Client, httpx.Client]
    postgres: Postgres
    storage: Storage
    line: Line
    environment: dict[str, str]
    model: str

    @property
    def urls(self) -> tuple[str, str]:
        return self.here.url, self.there.url


@pytest.fixture(scope="package")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="package")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with running_storage(tmp_path_factory.mktemp("storage") / "journal") as server:
        yield server


@pytest.fixture(scope="package")
def to_storage(storage: Storage) -> Iterator[Line]:
    with line(storage.port) as made:
        yield made


@pytest.fixture
def environment(postgres: Postgres, storage: Storage, to_storage: Line) -> dict[str, str]:
    """What lets a service find a new catalog and a new store, the store over the line."""
    return {
        **storage.environment,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{to_storage.port}",
        "PARTIALPOOL_CATALOG_URL": postgres.database(),
        "PARTIALPOOL_BLOBS_URL": storage.bucket(),
        "PARTIALPOOL_WORKER_PROCESSES": "1",
        "PARTIALPOOL_BUNDLED_DATA": "false",
        "PARTIALPOOL_JOB_STALE_SECONDS": "3",
    }


@pytest.fixture
def fleet(
    environment: dict[str, str],
    postgres: Postgres,
    storage: Storage,
    to_storage: Line,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    with ExitStack() as ending:
        live = [
            ending.enter_context(serving(tmp_path_factory.mktemp(name), **environment))
            for name in ("here", "there")
        ]
        clients = [
            ending.enter_context(httpx.Client(base_url=each.url, timeout=BOUND)) for each in live
        ]
        model = model_of(clients[0])
        yield Fleet(
            live[0],
            live[1],
            (clients[0], clients[1]),
            postgres,
            storage,
            to_storage,
            environment,
            model,
        )
