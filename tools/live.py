"""Start ``python -m service serve`` on a free port and stop it again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Live:
    """A running service: where it listens, what it printed, its log, its process."""

    url: str
    greeting: str
    log: Path
    process: subprocess.Popen[str]


@contextmanager
def serving(data_dir: Path, **environment: str) -> Iterator[Live]:
    """Run the service on a free port; ``environment`` is added to that of this process."""
    with started(data_dir, environment) as live:
        yield live


@contextmanager
def started(
    data_dir: Path, environment: Mapping[str, str], *, port: int = 0, log: Path | None = None
) -> Iterator[Live]:
    """Run the service on a port; its log is added to ``log``, else to one in its directory."""
    command = [sys.executable, "-m", "service", "serve", "--data-dir", str(data_dir)]
    command += ["--port", str(port)]
    errors = (log or data_dir / "stderr").open("a+")
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    try:
        url, greeting = _greeted(process)
        yield Live(url, greeting, Path(errors.name), process)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
        errors.close()


def _greeted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return where the service listens and what it printed, once it is ready."""
    greeting = ""
    while "curl" not in greeting:
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            raise RuntimeError("the service ended before it was ready")
        greeting += line
    found = re.search(r"ready at (\S+)", greeting)
    if found is None:
        raise RuntimeError(f"the service does not say where it listens: {greeting}")
    return found[1], greeting
