"""The figures kept for docs/lecture.md are those that the service draws."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tools.lecture import FIGURES, FOLDER, asked, digest
from tools.live import serving

LARGEST = 100_000


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with (
        serving(tmp_path_factory.mktemp("lecture")) as live,
        httpx.Client(base_url=live.url, timeout=120) as client,
    ):
        yield {figure.name: json.loads(text) for figure, text in asked(client, "vega-lite")}


def same(kept: Any, found: Any) -> bool:
    """Tell whether two documents are equal, numbers to six digits; data have names by content."""
    match kept, found:
        case dict(), dict():
            return same(_entries(kept), _entries(found))
        case list(), list():
            return len(kept) == len(found) and all(map(same, kept, found))
        case float(), int() | float():
            return bool(found == pytest.approx(kept, rel=1e-6, abs=1e-6))
        case str(), str() if re.fullmatch(r"data-[0-9a-f]{32}", kept):
            return found.startswith("data-")
    return bool(kept == found)


def _entries(document: dict[str, Any]) -> list[list[Any]]:
    return [[key, document[key]] for key in sorted(document)]


@pytest.mark.parametrize("name", [figure.name for figure in FIGURES])
def test_a_figure_is_what_the_service_draws(drawn: dict[str, Any], name: str) -> None:
    kept = json.loads((FOLDER / f"{name}.json").read_text())
    data, now = kept.pop("datasets", {}), dict(drawn[name])
    assert same(sorted(data.values(), key=len), sorted(now.pop("datasets", {}).values(), key=len))
    assert same(kept, now)


def test_another_number_is_another_figure(drawn: dict[str, Any]) -> None:
    assert not same({"a": [1.0, {"b": 2.0}]}, {"a": [1.0, {"b": 2.001}]})
    assert not same(drawn["means"], drawn["uranium"])


@pytest.mark.parametrize("name", [figure.name for figure in FIGURES])
def test_a_picture_is_that_of_its_specification_and_small(name: str) -> None:
    picture = (FOLDER / f"{name}.svg").read_text()
    kept = (FOLDER / f"{name}.json").read_text()
    assert picture.endswith(f"<!-- {digest(kept)} -->\n")
    assert len(picture) < LARGEST
    assert "<desc" in picture


def test_the_page_shows_every_figure_that_is_kept() -> None:
    page = (FOLDER.parent / "lecture.md").read_text()
    shown = re.findall(r"\]\(lecture/(\w+)\.svg\)", page)
    assert sorted(shown) == sorted(figure.name for figure in FIGURES)
    assert sorted(shown) == sorted(path.stem for path in FOLDER.glob("*.svg"))
