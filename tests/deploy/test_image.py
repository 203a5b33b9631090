"""What the image is made of reaches the one who builds it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def copied() -> list[str]:
    """The paths of this repository that the Dockerfile copies."""
    lines = [line.split() for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines()]
    copies = [line[1:-1] for line in lines if line[:1] == ["COPY"]]
    return [path for paths in copies if not paths[0].startswith("--from") for path in paths]


def test_what_the_dockerfile_copies_is_sent_to_the_builder() -> None:
    everything, *lines = (ROOT / ".dockerignore").read_text("utf-8").split()
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    paths = copied()
    assert everything == "*"
    assert "engine" in paths
    assert set(paths) == let_through
    assert all((ROOT / path).exists() for path in paths)
