"""What is read before anybody asks: it costs nothing that can be seen but time."""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx
import pytest

from service import bundled, dashboard
from service.context import Services
from service.radon.places import places
from service.radon.tables import bundled as tables
from service.warming import Warming

pytestmark = pytest.mark.anyio


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_the_survey_is_read_before_it_is_asked_for_and_nothing_is_stored(
    client: httpx.AsyncClient, parts: Services
) -> None:
    dashboard.front.cache_clear()
    places.cache_clear()
    warming = Warming(parts)
    warming.start()
    await warming.done()
    assert dashboard.front.cache_info().currsize == 1
    assert places.cache_info().currsize == 1
    for kind in ("datasets", "models"):
        assert (await client.get(f"/v1/{kind}")).json()["items"] == []


async def test_stopping_at_once_leaves_no_files(
    parts: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(bundled, "_IDS", {})
    before = names(tmp_path)
    warming = Warming(parts)
    warming.start()
    await warming.close()
    assert names(tmp_path) == before
    assert [await bundled.id_of(parts, table) for table in tables()]
