"""Results kept as JSON, with what they were made by, on what and when."""

from __future__ import annotations

import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

import engine
from benchmarks.machine import machine

RESULTS = Path(__file__).parent / "results"


class Made(TypedDict):
    """Where a result is from."""

    command: str
    date: str
    machine: list[str]
    engine: str
    seconds: float


def made(seconds: float) -> Made:
    """What is being run now, and took so long."""
    module = sys.modules["__main__"].__spec__
    name = module.name if module is not None else sys.argv[0]
    return Made(
        command=" ".join(["python -m", name, *sys.argv[1:]]),
        date=datetime.now(UTC).date().isoformat(),
        machine=machine().removeprefix("- ").rstrip().split("\n- "),
        engine=f"partialpool {engine.__version__}, Python {platform.python_version()}",
        seconds=round(seconds, 1),
    )


def keep(name: str, result: object) -> None:
    """Write the result of a study."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1, sort_keys=False) + "\n"
    (RESULTS / f"{name}.json").write_text(text, "utf-8")


def kept(name: str) -> str:
    """Read the text of a result; FileNotFoundError when the study has not been run."""
    return (RESULTS / f"{name}.json").read_text("utf-8")


def origin(of: Made) -> str:
    """Say in one line where a result is from."""
    return (
        f"`{of['command']}`, {of['date']}, {of['seconds']:.0f} s; {of['engine']}; "
        f"{of['machine'][0]}."
    )
