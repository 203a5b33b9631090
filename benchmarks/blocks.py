"""Parts of a page that are written from results: between ``<!-- name -->`` and its end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

Blocks = Mapping[str, Callable[[], str]]


def stale(path: Path, blocks: Blocks) -> Iterator[str]:
    """Name the blocks of a page that are not what the results say, or are not there."""
    page = path.read_text("utf-8")
    for name, block in blocks.items():
        pattern = f"<!-- {name} -->\n(.*?)<!-- end of {name} -->"
        found = re.search(pattern, page, re.DOTALL)
        if found is None or found[1].strip() != block().strip():
            yield name


def write(path: Path, blocks: Blocks) -> None:
    """Write the blocks of a page."""
    page = path.read_text("utf-8")
    for name, block in blocks.items():
        before, _, rest = page.partition(f"<!-- {name} -->\n")
        _, mark, after = rest.partition(f"<!-- end of {name} -->")
        page = f"{before}<!-- {name} -->\n\n{block().strip()}\n\n{mark}{after}"
    path.write_text(page, "utf-8")
