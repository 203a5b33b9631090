"""Compiles the sums over rows into the wheel, where a C compiler is; else it is pure Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARY = "engine/native/rows.so"


class CustomBuildHook(BuildHookInterface[Any]):
    """Run before the wheel is put together."""

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name the wheel by the platform that it is for."""
        if shutil.which(os.environ.get("CC", "cc")) is None:
            return
        subprocess.run(["sh", Path(LIBRARY).with_name("compile.sh")], cwd=self.root, check=True)
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data.update(pure_python=False, tag=f"py3-none-{platform}")
        build_data["artifacts"].append(LIBRARY)
