"""Odd requests to a running service, and what it made of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any, Final

import httpx
import psutil

import engine
from tests.fuzz.files import CSV, files
from tests.fuzz.formulas import formulas
from tools.live import Live

BOUND: Final = 60.0
"""Seconds after which a request is taken to hang."""

MEMORY: Final = 500 << 20
"""Bytes by which the process may grow over what it holds after the first few requests."""

WARM: Final = 40

TABLE: Final = "y,x,z,n,g,h,a b,ok\n" + "".join(
    f"{(7 * i) % 11 + 0.5},{(3 * i) % 7},{i / 60},{i % 3},{'abcdef'[i % 6]},{'uvw'[i // 20]},"
    f"{i % 5},{'true' if i % 4 else 'false'}\n"
    for i in range(60)
)


@dataclass
class Told:
    """What came of requests: answers by status, faults, the slowest, the growth in bytes."""

    asked: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    grown: int = 0

    def __str__(self) -> str:
        counted = ", ".join(f"{status}: {n}" for status, n in sorted(self.statuses.items()))
        return (
            f"{self.asked} cases, {sum(self.statuses.values())} requests ({counted}); "
            f"faults: {len(self.faults)}; slowest {self.slowest:.1f} s; "
            f"memory grew by {self.grown / 1e6:.0f} MB"
        )


@dataclass
class Asking:
    """A client that sends odd things to a service and looks at its memory."""

    live: Live
    client: httpx.Client
    told: Told = field(default_factory=Told)
    _base: int = 0

    def ask(self, case: object, method: str, path: str, **more: Any) -> httpx.Response | None:
        """Ask and note; ``case`` is what makes the request again."""
        begun = time.monotonic()
        try:
            answer = self.client.request(method, path, **more)
        except httpx.HTTPError as error:
            self.told.faults.append(f"{case!r}: {method} {path}: {error!r}")
            return None
        self.told.slowest = max(self.told.slowest, time.monotonic() - begun)
        self.told.statuses[answer.status_code] += 1
        if answer.status_code >= 500:
            self.told.faults.append(f"{case!r}: {method} {path}: {answer.text[:300]}")
        return answer

    def count(self) -> None:
        """Count a case, and look at the memory."""
        self.told.asked += 1
        held = int(psutil.Process(self.live.process.pid).memory_info().rss)
        if self.told.asked <= WARM:
            self._base = max(self._base, held)
        self.told.grown = max(self.told.grown, held - self._base)


def fuzz_files(live: Live, seed: int, count: int) -> Told:
    """Upload damaged files; read what is taken all the same."""
    with httpx.Client(base_url=live.url, timeout=BOUND) as client:
        asking = Asking(live, client)
        for number, (media, content) in enumerate(islice(files(seed), count)):
            case = (seed, number, media, sha256(content).hexdigest()[:12])
            kept = asking.ask(
                case, "POST", "/v1/datasets", content=content, headers={"content-type": media}
            )
            if kept is not None and kept.is_success:
                path = f"/v1/datasets/{kept.json()['id']}"
                read = asking.ask(case, "GET", f"{path}/rows", params={"limit": 20})
                if read is not None and not read.is_success:
                    asking.told.faults.append(f"{case!r} is kept and cannot be read")
                asking.ask(case, "DELETE", path)
            asking.count()
    return asking.told


def fuzz_formulas(live: Live, seed: int, count: int) -> Told:
    """Have formulas looked at, and fitted where they have a meaning."""
    with httpx.Client(base_url=live.url, timeout=BOUND) as client:
        answer = client.post("/v1/datasets", content=TABLE, headers={"content-type": CSV})
        assert answer.is_success, answer.text
        dataset, asking = answer.json()["id"], Asking(live, client)
        for number, text in enumerate(islice(formulas(seed), count)):
            case, body = (seed, number, text[:200]), {"dataset": dataset, "formula": text}
            found = asking.ask(case, "POST", "/v1/models/validate", json=body)
            if found is not None and found.is_success and found.json()["valid"]:
                asking.ask(case, "POST", "/v1/models", json=body)
            asking.count()
    return asking.told


def parsed(texts: Iterator[str]) -> Counter[str]:
    """Parse formulas; return how many were read and refused.

    What is read is read again from its own text; whatever else is raised passes through.
    """
    counted: Counter[str] = Counter()
    for text in texts:
        try:
            formula = engine.parse(text)
        except engine.FormulaError:
            counted["refused"] += 1
        else:
            assert engine.parse(formula.text, max_characters=None) == formula, text
            counted["read"] += 1
    return counted
