"""The README does what it says: its commands are run as they stand, its output is theirs."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.live import serving

README = Path(__file__).parent.parent / "README.md"

# A block to run, directly followed by the block of what it prints.
PAIR = re.compile(r"```(sh|python)\n((?:(?!```).)*)```\n+```(?:text|json)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("readme")) as live:
        yield live.url


def blocks() -> list[tuple[str, str, str]]:
    return [(kind, code, printed) for kind, code, printed in PAIR.findall(README.read_text())]


def test_there_are_blocks_of_both_kinds() -> None:
    assert {kind for kind, _, _ in blocks()} == {"sh", "python"}


@pytest.mark.parametrize(("kind", "code", "printed"), blocks())
def test_a_block_prints_what_the_readme_says(
    url: str, kind: str, code: str, printed: str, tmp_path: Path
) -> None:
    code = code.replace("http://127.0.0.1:8000", url).replace("/tmp/", f"{tmp_path}/")
    command = ["bash", "-ec", code] if kind == "sh" else [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=README.parent, timeout=60)
    assert done.stderr == ""
    assert done.stdout.rstrip("\n") == printed.rstrip("\n")
