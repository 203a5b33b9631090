"""Requests made from the OpenAPI document, alone and in sequences along its links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent

# What a schema cannot say, such as which columns there are, makes a valid request one to refuse.
LEFT_OUT: Final = "positive_data_acceptance"


@dataclass(frozen=True)
class Contract:
    """What schemathesis said: how many cases it made, what it found, all of its words."""

    cases: int
    found: list[str]
    text: str


def fuzz_contract(url: str, key: str, directory: Path, *, seed: int, examples: int) -> Contract:
    """Check a running service against its document, with so many examples of each operation.

    ``key`` is of an owner of its own. All checks are made but one; ``directory`` is for its files.
    """
    command = [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {key}"),
        *("--checks", "all", "--exclude-checks", LEFT_OUT, "--continue-on-failure"),
        *("--max-examples", str(examples), "--seed", str(seed), "--request-timeout", "60"),
        *("--no-color", "--warnings", "off"),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(
        command, cwd=directory, env={**os.environ, **hooks}, capture_output=True, text=True
    )
    counted = re.search(r"Test cases:\s+([\d,]+) generated", done.stdout)
    assert counted is not None, done.stdout + done.stderr
    found = [line for line in done.stdout.splitlines() if line.startswith("- ")]
    return Contract(int(counted[1].replace(",", "")), found, done.stdout)
