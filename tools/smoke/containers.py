"""What Docker says of the containers of this project, and what is done to them."""

from __future__ import annotations

import subprocess
from typing import Final

SEALED: Final = (
    'test "$(id -u)" -ne 0; touch /tmp/probe; rm /tmp/probe; ! touch /app/probe 2>/dev/null;'
    'grep -q "^CapEff:.0*$" /proc/1/status; grep -q "^NoNewPrivs:.1$" /proc/1/status'
)


def docker(*arguments: str) -> str:
    """Return what a command prints."""
    return subprocess.check_output(("docker", *arguments), text=True).strip()


def inspect(name: str, template: str) -> str:
    """Return what Docker says of a container."""
    return docker("inspect", "--format", template, name)


def of_service(service: str) -> list[str]:
    """Return the names of a service's containers."""
    return sorted(docker("compose", "ps", "--format", "{{.Name}}", service).split())


def crash(name: str) -> None:
    """End all processes of a container at once, as the kernel does where memory runs out.

    Docker starts it again then; after ``docker kill``, which is somebody's wish, it would not.
    """
    subprocess.run(("docker", "exec", name, "sh", "-c", "kill -9 -1"), check=False)


def restarts(name: str) -> int:
    """Return how often Docker has started a container again."""
    return int(inspect(name, "{{.RestartCount}}"))


def running(name: str) -> bool:
    """Tell whether a container runs, and is healthy where its health is asked for."""
    state = "{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}"
    return inspect(name, state) in {"healthy", "running"}


def look_inside(name: str) -> None:
    """See that a container has no rights that it does not need, and a root nobody writes to."""
    docker("exec", name, "sh", "-euc", SEALED)


def fresh(image: str, port: int) -> str:
    """Start a container of an image with an empty catalog in memory, and return its id."""
    options = ("--read-only", "--tmpfs", "/data:uid=10001", "--tmpfs", "/tmp")  # noqa: S108
    published = f"127.0.0.1:{port}:8000"
    return docker(
        "run", "-d", "--rm", *options, "-e", "PARTIALPOOL_AUTH=off", "-p", published, image
    )
