"""Whether a release can be made: ``python -m tools.release``, best by ``make release-check``.

The packages are built twice, the same bytes, the wheel from the sdist; in an empty environment
with the locked packages the wheel runs, fits and predicts. Versions, changelog, locks, the list of
parts and the licences are looked at too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx

from engine.version import __version__

ROOT: Final = Path(__file__).parents[1]
TOOLS: Final = ROOT / ".venv-tools" / "bin" / "python"
LOCK: Final = ROOT / "requirements" / "runtime.txt"
DIST: Final = ROOT / "dist"
BUILD: Final = ROOT / "build"
FIT: Final = {
    "dataset": "minnesota-radon",
    "formula": "log(radon + 0.1) ~ floor + (1 | county)",
}
HOUSE: Final = {"rows": [{"county": "AITKIN", "floor": 0}], "thresholds": [4]}


def packages() -> list[str]:
    """Return the packages that the wheel is to have."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: list[str] = told["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return found


def check_changelog() -> str:
    """The changelog has a part of this version, and says something in it."""
    text = (ROOT / "CHANGELOG.md").read_text()
    pattern = rf"^## {re.escape(__version__)}\b.*?$(.*?)(?=^## |\Z)"
    part = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    _demand(part is not None and "\n- " in part[1], f"CHANGELOG.md says nothing of {__version__}")
    return __version__


def check_document() -> str:
    """The OpenAPI document is of this version, and kept as released."""
    document = json.loads((ROOT / "openapi" / "openapi.json").read_text())
    _demand(document["info"]["version"] == __version__, "openapi.json is of another version")
    kept = ROOT / "openapi" / "released" / f"{__version__}.json"
    _demand(kept.exists(), f"{kept.name} is not kept: make released")
    _run(sys.executable, "-m", "tools.breaking")
    return kept.name


def check_build() -> str:
    """Two builds are the same bytes; the wheel is made from the sdist."""
    shutil.rmtree(DIST, ignore_errors=True)
    with TemporaryDirectory() as other:
        for out in (DIST, Path(other)):
            _run(str(TOOLS), "-m", "build", "--no-isolation", "--outdir", str(out), env=_dated())
        first, second = ({p.name: _hash(p) for p in out.iterdir()} for out in (DIST, Path(other)))
    _demand(first == second, f"two builds differ: {first} and {second}")
    _demand(len(first) == 2, f"not one wheel and one sdist: {sorted(first)}")
    return ", ".join(f"{name} {digest[:12]}" for name, digest in sorted(first.items()))


def check_content() -> str:
    """All files of the packages that the repository has are in the wheel and in the sdist."""
    listed = _run("git", "ls-files", *packages()).split()
    names = zipfile.ZipFile(_wheel()).namelist()
    sdist = next(DIST.glob("*.tar.gz"))
    with tarfile.open(sdist) as archive:
        inside = [name.split("/", 1)[-1] for name in archive.getnames()]
    for place, have in (("wheel", names), ("sdist", inside)):
        lacking = sorted(set(listed) - set(have))
        _demand(not lacking, f"the {place} lacks {lacking[:5]}")
    _demand("CHANGELOG.md" in inside and "LICENSE" in inside, "the sdist lacks its papers")
    return f"{len(listed)} files"


def check_locks() -> str:
    """What is locked is what would be locked: nothing is missing, nothing too much."""
    with TemporaryDirectory() as directory:
        for name, options in (("runtime", []), ("dev", ["--extra", "dev", "--constraint", LOCK])):
            kept = ROOT / "requirements" / f"{name}.txt"
            made = Path(shutil.copy(kept, directory))
            command: list[Any] = [sys.executable, "-m", "piptools", "compile", "--quiet"]
            command += ["--generate-hashes", "--strip-extras", "--allow-unsafe", "--no-header"]
            command += ["--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links"]
            command += ["--constraint", ROOT / "requirements" / "constraints.in", *options]
            _run(*map(str, [*command, "--output-file", made, "pyproject.toml"]))
            _demand(_pins(made) == _pins(kept), f"{kept.name} is not in step: make lock")
    return "runtime, dev"


