"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np


def machine() -> str:
    """Name the processor, the system and the libraries, as a Markdown list."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    libraries = ("numpy", "scipy", "pandas", "fastapi", "pydantic", "uvicorn")
    system = f"{platform.system()} {platform.release()}"
    lines = (
        f"{_processor()}, {os.cpu_count()} cores, {system}",
        f"load average before the run: {os.getloadavg()[0]:.1f}",
        f"Python {platform.python_version()}; "
        + ", ".join(f"{name} {version(name)}" for name in libraries),
        f"BLAS of numpy: {blas['name']} {blas['version']}, one thread",
    )
    return "\n".join(f"- {line}" for line in lines) + "\n"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
