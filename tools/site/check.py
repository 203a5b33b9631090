"""Look at the built site: ``python check.py build/site``.

Nothing is loaded from elsewhere, and every link within the site leads to a page and an anchor.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
QUIET = {"canonical", "next", "prev", "alternate"}
"""Relations of a ``link`` that load nothing."""


ELSEWHERE = re.compile(r"(?:url\(|@import\s+)['\"]?(?:https?:)?(//[^)'\"]*)")


class Page(HTMLParser):
    """What a page loads, links to and can be linked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in LOADED and not (tag == "link" and given.get("rel") in QUIET):
            self.loads.append(given.get(LOADED[tag], ""))
        if "style" in given:
            self.loads += re.findall(r"url\(([^)]*)\)", given["style"])


def faults(site: Path) -> Iterator[str]:
    """Yield what is wrong with the pages below ``site``."""
    pages = {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        if path.name != "404.html":  # its links are from the root of wherever it is served
            yield from (f"{path}: {what}" for what in _loads(path, page))
            yield from (f"{path}: {what}" for what in _links(path, page, pages))
    for sheet in site.rglob("*.css"):
        for load in ELSEWHERE.findall(sheet.read_text()):
            yield f"{sheet}: loads {load}"


def _loads(path: Path, page: Page) -> Iterator[str]:
    for load in page.loads:
        if urlsplit(load).netloc:
            yield f"loads {load}"
        elif load and not load.startswith("data:") and not _target(path, load).exists():
            yield f"loads {load}, which is not there"


def _links(path: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = _target(path, link) if parts.path else path
        if not target.exists():
            yield f"{link} leads nowhere"
        elif parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
            yield f"{link} has no such anchor"


def _target(page: Path, link: str) -> Path:
    return (page.parent / unquote(urlsplit(link).path)).resolve()


def main() -> int:
    """Print what is wrong; return the exit status."""
    site = Path(sys.argv[1]).resolve()
    found = list(faults(site))
    for line in found:
        print(line)
    print(f"{len(list(site.rglob('*.html')))} pages, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
