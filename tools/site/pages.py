"""A hook of MkDocs: pages that are written elsewhere in the repository, and the links to them."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any, Final

from api import reference
from mkdocs.structure.files import File

ROOT: Final = Path(__file__).parents[2]
ENGINE: Final = "# The engine\n\nWhat `import engine` offers.\n\n::: engine\n"

# Where files of the repository are on the site; those of docs/ keep their names.
PLACES: Final[dict[str, str]] = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "service/radon/data/README.md": "survey.md",
    "openapi/problems.md": "reference/problems.md",
    "openapi/openapi.json": "reference/openapi.json",
    "deploy/alerts.yml": "deploy/alerts.yml",
    **{
        f"benchmarks/{path.name}": f"benchmarks/{path.name}"
        for path in sorted((ROOT / "benchmarks").glob("results*.md"))
    },
}
_SOURCES: Final = {place: source for source, place in PLACES.items()}
_LINK: Final = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(\))")


def on_files(files: Any, config: Any) -> Any:
    """Add what is not under docs/."""
    for source, place in PLACES.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text()))
    document = json.loads((ROOT / "openapi" / "openapi.json").read_text())
    files.append(File.generated(config, "reference/api.md", content=reference(document)))
    files.append(File.generated(config, "reference/engine.md", content=ENGINE))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links from a page to where their files are on the site."""
    here = page.file.src_uri
    origin = _SOURCES.get(here, f"docs/{here}")

    def led(found: re.Match[str]) -> str:
        before, link, anchor, after = found.groups()
        target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), link))
        place = PLACES.get(
            target, target.removeprefix("docs/") if target.startswith("docs/") else ""
        )
        if place:
            link = posixpath.relpath(place, posixpath.dirname(here) or ".")
        return f"{before}{link}{anchor or ''}{after}"

    return _LINK.sub(led, markdown)
