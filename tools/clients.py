"""Make clients of the OpenAPI document and have them do the main job: ``python -m tools.clients``.

A Python client by openapi-python-client, checked by mypy, and a TypeScript client by
openapi-typescript, checked by tsc; both upload the survey, fit, read effects, predict and are
refused, at a service that wants keys.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.live import serving

ROOT: Final = Path(__file__).parents[1]
HERE: Final = ROOT / "tools" / "contract"
MADE: Final = HERE / "generated"
DOCUMENT: Final = ROOT / "openapi" / "openapi.json"
TABLE: Final = ROOT / "service" / "radon" / "data" / "minnesota-radon.csv"
PACKAGE: Final = "partialpool_generated"
TOOLS: Final = ROOT / ".venv-tools" / "bin"
NODE: Final = HERE / "node_modules" / ".bin"


def main() -> None:
    """Make both, check both, run both; end with an error when anything fails."""
    shutil.rmtree(MADE, ignore_errors=True)
    (MADE / "python").mkdir(parents=True)
    _timed("openapi-python-client", make_python)
    _timed("openapi-typescript", make_typescript)
    with TemporaryDirectory() as directory:
        key = _key(Path(directory))
        with serving(Path(directory), PARTIALPOOL_AUTH="keys") as live:
            asked = (live.url, key, str(TABLE))
            _run(str(TOOLS / "python"), "smoke.py", *asked, at=MADE / "python")
            _run("node", "js/smoke.js", *asked, at=MADE)


def make_python() -> None:
    """Make the Python client, warnings being errors, and check its types and those of its use."""
    command = [str(TOOLS / "openapi-python-client"), "generate", "--path", str(DOCUMENT)]
    command += ["--output-path", PACKAGE, "--meta", "none", "--config", str(HERE / "python.yaml")]
    _run(*command, "--fail-on-warning", at=MADE / "python")
    shutil.copy(HERE / "smoke.py", MADE / "python")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--explicit-package-bases"]
    mypy += ["--config-file", "", "--cache-dir", os.devnull]
    mypy += ["--python-executable", str(TOOLS / "python")]
    _run(*mypy, "smoke.py", PACKAGE, at=MADE / "python")


def make_typescript() -> None:
    """Make the types of the TypeScript client, and compile its use, strictly."""
    # A key with a default may be left out of a request.
    options = ["--output", str(MADE / "api.ts"), "--default-non-nullable", "false"]
    _run(str(NODE / "openapi-typescript"), str(DOCUMENT), *options, at=HERE)
    shutil.copy(HERE / "smoke.ts", MADE)
    _run(str(NODE / "tsc"), "--project", ".", at=HERE)


def _key(data_dir: Path) -> str:
    command = [sys.executable, "-m", "service", "keys", "--data-dir", str(data_dir), "create"]
    done = subprocess.run(
        [*command, "--owner", "clients"], check=True, capture_output=True, text=True
    )
    return next(word for word in done.stdout.split() if word.startswith("pp_"))


def _run(*command: str, at: Path) -> None:
    path = f"{TOOLS}:{os.environ['PATH']}"
    done = subprocess.run(command, check=False, cwd=at, env=os.environ | {"PATH": path}, text=True)
    if done.returncode:
        sys.exit(f"{command[0]} failed")


def _timed(name: str, make: Callable[[], None]) -> None:
    begun = time.monotonic()
    make()
    print(f"{name}: made and checked in {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
