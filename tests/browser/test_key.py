"""A service that lets in who has a key: the page asks for it, once, and says when it is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tools.live import serving
from tools.visiting import visiting


@pytest.mark.slow
def test_a_key_is_asked_for_and_kept_in_its_tab(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, PARTIALPOOL_AUTH="keys") as live, visiting(browser, live.url) as visit:
        page = visit.page
        page.goto(live.url)
        page.wait_for_selector("#key-value")
        page.fill("#key-value", "pp_wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#key-said:has-text('unknown, revoked or expired')")
        page.fill("#key-value", created(tmp_path))
        page.keyboard.press("Enter")
        page.wait_for_selector(".county")
        assert page.is_hidden("#key")
        page.fill("#county", "Aitkin")
        page.keyboard.press("Enter")
        page.wait_for_selector(".verdict")
        visit.open("/#/analyst")
        page.wait_for_selector("#formula-said .good")
        page.click("#fit")
        page.wait_for_selector("#panel pre")
        page.click("#tab-plots")
        page.wait_for_selector(".paper[data-drawn] svg")
        assert set(visit.refused) == {401}


def created(data_dir: Path) -> str:
    """A new key, as the operator's command prints it."""
    command = [sys.executable, "-m", "service", "keys", "create", "--owner", "alice"]
    environment = {**os.environ, "PARTIALPOOL_DATA_DIR": str(data_dir)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return next(word for word in done.stdout.split() if word.startswith("pp_"))
