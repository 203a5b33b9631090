"""The long run: ``python -m tests.fuzz``; tells how many cases of each kind and what was found."""

from __future__ import annotations

import argparse
import subprocess
import sys
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.fuzz.asking import MEMORY, Told, fuzz_files, fuzz_formulas, parsed
from tests.fuzz.contract import fuzz_contract
from tests.fuzz.formulas import formulas
from tools.live import serving

GIVEN: Final = {"PARTIALPOOL_WORKER_PROCESSES": "1", "PARTIALPOOL_RATE_UNITS": "0"}


def main() -> None:
    """Run what is asked for and end with 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=75, help="of each operation, contract")
    parser.add_argument("--files", type=int, default=4_000)
    parser.add_argument("--formulas", type=int, default=5_000, help="sent to the service")
    parser.add_argument("--texts", type=int, default=100_000, help="formulas only parsed")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="fuzz-") as name:
        found = run(Path(name), options)
    sys.exit(1 if found else 0)


def run(directory: Path, options: argparse.Namespace) -> int:
    """Run all kinds; return how many faults were found."""
    counted = parsed(islice(formulas(options.seed), options.texts))
    _say("parser", f"{options.texts} texts: {dict(counted)}")
    with serving(_made(directory / "open"), **GIVEN) as live:
        told = {
            "files": fuzz_files(live, options.seed, options.files),
            "formulas": fuzz_formulas(live, options.seed, options.formulas),
        }
    found = sum(_tell(name, each) for name, each in told.items())
    kept = _made(directory / "keyed")
    key = _key(kept)
    with serving(kept, PARTIALPOOL_AUTH="keys", **GIVEN) as live:
        contract = fuzz_contract(
            live.url, key, directory, seed=options.seed, examples=options.examples
        )
    _say("contract", f"{contract.cases} cases; failures: {len(contract.found)}")
    if contract.found:
        sys.stdout.write(contract.text)
    return found + len(contract.found)


def _tell(name: str, told: Told) -> int:
    _say(name, str(told))
    for fault in told.faults[:20]:
        _say(name, fault)
    return len(told.faults) + (told.grown > MEMORY)


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def _key(data_dir: Path) -> str:
    command = [sys.executable, "-m", "service", "keys", "--data-dir", str(data_dir), "create"]
    done = subprocess.run([*command, "--owner", "fuzz"], check=True, capture_output=True, text=True)
    return next(word for word in done.stdout.split() if word.startswith("pp_"))


def _say(name: str, text: str) -> None:
    sys.stdout.write(f"{name}: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
