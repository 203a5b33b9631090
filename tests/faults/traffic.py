"""Clients that upload, fit, predict and read without a pause, and note all they are promised."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import numpy as np
import pandas as pd

import engine

BOUND: Final = 60.0
"""Seconds within which every request is answered, whatever has failed."""

ROWS: Final = 60
FORMULA: Final = "y ~ x + (1 | g)"
NEW: Final = {"rows": [{"x": 0.5, "g": "a"}, {"x": -1.0, "g": "z"}]}
CSV: Final = {"content-type": "text/csv"}


@dataclass(frozen=True)
class Kept:
    """What a client was promised to be kept: its table, and the paths that were told.

    A model and its predictions are ``None`` until they were told as well.
    """

    table: pd.DataFrame
    dataset: str
    model: dict[str, Any] | None = None
    predictions: list[dict[str, Any]] | None = None


@dataclass
class Traffic:
    """Threads of clients, each asking the services by turns.

    ``faults`` are answers that no client should get; ``statuses`` counts the answers, and 0 those
    that did not come because nobody listened or the connection broke.
    """

    urls: Sequence[str]
    kept: list[Kept] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    ending: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        """Be one client until the end."""
        draw, turn = np.random.default_rng([number, time.time_ns()]), 0
        with httpx.Client(timeout=BOUND) as http:
            while not self.ending.is_set():
                turn += 1
                client = _Client(http, self.urls[(number + turn) % len(self.urls)], self)
                try:
                    client.visit(draw)
                except _NotNow:
                    self.ending.wait(0.1)
                except Exception as error:  # noqa: BLE001  a thread's error would be lost
                    self.faults.append(repr(error))

    def since(self) -> Counter[int]:
        """Return how many answers of each status came since this was asked last."""
        counted, self.statuses = self.statuses, Counter()
        return counted

    def until(self, status: int, least: int = 5, seconds: float = 2 * BOUND) -> None:
        """Wait for some answers of this status from now on."""
        before, end = self.statuses[status], time.monotonic() + seconds
        while self.statuses[status] - before < least:
            assert time.monotonic() < end, (status, self.statuses, self.faults[:3])
            time.sleep(0.05)

    def verify(self, url: str) -> None:
        """Assert that all that was promised is there, and right."""
        assert not self.faults, self.faults[:5]
        assert self.kept
        with httpx.Client(base_url=url, timeout=BOUND) as http:
            for kept in self.kept:
                _verify(http, kept)


class _NotNow(Exception):  # noqa: N818  it is a refusal that was expected
    """The service said that it cannot just now, or was not there."""


@dataclass(frozen=True)
class _Client:
    http: httpx.Client
    url: str
    traffic: Traffic

    def visit(self, draw: np.random.Generator) -> None:
        """Upload a new table, fit it, predict, and read something older."""
        table = drawn(draw)
        answer = self.ask("POST", "/v1/datasets", content=table.to_csv(index=False), headers=CSV)
        kept = Kept(table, answer.json()["id"])
        place = len(self.traffic.kept)
        self.traffic.kept.append(kept)
        body = {"dataset": kept.dataset, "formula": FORMULA}
        model = self.ask("POST", "/v1/models", json=body).json()
        if "kind" in model:  # a job: it was said that it will be done
            self.traffic.jobs.append(f"/v1/jobs/{model['id']}")
            return
        self.note(kept, Kept(table, kept.dataset, model))
        told = self.ask("POST", f"/v1/models/{model['id']}/predictions", json=NEW).json()["items"]
        self.note(kept, Kept(table, kept.dataset, model, told))
        older = self.traffic.kept[int(draw.integers(place + 1))]
        if older.model is not None:
            found = self.ask("GET", f"/v1/models/{older.model['id']}").json()
            assert found == older.model, "a model has changed"

    def note(self, before: Kept, after: Kept) -> None:
        """Note more of what a client was promised."""
        kept = self.traffic.kept
        place = next(i for i, each in enumerate(kept) if each.dataset == before.dataset)
        kept[place] = after

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask and count; raises ``_NotNow`` for what a client may expect of a service in need."""
        begun = time.monotonic()
        try:
            answer = self.http.request(method, self.url + path, **more)
        except httpx.TimeoutException:
            self.traffic.faults.append(f"{method} {path} hung")
            raise _NotNow from None
        except httpx.TransportError:
            self.traffic.statuses[0] += 1
            raise _NotNow from None
        self.traffic.statuses[answer.status_code] += 1
        if time.monotonic() - begun > BOUND:
            self.traffic.faults.append(f"{method} {path} took too long")
        if answer.is_success:
            return answer
        if answer.status_code != 503 or int(answer.headers.get("retry-after", 0)) < 1:
            told = answer.text[:400]
            self.traffic.faults.append(f"{method} {path}: {answer.status_code} {told}")
        raise _NotNow


@contextmanager
def traffic(*urls: str, clients: int = 3) -> Iterator[Traffic]:
    """Let clients ask these services until the end of the block."""
    made = Traffic(urls)
    threads = [threading.Thread(target=made.run, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.ending.set()
        for thread in threads:
            thread.join(2 * BOUND)
        assert not any(thread.is_alive() for thread in threads), "a client hangs"


def drawn(draw: np.random.Generator) -> pd.DataFrame:
    """Return a table that is like no other."""
    g = draw.integers(0, 5, ROWS)
    x = draw.standard_normal(ROWS)
    y = 1 + x + draw.standard_normal(5)[g] + draw.standard_normal(ROWS)
    return pd.DataFrame({"x": x, "g": np.array(list("abcde"))[g], "y": y})


def _verify(http: httpx.Client, kept: Kept) -> None:
    rows = http.get(f"/v1/datasets/{kept.dataset}/rows", params={"limit": ROWS})
    assert rows.status_code == 200, rows.text
    found = pd.DataFrame(rows.json()["items"])[list(kept.table)]
    pd.testing.assert_frame_equal(found, kept.table, rtol=1e-15, check_dtype=False)
    if kept.model is None:
        return
    path = f"/v1/models/{kept.model['id']}"
    model = http.get(path)
    assert model.status_code == 200, model.text
    assert model.json() == kept.model
    fit = engine.fit(FORMULA, kept.table)
    told = [term["estimate"] for term in kept.model["fixed_effects"]]
    np.testing.assert_allclose(told, fit.beta, rtol=1e-6)
    if kept.predictions is not None:
        again = http.post(f"{path}/predictions", json=NEW)
        assert again.status_code == 200, again.text
        assert again.json()["items"] == kept.predictions
