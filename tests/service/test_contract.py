from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.live import serving

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


def test_the_running_service_keeps_to_its_document(tmp_path: Path) -> None:
    """Requests made from the document, good and bad: no 5xx, nothing that is not documented."""
    with serving(tmp_path) as live:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{live.url}/openapi.json"),
            *("--checks", ",".join(CHECKS), "--max-examples", "12", "--seed", "1"),
            *("--no-color", "--continue-on-failure", "--exclude-method", "DELETE"),
        ]
        hooks = {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | hooks,
            capture_output=True,
            text=True,
            timeout=300,
        )
    # Forms of body that it cannot write are told as errors and end it as failures do.
    failures = [line for line in done.stdout.splitlines() if line.startswith("- ")]
    assert not failures, "\n".join(line[:500] for line in done.stdout.splitlines())
    assert "Test cases:" in done.stdout
