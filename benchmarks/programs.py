"""The programs that take part, and how each is started."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

CONTESTANTS = Path(__file__).parent / "contestants"
OURS = "partialpool"
LME4 = "lme4"
NO_DERIVATIVES = "lme4, no derivatives"
PEERS = (LME4, NO_DERIVATIVES, "mixedlm", "statsmodels", "gpboost")


def ours(folder: Path) -> list[str]:
    """Return the command of our own contestant."""
    return [sys.executable, "-m", "benchmarks.contestants.partialpool", str(folder)]


def peer(name: str, folder: Path, python: Path | None) -> list[str] | None:
    """Return the command of a peer, ``None`` when it is not on this machine.

    ``python`` is the one that has the peers' packages.
    """
    if name in {LME4, NO_DERIVATIVES}:
        if not has_lme4():
            return None
        more = ["no-derivatives"] if name == NO_DERIVATIVES else []
        return ["Rscript", str(CONTESTANTS / "lme4.R"), str(folder), *more]
    if python is None:
        return None
    return [str(python), "-m", f"benchmarks.contestants.{name}", str(folder)]


def has_lme4() -> bool:
    """Whether R and its lme4 are here."""
    if shutil.which("Rscript") is None:
        return False
    probe = 'quit(status = !requireNamespace("lme4", quietly = TRUE))'
    return subprocess.run(["Rscript", "-e", probe], check=False).returncode == 0
