"""What was acknowledged, and clients that ask while containers die."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.smoke.asking import Service

Key = tuple[str, str, bytes | None]


@dataclass
class Kept:
    """Bodies by what was asked for (path, media type, body), to be found again as they were."""

    bodies: dict[Key, bytes] = field(default_factory=dict)

    def keep(self, service: Service, path: str, accept: str, body: bytes | None = None) -> bytes:
        """Ask for something, and remember what came."""
        found = service.ask(path, body, accept=accept).body
        self.bodies[path, accept, body] = found
        return found

    def check(self, service: Service) -> None:
        """Ask for all of it again; raises ``AssertionError`` for what has changed."""
        for (path, accept, body), then in self.bodies.items():
            now = service.ask(path, body, accept=accept).body
            assert now == then, f"{path} ({accept}) has changed"


class Traffic:
    """Clients that predict and upload until they are told to stop."""

    def __init__(self, service: Service, model: str) -> None:
        self.kept = Kept()
        self.predictions = self.uploads = 0
        self._service, self._model = service, model
        self._stop = threading.Event()
        self._failed: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(work,)) for work in (self._predict, self._put)
        ]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def _run(self, work: Callable[[], None]) -> None:
        try:
            while not self._stop.wait(0.2):
                work()
        except BaseException as error:  # noqa: BLE001  told where it is waited for
            self._failed.append(error)

    def _predict(self) -> None:
        asked = {"rows": [{"county": "AITKIN", "floor": self.predictions % 2}]}
        assert self._service.ask(f"{self._model}/predictions", asked).json()["items"]
        self.predictions += 1

    def _put(self) -> None:
        rows = "x,y\n" + "".join(f"{i},{i * self.uploads}\n" for i in range(100))
        found = self._service.ask("/v1/datasets", rows.encode(), kind="text/csv").json()
        self.kept.keep(self._service, f"/v1/datasets/{found['id']}/rows", "text/csv")
        self.uploads += 1
