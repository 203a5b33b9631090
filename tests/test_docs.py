"""The README and the docs do what they say: their code is run, and prints what they print."""

import gc
import io
import os
import re
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from tools.live import serving

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]

# A block to run, directly followed by the block of what it prints; both may be indented.
PAIR = re.compile(
    r"^([ ]*)```(sh|python)\n((?:(?!```).)*)```\n+[ ]*```(?:text|json)\n((?:(?!```).)*)```",
    re.DOTALL | re.MULTILINE,
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("docs")) as live:
        yield live.url


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the command as an installed package has it."""
    directory = tmp_path_factory.mktemp("bin")
    script = directory / "partialpool"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m partialpool "$@"\n')
    script.chmod(0o755)
    return directory


def blocks() -> list[tuple[str, str, str, str]]:
    return [
        (page, kind, textwrap.dedent(code), textwrap.dedent(printed))
        for page in PAGES
        for _, kind, code, printed in PAIR.findall((ROOT / page).read_text())
    ]


def test_there_are_blocks_of_both_kinds() -> None:
    assert {kind for _, kind, _, _ in blocks()} == {"sh", "python"}


@pytest.mark.parametrize(("page", "kind", "code", "printed"), blocks())
def test_a_block_prints_what_the_page_says(
    url: str, commands: Path, page: str, kind: str, code: str, printed: str, tmp_path: Path
) -> None:
    code = code.replace("http://127.0.0.1:8000", url).replace("/tmp/", f"{tmp_path}/")
    if kind == "python":
        assert run(code) == printed.rstrip(), page
        return
    command = ["bash", "-ec", code]
    # `python` is the one that tests
    path = f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        env=os.environ | {"PATH": path},
    )
    assert done.stderr == "", page
    assert done.stdout.rstrip() == printed.rstrip(), page


def run(code: str) -> str:
    """Run Python code by itself, but with what is imported already, and return what it prints."""
    said = io.StringIO()
    with chdir(ROOT), redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings():
        # As in a process of its own, what is left open is closed at the end without a word.
        warnings.simplefilter("ignore", ResourceWarning)
        exec(compile(code, "block", "exec"), {"__name__": "__main__"})  # noqa: S102  our own pages
        gc.collect()
    return said.getvalue().rstrip()


@pytest.mark.parametrize("page", PAGES)
def test_no_link_to_a_file_is_dead(page: str) -> None:
    here = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", here.read_text())
    assert [link for link in links if not (here.parent / link).exists()] == []