def check_parts() -> str:
    """The parts are listed as CycloneDX, by the lock."""
    BUILD.mkdir(exist_ok=True)
    sbom = BUILD / "sbom.json"
    command = [
        str(TOOLS.with_name("cyclonedx-py")),
        "requirements",
        "--pyproject",
        "pyproject.toml",
    ]
    command += ["--mc-type", "application", "--spec-version", "1.6", "--output-reproducible"]
    _run(*command, "--validate", "--of", "JSON", "-o", str(sbom), str(LOCK))
    parts = json.loads(sbom.read_text())["components"]
    _demand(len(parts) == len(_pins(LOCK)), "the list of parts is not the lock")
    return f"{len(parts)} parts in {sbom.relative_to(ROOT)}"


def check_wheel() -> str:
    """In an empty environment the wheel runs, fits the lecture's model and predicts."""
    with TemporaryDirectory() as name:
        here = Path(name)
        _run(sys.executable, "-m", "venv", str(here / "venv"))
        python = str(here / "venv" / "bin" / "python")
        pip = (
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        )
        _run(*pip, "--require-hashes", "-r", str(LOCK))
        _run(*pip, str(_wheel()))
        licences = _run(python, str(ROOT / "tools" / "licences.py"), str(LOCK))
        (BUILD / "licences.md").write_text(licences)
        return _served(python, here)


def _served(python: str, here: Path) -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [python, "-m", "service", "serve", "--data-dir", "data", "--port", str(port)]
    process = subprocess.Popen(command, cwd=here, stdout=subprocess.DEVNULL)
    try:
        _until_ready(url, process)
        model = _ask(f"{url}/v1/models", FIT)
        estimate = model["fixed_effects"][0]["estimate"]
        _demand(round(estimate, 4) == 1.4924, f"the intercept is {estimate}")
        item = _ask(f"{url}/v1/models/{model['id']}/predictions", HOUSE)["items"][0]
        probability = item["outcome"]["exceedance"][0]["probability"]
        _demand(round(probability, 2) == 0.41, f"the probability is {probability}")
        for page in ("/", "/docs", f"/v1/models/{model['id']}/plots/lines"):
            _ask(url + page)
        version = model["provenance"]["engine_version"]
        _demand(version.startswith(__version__), f"the engine is {version}")
    finally:
        process.terminate()
        process.wait(60)
    return f"fitted ({estimate:.4f}), predicted ({probability:.2f}), drawn"


def _until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        _demand(process.poll() is None, "the service ended before it was ready")
        try:
            _ask(f"{url}/readyz")
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    _demand(False, "the service did not become ready")


def _ask(url: str, body: object = None) -> Any:
    method = "GET" if body is None else "POST"
    for _ in range(20):
        answer = httpx.request(method, url, json=body, timeout=60)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(int(answer.headers["retry-after"]))  # a busy machine draws its first plot late
    answer.raise_for_status()
    return answer.json() if "json" in answer.headers["content-type"] else answer.content


def _wheel() -> Path:
    return next(DIST.glob("*.whl"))


def _dated() -> dict[str, str]:
    """Return an environment in which builds have the date of the last commit."""
    return {"SOURCE_DATE_EPOCH": _run("git", "log", "-1", "--format=%ct").strip()}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _pins(lock: Path) -> set[str]:
    return set(re.findall(r"^[\w.-]+==\S+", lock.read_text(), re.MULTILINE))


def _run(*command: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, check=False, cwd=ROOT, env=os.environ | (env or {}), capture_output=True, text=True
    )
    _demand(
        done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
    return done.stdout


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"release-check: {otherwise}")


CHECKS: Final[tuple[Callable[[], str], ...]] = (
    check_changelog,
    check_document,
    check_build,
    check_content,
    check_parts,
    check_wheel,
    check_locks,
)


def main() -> None:
    """Run the checks that are named, or all; say what each found."""
    names = {each.__name__.removeprefix("check_"): each for each in CHECKS}
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("checks", nargs="*", choices=[[], *names], help="all by default")
    for name in parser.parse_args().checks or names:
        begun = time.monotonic()
        found = names[name]()
        print(f"{name}: {found} ({time.monotonic() - begun:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
