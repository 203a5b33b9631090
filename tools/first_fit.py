"""From an empty folder to the first fitted model, timed.

    python -m tools.first_fit [--container]

A clone of this repository, then the two commands of the README: one that starts the service, by
``make serve`` or in a container, built first, and one that asks for the radon survey's model. What
comes from elsewhere, packages and base image, comes as fast as the network and its caches give it.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ASKED: Final = json.dumps(
    {"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}
).encode()
PATIENCE: Final = 900.0


def main() -> None:
    """Print the seconds of each step."""
    parser = argparse.ArgumentParser(prog="python -m tools.first_fit", description=__doc__)
    parser.add_argument("--container", action="store_true", help="not make serve")
    container = parser.parse_args().container
    with TemporaryDirectory() as folder:
        begun = time.monotonic()
        clone = Path(folder, "partialpool")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        cloned = time.monotonic()
        with running(clone, container) as (url, service):
            table = fitted(url, service)
            took = time.monotonic() - cloned
        print(table)
        print(f"cloned in {cloned - begun:.1f} s, the first model after {took:.1f} s more")


@contextmanager
def running(clone: Path, container: bool) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start the service of a clone, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    published = f"PARTIALPOOL_PUBLISH=127.0.0.1:{port}"
    up = ["env", published, "docker", "compose", "--project-name", "first-fit"]
    command = [*up, "up", "--build"] if container else ["make", "serve", f"PORT={port}"]
    with subprocess.Popen(command, cwd=clone, stdout=subprocess.DEVNULL) as service:
        try:
            yield f"http://127.0.0.1:{port}", service
        finally:
            service.terminate()
            service.wait(60)
            if container:
                subprocess.run([*up, "down", "--volumes"], cwd=clone, check=True)


def fitted(url: str, service: subprocess.Popen[bytes]) -> str:
    """Ask for the model until the service is there, or has ended; return the table it prints."""
    headers = {"Content-Type": "application/json", "Accept": "text/plain"}
    request = urllib.request.Request(f"{url}/v1/models", ASKED, headers)  # noqa: S310  a service of our own
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  likewise
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            if service.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    main()
