"""Following jobs, and the processes that do them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

UNFINISHED = ("queued", "running")


async def finished(client: httpx.AsyncClient, path: str, seconds: float = 120) -> dict[str, Any]:
    """Return a job once it is finished."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        if job["state"] not in UNFINISHED:
            return job
        await asyncio.sleep(0.1)
    raise AssertionError(job)


def soon(check: Callable[[], bool], seconds: float) -> bool:
    """Tell whether something comes true within so many seconds."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def children(pid: int) -> dict[int, float]:
    """Return the processes that a process has started, and the processor seconds of each."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            used = int(fields[11]) + int(fields[12])
            found[int(stat.parent.name)] = used / os.sysconf("SC_CLK_TCK")
    return found


def busy(pid: int, seconds: float = 60) -> int:
    """Return the child of a process that is at work: the first to use some time of a processor."""
    before, end = children(pid), time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
        for child, now in children(pid).items():
            if now - before.setdefault(child, now) >= 0.1:  # it may have begun meanwhile
                return child
    raise AssertionError("no child is at work")


def alive(pid: int) -> bool:
    """Tell whether there is such a process, and not only what is left of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
