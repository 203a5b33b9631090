"""Requests made from the document, good and bad: no 5xx, nothing that is not documented."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.live import Live, serving

ROOT = Path(__file__).parents[2]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "missing_required_header",
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service of its own: no other test finds what is made here."""
    with serving(tmp_path_factory.mktemp("contract")) as running:
        yield running


def test_every_bound_of_the_document_is_kept_to(asked: Live, tmp_path: Path) -> None:
    """Each parameter and field at its bounds, beyond them, and left out."""
    run(asked, tmp_path, "examples,coverage", examples=1)


def test_the_running_service_keeps_to_its_document(asked: Live, tmp_path: Path) -> None:
    """Odd values, and requests that follow from the answers to others."""
    run(asked, tmp_path, "fuzzing,stateful", examples=4)


@pytest.mark.slow
def test_the_running_service_keeps_to_its_document_for_long(asked: Live, tmp_path: Path) -> None:
    run(asked, tmp_path, "examples,coverage,fuzzing,stateful", examples=25)


def run(asked: Live, directory: Path, phases: str, examples: int) -> None:
    """Make the requests, some examples of each kind, and expect no complaint."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{asked.url}/openapi.json"),
        *("--checks", ",".join(CHECKS), "--max-examples", str(examples), "--seed", "1"),
        *("--no-color", "--continue-on-failure", "--exclude-method", "DELETE"),
        *("--phases", phases),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command,
        cwd=directory,
        env=os.environ | hooks,
        capture_output=True,
        text=True,
        timeout=900,
    )
    # Forms of body that it cannot write are told as errors and end it as failures do.
    failures = [line for line in done.stdout.splitlines() if line.startswith("- ")]
    assert not failures, "\n".join(line[:500] for line in done.stdout.splitlines())
    assert "Test cases:" in done.stdout
